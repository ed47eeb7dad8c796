#include "compositor/system/bridge_client.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "common/fd.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/socket.h"
#include "compositor/system/socket_listener.h"

static void handle_client_destroy(struct wl_listener *listener, void *data) {
	struct gp_bridge_client *bridge = wl_container_of(listener, bridge, client_destroy);
	wl_list_remove(&bridge->client_destroy.link);
	wl_list_remove(&bridge->resource_created.link);
	wl_list_remove(&bridge->link);
	free(bridge);
}

/* The ids from here on are ours. */
#define SERVER_ID_START 0xff000000

/*
 * Ids are unique among the objects that exist, so this bounds the number of these, and libwayland's
 * table of ids as well.
 */
static void handle_resource_created(struct wl_listener *listener, void *data) {
	struct gp_bridge_client *bridge = wl_container_of(listener, bridge, resource_created);
	uint32_t id = wl_resource_get_id(data);
	if (id > GP_OBJECTS_PER_CLIENT_MAX && id < SERVER_ID_START) {
		wl_client_post_implementation_error(bridge->client,
			"object id %u is above the limit of %d", id, GP_OBJECTS_PER_CLIENT_MAX);
	}
}

struct gp_bridge_client *gp_bridge_client_try_from(const struct wl_client *client) {
	struct wl_listener *listener = wl_client_get_destroy_late_listener(
		(struct wl_client *)client, handle_client_destroy);
	struct gp_bridge_client *bridge = NULL;
	return listener != NULL ? wl_container_of(listener, bridge, client_destroy) : NULL;
}

void gp_bridge_clients_init(struct gp_bridge_clients *clients) {
	*clients = (struct gp_bridge_clients){
		.max = GP_BRIDGES_MAX,
		.of_guest_max = GP_BRIDGES_OF_GUEST_MAX,
		.of_process_max = GP_BRIDGES_OF_PROCESS_MAX,
		.of_process_idle_max = GP_BRIDGES_OF_PROCESS_IDLE_MAX,
		.idle_ns = GP_BRIDGE_IDLE_NS,
		.refused_limit = {.burst = 4, .interval_ns = 1000000000},
	};
	wl_list_init(&clients->list);
	wl_signal_init(&clients->events.fds_short);
}

struct usage {
	size_t of_socket, of_process, idle_of_process;
};

static struct usage count(
	const struct gp_bridge_clients *clients, const struct gp_bridge_client *new) {
	struct usage usage = {0};
	const struct gp_bridge_client *bridge;
	wl_list_for_each (bridge, &clients->list, link) {
		bool same = bridge->pid == new->pid && bridge->uid == new->uid;
		usage.of_socket += bridge->socket == new->socket;
		usage.of_process += same;
		usage.idle_of_process += same && !bridge->has_guest;
	}
	return usage;
}

static const char *find_cause(const struct gp_bridge_clients *clients,
	const struct gp_bridge_client *new, size_t socket_max) {
	struct usage usage = count(clients, new);
	if (usage.idle_of_process >= clients->of_process_idle_max) {
		return "it has too many without a guest";
	}
	if (usage.of_process >= clients->of_process_max) {
		return "it has too many";
	}
	return usage.of_socket >= socket_max ? "the socket has too many" : NULL;
}

static void destroy_hung_up(struct gp_bridge_clients *clients) {
	struct gp_bridge_client *bridge, *tmp;
	wl_list_for_each_safe (bridge, tmp, &clients->list, link) {
		if (gp_socket_hung_up(wl_client_get_fd(bridge->client))) {
			wl_client_destroy(bridge->client);
		}
	}
}

/* The oldest one at the socket that has made no guest for too long. */
static void destroy_idle(struct gp_bridge_clients *clients, const struct gp_bridge_client *new) {
	struct gp_bridge_client *bridge;
	wl_list_for_each (bridge, &clients->list, link) {
		if (bridge->socket == new->socket && !bridge->has_guest &&
			new->since_ns - bridge->since_ns >= clients->idle_ns) {
			wl_client_destroy(bridge->client);
			return;
		}
	}
}

/* Returns why the connection is refused; NULL: it is not. */
static const char *admit(struct gp_bridge_clients *clients, const struct gp_bridge_client *new,
	size_t socket_max, int fd) {
	if (gp_socket_listener_is_reserved(fd)) {
		struct gp_fd_request request = {.pid = new->pid, .uid = new->uid};
		wl_signal_emit_mutable(&clients->events.fds_short, &request);
		if (!request.granted) {
			return "too many open files";
		}
	}
	if (find_cause(clients, new, socket_max) == NULL) {
		return NULL;
	}
	destroy_hung_up(clients);
	if (count(clients, new).of_socket >= socket_max) {
		destroy_idle(clients, new);
	}
	return find_cause(clients, new, socket_max);
}

struct gp_bridge_client *gp_bridge_client_create(struct gp_bridge_clients *clients,
	struct wl_display *display, const struct gp_bridge_socket *socket, bool for_guest, int fd) {
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);
	struct gp_bridge_client *bridge = calloc(1, sizeof(*bridge));
	if (bridge == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
		gp_error_errno("bridge socket: a connection");
		goto err_fd;
	}
	bridge->socket = socket;
	bridge->pid = peer.pid;
	bridge->uid = peer.uid;
	bridge->since_ns = gp_now_ns();
	const char *cause =
		admit(clients, bridge, for_guest ? clients->of_guest_max : clients->max, fd);
	if (cause != NULL) {
		gp_log_limited(&clients->refused_limit, GP_LOG_WARN,
			"bridge socket: a connection of process %d is refused: %s", bridge->pid,
			cause);
		goto err_fd;
	}
	bridge->client = wl_client_create(display, fd);
	if (bridge->client == NULL) {
		gp_error_errno("bridge socket: wl_client_create");
		goto err_fd;
	}
	bridge->client_destroy.notify = handle_client_destroy;
	wl_client_add_destroy_late_listener(bridge->client, &bridge->client_destroy);
	bridge->resource_created.notify = handle_resource_created;
	wl_client_add_resource_created_listener(bridge->client, &bridge->resource_created);
	wl_list_insert(clients->list.prev, &bridge->link);
	gp_debug("bridge connected: process %d of user %u", peer.pid, peer.uid);
	return bridge;

err_fd:
	free(bridge);
	gp_fd_close(&fd);
	return NULL;
}
