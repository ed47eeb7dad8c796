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

static int take_listen_fd(void) {
	const char *count = getenv("LISTEN_FDS");
	int fd = LISTEN_FDS_START;
	if (count == NULL || !is_for_us("LISTEN_PID")) {
		return -1;
	}
	if (strcmp(count, "1") != 0 || !is_listening_stream(fd)) {
		gp_warn("LISTEN_FDS is ignored: it is not one listening Unix stream socket");
		return -1;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
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
		.listen_fd = take_listen_fd(),
		.watchdog_ms = get_watchdog_ms(),
	};
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
	gp_fd_close(&service->listen_fd);
}
