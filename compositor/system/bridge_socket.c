#include "compositor/system/bridge_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"

static void handle_connected(struct gp_socket_listener *listener, int fd) {
	struct gp_bridge_socket *socket = wl_container_of(listener, socket, listener);
	struct gp_bridge_sockets *sockets = socket->sockets;
	gp_bridge_client_create(
		&sockets->clients, sockets->display, socket, socket->guest != NULL, fd);
}

struct gp_bridge_socket *gp_bridge_sockets_add(
	struct gp_bridge_sockets *sockets, const char *guest, const char *path, int listen_fd) {
	struct gp_bridge_socket *socket = calloc(1, sizeof(*socket));
	char *name = guest != NULL ? strdup(guest) : NULL;
	if (socket == NULL || (guest != NULL && name == NULL)) {
		gp_error("bridge socket: no memory");
		gp_fd_close(&listen_fd);
		goto err_name;
	}
	socket->sockets = sockets;
	socket->guest = name;
	if (!gp_socket_listener_init(&socket->listener, "bridge socket",
		    wl_display_get_event_loop(sockets->display), path, listen_fd,
		    handle_connected)) {
		goto err_name;
	}
	wl_list_insert(sockets->list.prev, &socket->link);
	return socket;

err_name:
	free(name);
	free(socket);
	return NULL;
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
			own->listener.path);
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
		gp_socket_listener_finish(&socket->listener);
		wl_list_remove(&socket->link);
		free(socket->guest);
		free(socket);
	}
}
