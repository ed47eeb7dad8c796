#ifndef GP_COMPOSITOR_SYSTEM_BRIDGE_SOCKET_H
#define GP_COMPOSITOR_SYSTEM_BRIDGE_SOCKET_H

#include <stdbool.h>

struct wl_client;
struct wl_display;

/**
 * The socket that bridges connect to. Ordinary clients have another one, and see other globals
 * (compositor/system/security.h).
 */
struct gp_bridge_socket;

/**
 * Listens at path, with mode 0600; or on listen_fd, if that is not -1: a listening socket whose path
 * somebody else removes. Takes listen_fd, also on failure. Returns NULL after logging.
 */
struct gp_bridge_socket *gp_bridge_socket_create(
	struct wl_display *display, const char *path, int listen_fd);
/* Returns the path that the socket is bound to. */
const char *gp_bridge_socket_get_path(const struct gp_bridge_socket *socket);
/* Removes the path if it was made here. Clients stay connected. NULL is fine. */
void gp_bridge_socket_destroy(struct gp_bridge_socket *socket);

/* Whether the client connected to a bridge socket. */
bool gp_bridge_socket_has_client(const struct wl_client *client);

#endif
