#include "client/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wayland-client-core.h>
#include <wayland-server-core.h>

#include "client/guest_scanout.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/socket.h"

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000
/* A connection that lasted this long was a good one: the next is tried at once again. */
#define STABLE_NS 5000000000ull
/* How long a compositor may leave its socket unread while the guest goes on drawing. */
#define BLOCKED_MAX_NS 5000000000ull

/**
 * Requests that are kept for a compositor which does not read: thousands of frames. libwayland's own
 * limit is none, and the guest decides how much is requested.
 */
#define REQUESTS_MAX_BYTES (1 << 20)

static void schedule_retry(struct gp_client_connection *connection) {
	if (connection->retry_ms < RETRY_MIN_MS) {
		connection->retry_ms = RETRY_MIN_MS;
	}
	wl_event_source_timer_update(connection->retry_timer, (int)connection->retry_ms);
	connection->retry_ms *= 2;
	if (connection->retry_ms > RETRY_MAX_MS) {
		connection->retry_ms = RETRY_MAX_MS;
	}
}

/* The connection is as before it was made; the caller disconnects the display. */
static struct wl_display *take_display(struct gp_client_connection *connection) {
	struct wl_display *display = connection->display;
	if (connection->source != NULL) {
		wl_event_source_remove(connection->source);
		connection->source = NULL;
	}
	connection->display = NULL;
	connection->broken = connection->want_writable = false;
	connection->established_ns = connection->blocked_ns = 0;
	return display;
}

static void log_loss(struct gp_client_connection *connection) {
	int error = wl_display_get_error(connection->display);
	if (error == EPROTO) {
		const struct wl_interface *interface = NULL;
		uint32_t id = 0;
		uint32_t code = wl_display_get_protocol_error(connection->display, &interface, &id);
		const char *name = interface != NULL ? interface->name : "?";
		if (!connection->events->refused(connection->data, name, code)) {
			gp_error_limited("the compositor refused a request: error %u on %s#%u",
				code, name, id);
		}
	} else if (connection->established_ns != 0 && !connection->broken) {
		gp_warn_limited("lost the compositor: %s",
			error == 0 || error == EPIPE || error == ECONNRESET
				? "it closed the connection"
				: strerror(error));
	} else if (!connection->broken && connection->logged_error != ECONNRESET) {
		connection->logged_error = ECONNRESET;
		gp_warn_limited("the compositor at %s closed a new connection",
			connection->options->socket);
	}
}

/* Ends the connection and goes on trying. Not while its events are dispatched. */
static void lose(struct gp_client_connection *connection) {
	log_loss(connection);
	uint64_t established_ns = connection->established_ns;
	if (established_ns != 0 && gp_now_ns() - established_ns > STABLE_NS) {
		connection->retry_ms = 0;
	}
	struct wl_display *display = take_display(connection);
	schedule_retry(connection);
	connection->events->lost(connection->data);
	wl_display_disconnect(display);
}

void gp_client_connection_fail(struct gp_client_connection *connection) {
	/* The socket becomes readable, so handle_display ends the connection from the loop. */
	if (connection->display != NULL && !connection->broken) {
		connection->broken = true;
		shutdown(wl_display_get_fd(connection->display), SHUT_RDWR);
	}
}

void gp_client_connection_end(struct gp_client_connection *connection) {
	if (connection->dispatching > 0) {
		gp_client_connection_fail(connection);
	} else if (connection->display != NULL) {
		lose(connection);
	}
}

/* What libwayland makes of more requests than fit; it drops all further ones then. */
static bool is_overflow(int error) {
	return error != 0 && error != EPROTO && error != EPIPE && error != ECONNRESET;
}

void gp_client_connection_flush(struct gp_client_connection *connection) {
	if (connection->display == NULL) {
		return;
	}
	bool failed = wl_display_flush(connection->display) < 0;
	bool blocked = failed && errno == EAGAIN;
	/* Other errors are left to the reading side, which may find a protocol error's text. */
	if (failed && !connection->broken &&
		is_overflow(wl_display_get_error(connection->display))) {
		gp_warn_limited("the compositor does not read its socket");
		gp_client_connection_fail(connection);
	}
	if (blocked && connection->blocked_ns == 0) {
		connection->blocked_ns = gp_now_ns();
	} else if (!blocked) {
		connection->blocked_ns = 0;
	}
	if (blocked != connection->want_writable) {
		connection->want_writable = blocked;
		wl_event_source_fd_update(
			connection->source, WL_EVENT_READABLE | (blocked ? WL_EVENT_WRITABLE : 0));
	}
}

bool gp_client_connection_check(struct gp_client_connection *connection) {
	if (connection->blocked_ns == 0 || gp_now_ns() - connection->blocked_ns <= BLOCKED_MAX_NS) {
		return true;
	}
	if (!connection->broken) {
		gp_warn_limited("the compositor does not read its socket");
		gp_client_connection_fail(connection);
	}
	return false;
}

/* Dispatches what was read before, so that prepare_read succeeds. */
static bool prepare_read(struct gp_client_connection *connection) {
	while (wl_display_prepare_read(connection->display) != 0) {
		if (wl_display_dispatch_pending(connection->display) < 0) {
			return false;
		}
	}
	return true;
}

static int handle_display(int fd, uint32_t mask, void *data) {
	struct gp_client_connection *connection = data;
	struct wl_display *display = connection->display;
	connection->dispatching++;
	bool ok = true;
	if ((mask & ~(uint32_t)WL_EVENT_WRITABLE) != 0) {
		ok = prepare_read(connection) && wl_display_read_events(display) >= 0 &&
			wl_display_dispatch_pending(display) >= 0;
	}
	if (ok) {
		gp_client_connection_flush(connection);
	}
	connection->dispatching--;
	if (!ok || connection->broken) {
		lose(connection);
	}
	return 0;
}

/* Says why there is no connection, once for each cause. */
static void log_connect_error(struct gp_client_connection *connection, int error) {
	if (error == connection->logged_error) {
		return;
	}
	connection->logged_error = error;
	if (error == ENOENT || error == ECONNREFUSED) {
		gp_info_limited("waiting for a compositor at %s", connection->options->socket);
	} else {
		gp_warn_limited(
			"cannot connect to %s: %s", connection->options->socket, strerror(error));
	}
}

static bool connect_display(struct gp_client_connection *connection) {
	const struct gp_client_options *options = connection->options;
	int fd = options->open != NULL ? options->open(options->open_data)
				       : gp_socket_connect(options->socket);
	connection->reached = fd >= 0;
	if (fd < 0) {
		return false;
	}
	connection->display = wl_display_connect_to_fd(fd); // closes the fd if it fails
	if (connection->display == NULL) {
		return false;
	}
	wl_display_set_max_buffer_size(connection->display, REQUESTS_MAX_BYTES);
	connection->source = wl_event_loop_add_fd(
		connection->loop, fd, WL_EVENT_READABLE, handle_display, connection);
	if (connection->source == NULL ||
		!connection->events->opened(connection->data, connection->display)) {
		int error = errno;
		wl_display_disconnect(take_display(connection));
		errno = error;
		return false;
	}
	gp_client_connection_flush(connection);
	return true;
}

pid_t gp_client_connection_get_pid(const struct gp_client_connection *connection) {
	return connection->options->pid != 0 ? connection->options->pid : getpid();
}

void gp_client_connection_open(struct gp_client_connection *connection) {
	if (connection->display == NULL && !connect_display(connection)) {
		log_connect_error(connection, errno);
		schedule_retry(connection);
	}
}

void gp_client_connection_set_established(struct gp_client_connection *connection) {
	connection->established_ns = gp_now_ns();
	connection->logged_error = 0;
}

bool gp_client_connection_dispatch(struct gp_client_connection *connection, uint64_t deadline_ns) {
	uint64_t now = gp_now_ns();
	if (connection->display == NULL || now >= deadline_ns) {
		return false;
	}
	connection->dispatching++;
	bool ok = prepare_read(connection);
	if (ok) {
		gp_client_connection_flush(connection);
		struct pollfd pollfd = {
			.fd = wl_display_get_fd(connection->display),
			.events = POLLIN | (connection->want_writable ? POLLOUT : 0),
		};
		uint64_t left = deadline_ns - now;
		const struct timespec timeout = {
			.tv_sec = (time_t)(left / 1000000000),
			.tv_nsec = (long)(left % 1000000000),
		};
		if (ppoll(&pollfd, 1, &timeout, NULL) <= 0 || (pollfd.revents & ~POLLOUT) == 0) {
			wl_display_cancel_read(connection->display); // the deadline decides
		} else {
			ok = wl_display_read_events(connection->display) >= 0 &&
				wl_display_dispatch_pending(connection->display) >= 0;
		}
	}
	connection->dispatching--;
	return ok && !connection->broken;
}

static int handle_retry(void *data) {
	gp_client_connection_open(data);
	return 0;
}

bool gp_client_connection_init(struct gp_client_connection *connection, struct wl_event_loop *loop,
	const struct gp_client_options *options, const struct gp_client_connection_events *events,
	void *data) {
	*connection = (struct gp_client_connection){
		.loop = loop,
		.options = options,
		.events = events,
		.data = data,
		.retry_timer = wl_event_loop_add_timer(loop, handle_retry, connection),
	};
	return connection->retry_timer != NULL;
}

void gp_client_connection_finish(struct gp_client_connection *connection) {
	if (connection->display != NULL) {
		wl_display_disconnect(take_display(connection));
	}
	if (connection->retry_timer != NULL) {
		wl_event_source_remove(connection->retry_timer);
	}
}
