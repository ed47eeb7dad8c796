#include "vmm-bridge/vhost/listener.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "common/log.h"

#define REST_MS 1000

struct gp_listener {
	int fd;
	struct wl_event_source *source;
	struct wl_event_source *rest_timer;
	gp_listener_func accepted;
	void *data;
};

static int handle_rest_end(void *data) {
	struct gp_listener *listener = data;
	wl_event_source_fd_update(listener->source, WL_EVENT_READABLE);
	return 0;
}

static int handle_connection(int fd, uint32_t mask, void *data) {
	struct gp_listener *listener = data;
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client != -1) {
		listener->accepted(listener->data, client);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		gp_error_limited("vhost: accept: %m; trying again in a second");
		wl_event_source_fd_update(listener->source, 0);
		wl_event_source_timer_update(listener->rest_timer, REST_MS);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		gp_error_limited("vhost: accept: %m");
	}
	return 0;
}

struct gp_listener *gp_listener_create(
	struct wl_event_loop *loop, int fd, gp_listener_func accepted, void *data) {
	struct gp_listener *listener = calloc(1, sizeof(*listener));
	if (listener == NULL) {
		gp_error_errno("vhost: calloc");
		gp_fd_close(&fd);
		return NULL;
	}
	listener->accepted = accepted;
	listener->data = data;
	listener->fd = fd;
	listener->source = wl_event_loop_add_fd(
		loop, listener->fd, WL_EVENT_READABLE, handle_connection, listener);
	listener->rest_timer = wl_event_loop_add_timer(loop, handle_rest_end, listener);
	if (listener->source == NULL || listener->rest_timer == NULL) {
		gp_error_errno("vhost: cannot watch a listening socket");
		gp_listener_destroy(listener);
		return NULL;
	}
	return listener;
}

void gp_listener_destroy(struct gp_listener *listener) {
	if (listener == NULL) {
		return;
	}
	if (listener->source != NULL) {
		wl_event_source_remove(listener->source);
	}
	if (listener->rest_timer != NULL) {
		wl_event_source_remove(listener->rest_timer);
	}
	gp_fd_close(&listener->fd);
	free(listener);
}
