#include "compositor/system/socket_listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/socket.h"

#define ACCEPT_RETRY_MS 500

/* Short of descriptors, the connection stays in the queue: do not spin on it. */
static void pause_accepting(struct gp_socket_listener *listener) {
	wl_event_source_fd_update(listener->source, 0);
	wl_event_source_timer_update(listener->retry_timer, ACCEPT_RETRY_MS);
}

static int handle_retry(void *data) {
	struct gp_socket_listener *listener = data;
	wl_event_source_fd_update(listener->source, WL_EVENT_READABLE);
	return 0;
}

static int handle_connection(int listen_fd, uint32_t mask, void *data) {
	struct gp_socket_listener *listener = data;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		listener->connected(listener, fd);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		gp_error_errno("%s: accept", listener->what);
		pause_accepting(listener);
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

bool gp_socket_listener_init(struct gp_socket_listener *listener, const char *what,
	struct wl_event_loop *loop, const char *path, int listen_fd,
	void (*connected)(struct gp_socket_listener *listener, int fd)) {
	*listener = (struct gp_socket_listener){.what = what, .connected = connected};
	listener->owned = listen_fd < 0;
	listener->fd = listener->owned ? gp_socket_listen(path) : listen_fd;
	if (listener->fd < 0) {
		gp_error_errno("%s %s", what, path);
		return false;
	}
	listener->path = listener->owned ? strdup(path) : get_bound_path(listener->fd);
	listener->retry_timer = wl_event_loop_add_timer(loop, handle_retry, listener);
	listener->source = wl_event_loop_add_fd(
		loop, listener->fd, WL_EVENT_READABLE, handle_connection, listener);
	if (listener->path == NULL || listener->retry_timer == NULL || listener->source == NULL) {
		gp_error("%s: no memory", what);
		gp_socket_listener_finish(listener);
		return false;
	}
	return true;
}

void gp_socket_listener_finish(struct gp_socket_listener *listener) {
	if (listener->source != NULL) {
		wl_event_source_remove(listener->source);
	}
	if (listener->retry_timer != NULL) {
		wl_event_source_remove(listener->retry_timer);
	}
	if (listener->path != NULL && listener->owned) {
		unlink(listener->path);
	}
	gp_fd_close(&listener->fd);
	free(listener->path);
}

bool gp_socket_listener_is_reserved(int fd) {
	return gp_fd_is_short(fd, GP_FDS_RESERVED);
}
