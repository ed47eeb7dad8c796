#ifndef GP_COMPOSITOR_SYSTEM_BRIDGE_SOCKET_H
#define GP_COMPOSITOR_SYSTEM_BRIDGE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "compositor/system/bridge_client.h"
#include "compositor/system/socket_listener.h"

/**
 * The sockets that bridges connect to: the general one, and those that are for one guest each, so
 * that a name which the configuration means is not taken at a client's word. Ordinary clients have
 * another socket, and see other globals (compositor/system/security.h).
 */
struct gp_bridge_sockets {
	struct wl_display *display;
	struct wl_list list; // gp_bridge_socket.link, oldest first
	struct gp_bridge_clients clients;
};

struct gp_bridge_socket {
	struct gp_bridge_sockets *sockets;
	struct wl_list link; // gp_bridge_sockets.list
	char *guest; // that alone may appear here; NULL: any that has no socket of its own
	struct gp_socket_listener listener;
};

void gp_bridge_sockets_init(struct gp_bridge_sockets *sockets, struct wl_display *display);
/* Removes the paths that were made here. Clients must have been destroyed. All zeros are fine. */
void gp_bridge_sockets_finish(struct gp_bridge_sockets *sockets);

/**
 * Listens for a guest, or for any that has no socket of its own if that is NULL: at path, with mode
 * 0600; or on listen_fd, if that is not -1: a listening socket whose path somebody else removes.
 * Takes listen_fd, also on failure. Returns NULL after logging.
 */
struct gp_bridge_socket *gp_bridge_sockets_add(
	struct gp_bridge_sockets *sockets, const char *guest, const char *path, int listen_fd);
/* Returns the socket of the guest, or the general one if that is NULL; or NULL. */
struct gp_bridge_socket *gp_bridge_sockets_find(
	const struct gp_bridge_sockets *sockets, const char *guest);

/* Returns the socket that the client connected to, or NULL for one that is no bridge. */
const struct gp_bridge_socket *gp_bridge_socket_of_client(const struct wl_client *client);
/**
 * Whether a client may make a guest of that name, which it is taken to do then. Otherwise writes
 * what it has to do into cause.
 */
bool gp_bridge_socket_admit_guest(
	struct wl_client *client, const char *name, char *cause, size_t size);

#endif
