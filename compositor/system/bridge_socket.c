#include "compositor/system/bridge_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"

#define ACCEPT_RETRY_MS 500
#define BRIDGES_MAX 64

struct gp_bridge_socket {
	struct wl_display *display;
	char *path;
	bool owned; // the path is ours to remove
	int fd;
	struct wl_event_source *source, *retry_timer;
};

/* Marks the clients that are bridges. */
struct bridge {
	struct wl_listener client_destroy;
};

static size_t n_bridges;

static void handle_client_destroy(struct wl_listener *listener, void *data) {
	struct bridge *bridge = wl_container_of(listener, bridge, client_destroy);
	wl_list_remove(&bridge->client_destroy.link);
	free(bridge);
	n_bridges--;
}

bool gp_bridge_socket_has_client(const struct wl_client *client) {
	return wl_client_get_destroy_late_listener(
		       (struct wl_client *)client, handle_client_destroy) != NULL;
}

static void log_peer(int fd) {
	struct ucred peer;
	socklen_t size = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
		gp_info("bridge connected: process %d of user %u", peer.pid, peer.uid);
	}
}

/* Takes the fd. */
static void add_client(struct gp_bridge_socket *socket, int fd) {
	struct bridge *bridge = calloc(1, sizeof(*bridge));
	if (bridge == NULL || n_bridges >= BRIDGES_MAX) {
		gp_warn("bridge socket: connection refused: %zu bridges already", n_bridges);
		free(bridge);
		close(fd);
		return;
	}
	log_peer(fd);
	struct wl_client *client = wl_client_create(socket->display, fd);
	if (client == NULL) {
		gp_error_errno("bridge socket: wl_client_create");
		free(bridge);
		close(fd);
		return;
	}
	bridge->client_destroy.notify = handle_client_destroy;
	wl_client_add_destroy_late_listener(client, &bridge->client_destroy);
	n_bridges++;
}

/* Short of descriptors, the connection stays in the queue: do not spin on it. */
static void pause_accepting(struct gp_bridge_socket *socket) {
	wl_event_source_fd_update(socket->source, 0);
	wl_event_source_timer_update(socket->retry_timer, ACCEPT_RETRY_MS);
}

static int handle_retry(void *data) {
	struct gp_bridge_socket *socket = data;
	wl_event_source_fd_update(socket->source, WL_EVENT_READABLE);
	return 0;
}

static int handle_connection(int listen_fd, uint32_t mask, void *data) {
	struct gp_bridge_socket *socket = data;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		add_client(socket, fd);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		gp_error_errno("bridge socket: accept");
		pause_accepting(socket);
	}
	return 0;
}

/* The path that a socket was bound to. Returns a string owned by the caller, or NULL. */
static char *get_bound_path(int fd) {
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address) - 1; // the path ends with a zero
	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
		return NULL;
	}
	return strdup(address.sun_path);
}

struct gp_bridge_socket *gp_bridge_socket_create(
	struct wl_display *display, const char *path, int listen_fd) {
	struct gp_bridge_socket *socket = calloc(1, sizeof(*socket));
	if (socket == NULL) {
		gp_error("bridge socket: no memory");
		gp_fd_close(&listen_fd);
		return NULL;
	}
	struct wl_event_loop *loop = wl_display_get_event_loop(display);
	socket->display = display;
	socket->owned = listen_fd < 0;
	socket->fd = socket->owned ? gp_socket_listen(path) : listen_fd;
	if (socket->fd < 0) {
		gp_error_errno("bridge socket %s", path);
		gp_bridge_socket_destroy(socket);
		return NULL;
	}
	socket->path = socket->owned ? strdup(path) : get_bound_path(socket->fd);
	socket->retry_timer = wl_event_loop_add_timer(loop, handle_retry, socket);
	socket->source = wl_event_loop_add_fd(
		loop, socket->fd, WL_EVENT_READABLE, handle_connection, socket);
	if (socket->path == NULL || socket->retry_timer == NULL || socket->source == NULL) {
		gp_error("bridge socket: no memory");
		gp_bridge_socket_destroy(socket);
		return NULL;
	}
	return socket;
}

const char *gp_bridge_socket_get_path(const struct gp_bridge_socket *socket) {
	return socket->path;
}

void gp_bridge_socket_destroy(struct gp_bridge_socket *socket) {
	if (socket == NULL) {
		return;
	}
	if (socket->source != NULL) {
		wl_event_source_remove(socket->source);
	}
	if (socket->retry_timer != NULL) {
		wl_event_source_remove(socket->retry_timer);
	}
	if (socket->path != NULL && socket->owned) {
		unlink(socket->path);
	}
	gp_fd_close(&socket->fd);
	free(socket->path);
	free(socket);
}
