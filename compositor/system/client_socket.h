#ifndef GP_COMPOSITOR_SYSTEM_CLIENT_SOCKET_H
#define GP_COMPOSITOR_SYSTEM_CLIENT_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "common/log.h"
#include "compositor/system/socket_listener.h"

struct gp_client_grant;

#define GP_CLIENTS_OF_SOCKET_MAX 32

/**
 * The sockets of ordinary Wayland clients. There are none but those that the user asks for, and the
 * clients of each may do what the user grants to that socket (compositor/system/security.h).
 */
struct gp_client_sockets {
	struct wl_display *display;
	struct wl_list list; // gp_client_socket.link, oldest first
	struct gp_log_limit refused_limit;
};

struct gp_client_socket {
	struct gp_client_sockets *sockets;
	struct wl_list link; // gp_client_sockets.list
	char *name;
	uint32_t permissions; // bits of enum gp_permission
	size_t n_clients;
	struct gp_socket_listener listener;
};

void gp_client_sockets_init(struct gp_client_sockets *sockets, struct wl_display *display);
/* Removes the paths. Clients must have been destroyed. All zeros are fine. */
void gp_client_sockets_finish(struct gp_client_sockets *sockets);

/* Listens as the grant says, unless there is a socket of that name. Returns false after logging. */
bool gp_client_sockets_add(struct gp_client_sockets *sockets, const struct gp_client_grant *grant);
/* Returns the socket that the client connected to, or NULL if that is none of these. */
const struct gp_client_socket *gp_client_socket_of_client(const struct wl_client *client);

#endif
