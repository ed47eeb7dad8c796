#include "compositor/system/service.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wayland-server-core.h>

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

/* Whether the name of a descriptor means a socket for bridges; writes for which guest. */
static bool parse_name(const char *name, size_t length, char guest[GP_GUEST_NAME_MAX + 1]) {
	static const char prefix[] = "bridge-", unit[] = ".socket";
	const size_t n_prefix = sizeof(prefix) - 1, n_unit = sizeof(unit) - 1;
	guest[0] = '\0';
	if (length > n_prefix && length <= n_prefix + GP_GUEST_NAME_MAX &&
		memcmp(name, prefix, n_prefix) == 0) {
		memcpy(guest, name + n_prefix, length - n_prefix);
		guest[length - n_prefix] = '\0';
		return true;
	}
	return length == 0 || (length == n_prefix - 1 && memcmp(name, prefix, length) == 0) ||
		(length > n_unit && memcmp(name + length - n_unit, unit, n_unit) == 0);
}

static bool has_socket(const struct gp_service *service, const char *guest) {
	for (size_t i = 0; i < service->n_sockets; i++) {
		if (strcmp(service->sockets[i].guest, guest) == 0) {
			return true;
		}
	}
	return false;
}

/* Takes the fd. */
static void add_socket(struct gp_service *service, int fd, const char *name, size_t length) {
	struct gp_service_socket *socket = &service->sockets[service->n_sockets];
	const char *cause = NULL;
	if (service->n_sockets == GP_SERVICE_SOCKETS_MAX) {
		cause = "there are too many";
	} else if (!is_listening_stream(fd)) {
		cause = "it is no listening Unix stream socket";
	} else if (!parse_name(name, length, socket->guest)) {
		cause = "its name is neither bridge nor bridge-NAME";
	} else if (has_socket(service, socket->guest)) {
		cause = "there is another one of that name";
	}
	if (cause != NULL) {
		gp_error("descriptor %d of the service manager (%.*s) is not used: %s", fd,
			(int)length, name, cause);
		close(fd);
		return;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	gp_fd_set_nonblock(fd);
	socket->fd = fd;
	service->n_sockets++;
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

void gp_service_notify(const struct gp_service *service, const char *state) {
	if (service->notify_fd >= 0 &&
		send(service->notify_fd, state, strlen(state), MSG_NOSIGNAL) < 0) {
		gp_error_errno("service manager");
	}
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
