#ifndef GP_COMPOSITOR_SYSTEM_BRIDGE_SOCKET_H
#define GP_COMPOSITOR_SYSTEM_BRIDGE_SOCKET_H

#include <stdbool.h>

struct wl_client;
struct wl_display;

/**
 * The socket on which bridges connect. It is apart from the one for ordinary clients, and only
 * those who came through it see the privileged global.
 */
struct gp_bridge_socket;

/**
 * Listens at path with mode 0600, or on a socket that listens already and is somebody else's to
 * remove: listen_fd, which is taken, or -1. Returns NULL after logging if that fails.
 */
struct gp_bridge_socket *gp_bridge_socket_create(
	struct wl_display *display, const char *path, int listen_fd);
/* The path; for a socket that was handed over the one it was bound to. */
const char *gp_bridge_socket_get_path(const struct gp_bridge_socket *socket);
/* Removes the path, if it was made here; the clients stay. NULL is fine. */
void gp_bridge_socket_destroy(struct gp_bridge_socket *socket);

/* Whether the client connected to a bridge socket. */
bool gp_bridge_socket_has_client(const struct wl_client *client);

#endif
