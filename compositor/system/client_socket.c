#include "compositor/system/client_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fd.h"
#include "compositor/config/client_grant.h"

/* Lives as long as its wl_client. */
struct socket_client {
	struct gp_client_socket *socket;
	struct wl_listener destroy;
};

static void handle_client_destroy(struct wl_listener *listener, void *data) {
	struct socket_client *client = wl_container_of(listener, client, destroy);
	wl_list_remove(&client->destroy.link);
	client->socket->n_clients--;
	free(client);
}

const struct gp_client_socket *gp_client_socket_of_client(const struct wl_client *wl_client) {
	struct wl_listener *listener = wl_client_get_destroy_late_listener(
		(struct wl_client *)wl_client, handle_client_destroy);
	if (listener == NULL) {
		return NULL;
	}
	const struct socket_client *client = wl_container_of(listener, client, destroy);
	return client->socket;
}

static void log_refused(const struct gp_client_socket *socket, const char *cause) {
	uint64_t suppressed = 0;
	if (!gp_log_limit_pass(&socket->sockets->refused_limit, &suppressed)) {
		return;
	}
	gp_warn("client socket %s: a connection is refused: %s", socket->name, cause);
	if (suppressed > 0) {
		gp_warn("client sockets: %llu such lines suppressed",
			(unsigned long long)suppressed);
	}
}

static void handle_connected(struct gp_socket_listener *listener, int fd) {
	struct gp_client_socket *socket = wl_container_of(listener, socket, listener);
	const char *cause = gp_socket_listener_is_reserved(fd)  ? "too many open files"
		: socket->n_clients >= GP_CLIENTS_OF_SOCKET_MAX ? "there are too many"
								: NULL;
	if (cause != NULL) {
		log_refused(socket, cause);
		gp_fd_close(&fd);
		return;
	}
	struct socket_client *client = calloc(1, sizeof(*client));
	struct wl_client *wl_client =
		client != NULL ? wl_client_create(socket->sockets->display, fd) : NULL;
	if (wl_client == NULL) {
		gp_error_errno("client socket %s: a connection", socket->name);
		free(client);
		gp_fd_close(&fd);
		return;
	}
	client->socket = socket;
	client->destroy.notify = handle_client_destroy;
	wl_client_add_destroy_late_listener(wl_client, &client->destroy);
	socket->n_clients++;
}

/* Returns false if the path does not fit or there is no directory for it. */
static bool get_path(const struct gp_client_grant *grant, char path[GP_PATH_MAX]) {
	const char *dir = getenv("XDG_RUNTIME_DIR");
	if (grant->path[0] == '/') {
		strcpy(path, grant->path);
		return true;
	}
	if (dir == NULL || dir[0] != '/') {
		gp_error("client socket %s: XDG_RUNTIME_DIR is not set", grant->name);
		return false;
	}
	if (snprintf(path, GP_PATH_MAX, "%s/%s", dir, grant->path) >= GP_PATH_MAX) {
		gp_error("client socket %s: the path is too long", grant->name);
		return false;
	}
	return true;
}

static bool has_socket(const struct gp_client_sockets *sockets, const char *name) {
	const struct gp_client_socket *socket;
	wl_list_for_each (socket, &sockets->list, link) {
		if (strcmp(socket->name, name) == 0) {
			return true;
		}
	}
	return false;
}

bool gp_client_sockets_add(struct gp_client_sockets *sockets, const struct gp_client_grant *grant) {
	char path[GP_PATH_MAX];
	if (has_socket(sockets, grant->name)) {
		return true;
	}
	if (!get_path(grant, path)) {
		return false;
	}
	struct gp_client_socket *socket = calloc(1, sizeof(*socket));
	char *name = strdup(grant->name);
	if (socket == NULL || name == NULL) {
		gp_error("client socket %s: no memory", grant->name);
		goto err_name;
	}
	socket->sockets = sockets;
	socket->name = name;
	socket->permissions = grant->permissions;
	if (!gp_socket_listener_init(&socket->listener, "client socket",
		    wl_display_get_event_loop(sockets->display), path, -1, handle_connected)) {
		goto err_name;
	}
	wl_list_insert(sockets->list.prev, &socket->link);
	return true;

err_name:
	free(name);
	free(socket);
	return false;
}

void gp_client_sockets_init(struct gp_client_sockets *sockets, struct wl_display *display) {
	*sockets = (struct gp_client_sockets){
		.display = display,
		.refused_limit = {.burst = 4, .interval_ns = 1000000000},
	};
	wl_list_init(&sockets->list);
}

void gp_client_sockets_finish(struct gp_client_sockets *sockets) {
	struct gp_client_socket *socket, *tmp;
	if (sockets->display == NULL) {
		return;
	}
	wl_list_for_each_safe (socket, tmp, &sockets->list, link) {
		gp_socket_listener_finish(&socket->listener);
		wl_list_remove(&socket->link);
		free(socket->name);
		free(socket);
	}
}
