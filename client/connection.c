#include "client/client_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/socket.h"

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000
/* A connection that lasted this long was a good one: the next is tried at once again. */
#define STABLE_NS 5000000000ull
/* The guest may wait for an answer to a revoke, and does so without a limit of its own. */
#define REVOKE_LIMIT_MS 1000

/**
 * Requests that a compositor which does not read is kept for: thousands of frames. libwayland's own
 * limit is none, and the guest decides how much is requested.
 */
#define REQUESTS_MAX_BYTES (1 << 20)

/* damage_buffer */
#define COMPOSITOR_VERSION 4

static void schedule_retry(struct gp_client *client) {
	if (client->retry_ms < RETRY_MIN_MS) {
		client->retry_ms = RETRY_MIN_MS;
	}
	wl_event_source_timer_update(client->retry_timer, (int)client->retry_ms);
	client->retry_ms *= 2;
	if (client->retry_ms > RETRY_MAX_MS) {
		client->retry_ms = RETRY_MAX_MS;
	}
}

/* In the order that the protocol asks for. */
void gp_client_disconnect(struct gp_client *client) {
	if (client->display == NULL) {
		return;
	}
	gp_client_seat_stop(client);
	for (uint32_t i = 0; i < client->options.n_scanouts; i++) {
		gp_scanout_surface_stop(&client->scanouts[i]);
	}
	gp_client_blobs_finish(client);
#define DESTROY(member, destroy)                                                                   \
	do {                                                                                       \
		if (client->member != NULL) {                                                      \
			destroy(client->member);                                                   \
			client->member = NULL;                                                     \
		}                                                                                  \
	} while (0)
	DESTROY(guest, guest_v1_destroy);
	DESTROY(manager, guest_scanout_manager_v1_destroy);
	DESTROY(viewporter, wp_viewporter_destroy);
	DESTROY(compositor, wl_compositor_destroy);
	DESTROY(globals_sync, wl_callback_destroy);
	DESTROY(registry, wl_registry_destroy);
	DESTROY(source, wl_event_source_remove);
	DESTROY(display, wl_display_disconnect);
#undef DESTROY
	client->broken = client->ready = client->want_writable = client->focused = false;
	client->blocked_ns = 0;
}

static void log_loss(const struct gp_client *client) {
	int error = wl_display_get_error(client->display);
	if (error == EPROTO) {
		const struct wl_interface *interface = NULL;
		uint32_t id = 0;
		uint32_t code = wl_display_get_protocol_error(client->display, &interface, &id);
		gp_error("the compositor refused a request: error %u on %s#%u", code,
			interface != NULL ? interface->name : "?", id);
	} else if (client->ready && !client->broken) {
		gp_warn("lost the compositor: %s",
			error == 0 || error == EPIPE || error == ECONNRESET
				? "it closed the connection"
				: strerror(error));
	}
}

/* Ends the connection and goes on trying. Not while its events are being dispatched. */
static void lose_connection(struct gp_client *client) {
	bool was_ready = client->ready;
	log_loss(client);
	if (was_ready && gp_now_ns() - client->ready_ns > STABLE_NS) {
		client->retry_ms = 0;
	}
	gp_client_disconnect(client);
	schedule_retry(client);
	if (was_ready && client->ops->disconnected != NULL) {
		client->ops->disconnected(client->data);
	}
}

void gp_client_fail(struct gp_client *client) {
	/* The socket becomes readable, so handle_display ends the connection from the loop. */
	if (client->display != NULL && !client->broken) {
		client->broken = true;
		shutdown(wl_display_get_fd(client->display), SHUT_RDWR);
	}
}

void gp_client_watch_revokes(struct gp_client *client) {
	wl_event_source_timer_update(
		client->revoke_timer, client->n_revoking > 0 ? REVOKE_LIMIT_MS : 0);
}

int gp_client_handle_revoke_limit(void *data) {
	struct gp_client *client = data;
	gp_warn("the compositor did not give memory back within %d ms", REVOKE_LIMIT_MS);
	gp_client_fail(client);
	return 0;
}

static void handle_registry_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	struct gp_client *client = data;
	if (strcmp(interface, wl_compositor_interface.name) == 0 && client->compositor == NULL &&
		version >= COMPOSITOR_VERSION) {
		client->compositor = wl_registry_bind(
			registry, name, &wl_compositor_interface, COMPOSITOR_VERSION);
	} else if (strcmp(interface, wp_viewporter_interface.name) == 0 &&
		client->viewporter == NULL) {
		client->viewporter = wl_registry_bind(registry, name, &wp_viewporter_interface, 1);
	} else if (strcmp(interface, guest_scanout_manager_v1_interface.name) == 0 &&
		client->manager == NULL) {
		client->manager =
			wl_registry_bind(registry, name, &guest_scanout_manager_v1_interface, 1);
		if (client->manager != NULL) {
			gp_client_manager_listen(client);
		}
	} else {
		gp_client_seat_bind(client, registry, name, interface, version);
	}
}

static void handle_registry_global_remove(void *data, struct wl_registry *registry, uint32_t name) {
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_registry_global,
	.global_remove = handle_registry_global_remove,
};

static void handle_globals_done(void *data, struct wl_callback *callback, uint32_t serial) {
	struct gp_client *client = data;
	wl_callback_destroy(client->globals_sync);
	client->globals_sync = NULL;
	if (client->manager != NULL && client->compositor != NULL) {
		return; // guest_scanout_manager_v1.done goes on
	}
	if (!client->logged_wrong_socket) {
		gp_error("%s is not a bridge socket: the compositor there offers no %s to this "
			 "client",
			client->options.socket,
			client->manager == NULL ? guest_scanout_manager_v1_interface.name
						: "wl_compositor of version 4");
		client->logged_wrong_socket = true;
	}
	gp_client_fail(client);
}

static const struct wl_callback_listener globals_listener = {
	.done = handle_globals_done,
};

/* What libwayland makes of more requests than fit; it drops all further ones then. */
static bool is_overflow(int error) {
	return error != 0 && error != EPROTO && error != EPIPE && error != ECONNRESET;
}

/* Sends what can be sent; the loop tells when the rest can. False: the connection is lost. */
static bool flush(struct gp_client *client) {
	bool failed = wl_display_flush(client->display) < 0;
	bool blocked = failed && errno == EAGAIN;
	/* Other errors are left to the reading side, which may find a protocol error's text. */
	if (failed && !client->broken && is_overflow(wl_display_get_error(client->display))) {
		gp_warn("the compositor does not read its socket");
		gp_client_fail(client);
	}
	if (blocked && client->blocked_ns == 0) {
		client->blocked_ns = gp_now_ns();
	} else if (!blocked) {
		client->blocked_ns = 0;
	}
	if (blocked != client->want_writable) {
		client->want_writable = blocked;
		wl_event_source_fd_update(
			client->source, WL_EVENT_READABLE | (blocked ? WL_EVENT_WRITABLE : 0));
	}
	return !client->broken;
}

/* Dispatches what was read before, so that prepare_read succeeds. */
static bool prepare_read(struct gp_client *client) {
	while (wl_display_prepare_read(client->display) != 0) {
		if (wl_display_dispatch_pending(client->display) < 0) {
			return false;
		}
	}
	return true;
}

/* Reads without blocking, and dispatches. False: the connection is lost. */
static bool read_events(struct gp_client *client) {
	return prepare_read(client) && wl_display_read_events(client->display) >= 0 &&
		wl_display_dispatch_pending(client->display) >= 0;
}

static int handle_display(int fd, uint32_t mask, void *data) {
	struct gp_client *client = data;
	client->dispatching++;
	bool ok = true;
	if ((mask & ~(uint32_t)WL_EVENT_WRITABLE) != 0) {
		ok = read_events(client);
	}
	ok = ok && flush(client);
	client->dispatching--;
	if (!ok) {
		lose_connection(client);
	}
	return 0;
}

/* Says why there is no connection, once for each cause. */
static void log_connect_error(struct gp_client *client, int error) {
	if (error == client->logged_error) {
		return;
	}
	client->logged_error = error;
	if (error == ENOENT || error == ECONNREFUSED) {
		gp_info("waiting for a compositor at %s", client->options.socket);
	} else {
		gp_warn("cannot connect to %s: %s", client->options.socket, strerror(error));
	}
}

static bool start_connection(struct gp_client *client) {
	int fd = gp_socket_connect(client->options.socket);
	if (fd < 0) {
		log_connect_error(client, errno);
		return false;
	}
	client->display = wl_display_connect_to_fd(fd);
	if (client->display == NULL) {
		log_connect_error(client, errno);
		return false;
	}
	wl_display_set_max_buffer_size(client->display, REQUESTS_MAX_BYTES);
	client->registry = wl_display_get_registry(client->display);
	client->globals_sync = wl_display_sync(client->display);
	client->source =
		wl_event_loop_add_fd(client->loop, fd, WL_EVENT_READABLE, handle_display, client);
	if (client->registry == NULL || client->globals_sync == NULL || client->source == NULL) {
		log_connect_error(client, errno);
		gp_client_disconnect(client);
		return false;
	}
	wl_registry_add_listener(client->registry, &registry_listener, client);
	wl_callback_add_listener(client->globals_sync, &globals_listener, client);
	flush(client);
	return true;
}

void gp_client_connect(struct gp_client *client) {
	if (client->display == NULL && !start_connection(client)) {
		schedule_retry(client);
	}
}

/* One turn of reading with a time limit. False: the connection is lost, or the time is over. */
static bool dispatch_until(struct gp_client *client, uint64_t deadline_ns) {
	uint64_t now = gp_now_ns();
	if (now >= deadline_ns || !prepare_read(client)) {
		return false;
	}
	flush(client);
	struct pollfd pollfd = {
		.fd = wl_display_get_fd(client->display),
		.events = POLLIN | (client->want_writable ? POLLOUT : 0),
	};
	uint64_t left = deadline_ns - now;
	struct timespec timeout = {
		.tv_sec = (time_t)(left / 1000000000),
		.tv_nsec = (long)(left % 1000000000),
	};
	if (ppoll(&pollfd, 1, &timeout, NULL) <= 0 || (pollfd.revents & ~POLLOUT) == 0) {
		wl_display_cancel_read(client->display);
		return true; // the deadline decides
	}
	return wl_display_read_events(client->display) >= 0 &&
		wl_display_dispatch_pending(client->display) >= 0;
}

void gp_client_wait_revoked(struct gp_client *client, int timeout_ms) {
	uint64_t deadline = gp_now_ns() + (uint64_t)timeout_ms * 1000000;
	bool ok = true;
	client->dispatching++;
	while (ok && client->n_revoking > 0) {
		ok = dispatch_until(client, deadline) && !client->broken;
	}
	client->dispatching--;
	if (ok) {
		return;
	}
	if (gp_now_ns() >= deadline) {
		gp_warn("the compositor did not give memory back within %d ms", timeout_ms);
		client->broken = true;
	}
	if (client->dispatching == 0) {
		lose_connection(client);
	} else {
		gp_client_fail(client);
	}
}

void gp_client_flush(struct gp_client *client) {
	for (uint32_t i = 0; client->ready && i < client->options.n_scanouts; i++) {
		gp_client_cursor_flush(&client->scanouts[i].cursor);
	}
	if (client->display != NULL) {
		flush(client);
	}
}
