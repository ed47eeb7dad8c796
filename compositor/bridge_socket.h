#ifndef GP_COMPOSITOR_BRIDGE_SOCKET_H
#define GP_COMPOSITOR_BRIDGE_SOCKET_H

#include <stdbool.h>

struct wl_client;
struct wl_display;

/**
 * The socket on which bridges connect. It is apart from the one for ordinary clients, and only
 * those who came through it see the privileged global.
 */
struct gp_bridge_socket;

/* Listens at path with mode 0600. Returns NULL after logging if that fails. */
struct gp_bridge_socket *gp_bridge_socket_create(struct wl_display *display, const char *path);
/* Removes the path; the clients stay. NULL is fine. */
void gp_bridge_socket_destroy(struct gp_bridge_socket *socket);

/* Whether the client came through a bridge socket. */
bool gp_client_is_bridge(struct wl_client *client);

#endif
