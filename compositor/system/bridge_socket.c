#include "compositor/system/bridge_socket.h"

#include <errno.h>
#include <stdio.h>
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
		struct gp_bridge_sockets *sockets = socket->sockets;
		gp_bridge_client_create(
			&sockets->clients, sockets->display, socket, socket->guest != NULL, fd);
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

static void destroy(struct gp_bridge_socket *socket) {
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
	wl_list_remove(&socket->link);
	free(socket->guest);
	free(socket->path);
	free(socket);
}

struct gp_bridge_socket *gp_bridge_sockets_add(
	struct gp_bridge_sockets *sockets, const char *guest, const char *path, int listen_fd) {
	struct gp_bridge_socket *socket = calloc(1, sizeof(*socket));
	if (socket == NULL) {
		gp_error("bridge socket: no memory");
		gp_fd_close(&listen_fd);
		return NULL;
	}
	struct wl_event_loop *loop = wl_display_get_event_loop(sockets->display);
	wl_list_insert(sockets->list.prev, &socket->link);
	socket->sockets = sockets;
	socket->owned = listen_fd < 0;
	socket->fd = socket->owned ? gp_socket_listen(path) : listen_fd;
	if (socket->fd < 0) {
		gp_error_errno("bridge socket %s", path);
		destroy(socket);
		return NULL;
	}
	socket->guest = guest != NULL ? strdup(guest) : NULL;
	socket->path = socket->owned ? strdup(path) : get_bound_path(socket->fd);
	socket->retry_timer = wl_event_loop_add_timer(loop, handle_retry, socket);
	socket->source = wl_event_loop_add_fd(
		loop, socket->fd, WL_EVENT_READABLE, handle_connection, socket);
	if ((guest != NULL && socket->guest == NULL) || socket->path == NULL ||
		socket->retry_timer == NULL || socket->source == NULL) {
		gp_error("bridge socket: no memory");
		destroy(socket);
		return NULL;
	}
	return socket;
}

struct gp_bridge_socket *gp_bridge_sockets_find(
	const struct gp_bridge_sockets *sockets, const char *guest) {
	struct gp_bridge_socket *socket;
	wl_list_for_each (socket, &sockets->list, link) {
		bool found = guest != NULL
			? socket->guest != NULL && strcmp(socket->guest, guest) == 0
			: socket->guest == NULL;
		if (found) {
			return socket;
		}
	}
	return NULL;
}

const struct gp_bridge_socket *gp_bridge_socket_of_client(const struct wl_client *client) {
	const struct gp_bridge_client *bridge = gp_bridge_client_try_from(client);
	return bridge != NULL ? bridge->socket : NULL;
}

bool gp_bridge_socket_admit_guest(
	struct wl_client *client, const char *name, char *cause, size_t size) {
	struct gp_bridge_client *bridge = gp_bridge_client_try_from(client);
	if (bridge == NULL) {
		return true;
	}
	const struct gp_bridge_socket *socket = bridge->socket;
	const struct gp_bridge_socket *own = gp_bridge_sockets_find(socket->sockets, name);
	if (socket->guest != NULL && strcmp(socket->guest, name) != 0) {
		snprintf(cause, size, "this socket is for the guest %s alone, not for %s",
			socket->guest, name);
		return false;
	}
	if (socket->guest == NULL && own != NULL) {
		snprintf(cause, size, "the guest %s has a socket of its own: connect to %s", name,
			own->path);
		return false;
	}
	bridge->has_guest = true;
	return true;
}

void gp_bridge_sockets_init(struct gp_bridge_sockets *sockets, struct wl_display *display) {
	sockets->display = display;
	wl_list_init(&sockets->list);
	gp_bridge_clients_init(&sockets->clients);
}

void gp_bridge_sockets_finish(struct gp_bridge_sockets *sockets) {
	struct gp_bridge_socket *socket, *tmp;
	if (sockets->display == NULL) {
		return;
	}
	wl_list_for_each_safe (socket, tmp, &sockets->list, link) {
		destroy(socket);
	}
}
