#include "common/service.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

#define LISTEN_FDS_START 3
#define LISTEN_FDS_MAX 256
#define WATCHDOG_MAX_MS 3600000

static bool is_for_us(const char *variable) {
	const char *pid = getenv(variable);
	return pid != NULL && strtol(pid, NULL, 10) == getpid();
}

static bool is_listening_stream(int fd) {
	int type = 0, domain = 0, listening = 0;
	socklen_t size = sizeof(int);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

void gp_service_refuse_socket(struct gp_service_socket *socket, const char *cause) {
	gp_error("descriptor %d of the service manager (%s) is not used: %s", socket->fd,
		socket->name, cause);
	gp_fd_close(&socket->fd);
}

static void find_path(struct gp_service_socket *socket) {
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address);
	if (getsockname(socket->fd, (struct sockaddr *)&address, &size) == 0 &&
		address.sun_path[0] == '/') {
		memcpy(socket->path, address.sun_path, sizeof(address.sun_path)); // zeros follow
	}
}

/* Takes the fd. */
static void add_socket(struct gp_service *service, int fd, const char *name, size_t length) {
	struct gp_service_socket added = {.fd = fd}, *socket = &added;
	memcpy(added.name, name, length < GP_SERVICE_NAME_MAX ? length : GP_SERVICE_NAME_MAX);
	if (service->n_sockets == GP_SERVICE_SOCKETS_MAX) {
		gp_service_refuse_socket(socket, "there are too many");
	} else if (!is_listening_stream(fd)) {
		gp_service_refuse_socket(socket, "it is no listening Unix stream socket");
	} else {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		gp_fd_set_nonblock(fd);
		find_path(socket);
		service->sockets[service->n_sockets++] = added;
	}
}

static void take_sockets(struct gp_service *service) {
	const char *count = getenv("LISTEN_FDS"), *name = getenv("LISTEN_FDNAMES");
	int n = count != NULL && is_for_us("LISTEN_PID") ? atoi(count) : 0;
	name = name != NULL ? name : "";
	for (int i = 0; i < n && i < LISTEN_FDS_MAX; i++) {
		size_t length = strcspn(name, ":");
		add_socket(service, LISTEN_FDS_START + i, name, length);
		name += length + (name[length] == ':');
	}
}

static int connect_notify(void) {
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path != NULL ? strlen(path) : 0;
	if (length < 2 || length > sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@')) {
		return -1;
	}
	memcpy(address.sun_path, path, length);
	if (path[0] == '@') {
		address.sun_path[0] = '\0'; // abstract
	}
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 &&
		connect(fd, (struct sockaddr *)&address,
			offsetof(struct sockaddr_un, sun_path) + length) < 0) {
		gp_error_errno("NOTIFY_SOCKET %s", path);
		gp_fd_close(&fd);
	}
	return fd;
}

/* Half of the time after which the service manager gives up on us. */
static uint32_t get_watchdog_ms(void) {
	const char *interval_us = getenv("WATCHDOG_USEC");
	if (interval_us == NULL || (getenv("WATCHDOG_PID") != NULL && !is_for_us("WATCHDOG_PID"))) {
		return 0;
	}
	unsigned long long half_ms = strtoull(interval_us, NULL, 10) / 2000;
	return half_ms > WATCHDOG_MAX_MS ? WATCHDOG_MAX_MS : half_ms;
}

void gp_service_init(struct gp_service *service) {
	static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
		"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"};
	*service = (struct gp_service){
		.notify_fd = connect_notify(),
		.watchdog_ms = get_watchdog_ms(),
	};
	take_sockets(service);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		unsetenv(variables[i]);
	}
}

bool gp_service_is_notified(const struct gp_service *service) {
	return service->notify_fd >= 0;
}

void gp_service_notify(const struct gp_service *service, const char *state) {
	if (service->notify_fd >= 0 &&
		send(service->notify_fd, state, strlen(state), MSG_NOSIGNAL) < 0) {
		gp_error_errno("service manager");
	}
}

void gp_service_notify_reloading(const struct gp_service *service) {
	char state[64];
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)gp_now_ns() / 1000);
	gp_service_notify(service, state);
}

void gp_service_set_status(struct gp_service *service, const char *status) {
	char shown[GP_SERVICE_STATUS_MAX], state[sizeof("STATUS=") + GP_SERVICE_STATUS_MAX];
	gp_escape(shown, sizeof(shown), status);
	if (service->notify_fd < 0 || strcmp(shown, service->status) == 0) {
		return;
	}
	strcpy(service->status, shown);
	snprintf(state, sizeof(state), "STATUS=%s", shown);
	gp_service_notify(service, state);
}

static int handle_watchdog(void *data) {
	struct gp_service *service = data;
	gp_service_notify(service, "WATCHDOG=1");
	wl_event_source_timer_update(service->watchdog, service->watchdog_ms);
	return 0;
}

bool gp_service_start_watchdog(struct gp_service *service, struct wl_event_loop *loop) {
	if (service->watchdog_ms == 0 || service->notify_fd < 0) {
		return true;
	}
	service->watchdog = wl_event_loop_add_timer(loop, handle_watchdog, service);
	if (service->watchdog == NULL) {
		return false;
	}
	handle_watchdog(service);
	return true;
}

void gp_service_finish(struct gp_service *service) {
	if (service->watchdog != NULL) {
		wl_event_source_remove(service->watchdog);
		service->watchdog = NULL;
	}
	gp_fd_close(&service->notify_fd);
	for (size_t i = 0; i < service->n_sockets; i++) {
		gp_fd_close(&service->sockets[i].fd);
	}
}
