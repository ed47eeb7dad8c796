#ifndef GP_COMPOSITOR_SYSTEM_BRIDGE_CLIENT_H
#define GP_COMPOSITOR_SYSTEM_BRIDGE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <wayland-server-core.h>

#include "common/log.h"

struct gp_bridge_socket;

/**
 * Connections of bridges, with the limits of common/limits.h. A process is a pid and uid as of its
 * connect(2); one that lies in a pid namespace of which nothing is seen here counts as one with all
 * such of its user. A connection that hung up counts no more, whether that was noticed or not.
 */

/* A connection that has made no guest by then gives way to a new one where there are too many. */
#define GP_BRIDGE_IDLE_NS UINT64_C(10000000000)

/* Descriptors are short, and a process wants one. */
struct gp_fd_request {
	pid_t pid;
	uid_t uid;
	bool granted; // set by the listener
};

/* All clients that are bridges, with the limits above, which may be changed after init. */
struct gp_bridge_clients {
	struct wl_list list; // gp_bridge_client.link, oldest first
	size_t max, of_guest_max, of_process_max, of_process_idle_max;
	uint64_t idle_ns;
	struct gp_log_limit refused_limit;

	struct {
		/* struct gp_fd_request; the listener may destroy other clients. */
		struct wl_signal fds_short;
	} events;
};

/* Lives as long as its wl_client. */
struct gp_bridge_client {
	struct wl_list link; // gp_bridge_clients.list
	struct wl_client *client;
	const struct gp_bridge_socket *socket; // that it connected to
	pid_t pid;
	uid_t uid;
	uint64_t since_ns;
	bool has_guest; // or had one
	struct wl_listener client_destroy;
	struct wl_listener resource_created;
};

/* Nothing is to be finished once all clients are destroyed. */
void gp_bridge_clients_init(struct gp_bridge_clients *clients);
/**
 * Makes a client of a connection to the socket, which must outlive it. for_guest: the socket is for
 * one guest. May destroy others, as said above. Takes the fd. Returns NULL, after logging, if there
 * are too many.
 */
struct gp_bridge_client *gp_bridge_client_create(struct gp_bridge_clients *clients,
	struct wl_display *display, const struct gp_bridge_socket *socket, bool for_guest, int fd);
/* Returns NULL for a client that is no bridge. */
struct gp_bridge_client *gp_bridge_client_try_from(const struct wl_client *client);

#endif
