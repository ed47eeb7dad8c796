#include "compositor/sockets.h"

#include "common/fd.h"
#include "common/log.h"
#include "compositor/server.h"
#include "compositor/system/passed_socket.h"

/* Takes the fd. The first one of a guest is in force: the service manager's, the command line's. */
static bool add_bridge_socket(
	struct gp_server *server, const char *guest, const char *path, int listen_fd) {
	if (gp_bridge_sockets_find(&server->bridge_sockets, guest) != NULL) {
		gp_fd_close(&listen_fd);
		return true;
	}
	return gp_bridge_sockets_add(&server->bridge_sockets, guest, path, listen_fd) != NULL;
}

static bool add_guest_sockets(struct gp_server *server, const struct gp_guest_sockets *sockets) {
	for (size_t i = 0; i < sockets->n; i++) {
		if (!add_bridge_socket(server, sockets->list[i].guest, sockets->list[i].path, -1)) {
			return false;
		}
	}
	return true;
}

bool gp_server_open_bridge_sockets(struct gp_server *server) {
	struct gp_service *service = &server->service;
	bool general = gp_settings_has_general_bridge_socket(&server->settings);
	gp_bridge_sockets_init(&server->bridge_sockets, server->display);
	for (size_t i = 0; i < service->n_sockets; i++) {
		char guest[GP_GUEST_NAME_MAX + 1];
		struct gp_service_socket *passed = &service->sockets[i];
		if (!gp_passed_socket_parse(passed->name, guest)) {
			gp_service_refuse_socket(
				passed, "its name is neither bridge nor bridge-NAME");
			continue;
		}
		const char *name = guest[0] != '\0' ? guest : NULL;
		if (name == NULL && !general) {
			gp_service_refuse_socket(passed, "the configuration wants no general one");
		} else if (gp_bridge_sockets_find(&server->bridge_sockets, name) != NULL) {
			gp_service_refuse_socket(passed, "there is another one of that name");
		} else if (!add_bridge_socket(server, name, NULL, gp_fd_take(&passed->fd))) {
			return false;
		}
	}
	if (general && !add_bridge_socket(server, NULL, server->options->bridge_socket, -1)) {
		return false;
	}
	if (!add_guest_sockets(server, &server->options->guest_sockets) ||
		!add_guest_sockets(server, &server->settings.config->guest_sockets)) {
		return false;
	}
	if (wl_list_empty(&server->bridge_sockets.list)) {
		gp_warn("no bridge can connect: there is no bridge socket, nor one of a guest");
	}
	const struct gp_bridge_socket *socket =
		gp_bridge_sockets_find(&server->bridge_sockets, NULL);
	server->outputs.bridge_socket = socket != NULL ? socket->listener.path : NULL;
	return true;
}

static bool add_client_sockets(struct gp_server *server, const struct gp_client_grants *grants) {
	for (size_t i = 0; i < grants->n; i++) {
		if (!gp_client_sockets_add(&server->client_sockets, &grants->list[i])) {
			return false;
		}
	}
	return true;
}

bool gp_server_open_client_sockets(struct gp_server *server) {
	gp_client_sockets_init(&server->client_sockets, server->display);
	return add_client_sockets(server, &server->options->client_grants) &&
		add_client_sockets(server, &server->settings.config->client_grants);
}
