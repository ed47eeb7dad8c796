#ifndef GP_CLIENT_CONNECTION_H
#define GP_CLIENT_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * The connection to the compositor's socket: made when the socket appears, and again after it was
 * lost, with growing pauses. It knows none of the objects that live on it.
 */

struct gp_client_options;
struct wl_display;
struct wl_event_loop;
struct wl_event_source;

struct gp_client_connection_events {
	/* There is a display. False: no memory (errno); the connection is closed without `lost`. */
	bool (*opened)(void *data, struct wl_display *display);
	/* A protocol error ended it, `lost` follows. Returns whether the cause was logged. */
	bool (*refused)(void *data, const char *interface, uint32_t code);
	/* From the loop: destroy what was made on the display, which is disconnected next. */
	void (*lost)(void *data);
};

struct gp_client_connection {
	struct wl_event_loop *loop;
	const struct gp_client_options *options; // socket, open, pid
	const struct gp_client_connection_events *events;
	void *data;
	struct wl_event_source *retry_timer;
	uint32_t retry_ms; // next pause; 0: the shortest
	int logged_error; // errno of connecting that was logged last
	bool reached; // the socket was there when it was tried last

	/* One connection. */
	struct wl_display *display; // NULL without one
	struct wl_event_source *source;
	unsigned dispatching; // depth; the connection is not ended inside
	bool broken; // to be ended from the loop
	bool want_writable;
	uint64_t established_ns; // since when it has been of use; 0: it is not yet
	uint64_t blocked_ns; // since when the compositor has not read; 0: it does
};

/* loop, options and events must outlive it. Returns false without memory. */
bool gp_client_connection_init(struct gp_client_connection *connection, struct wl_event_loop *loop,
	const struct gp_client_options *options, const struct gp_client_connection_events *events,
	void *data);
/* Disconnects without `lost`: what was made on the display must have been destroyed. */
void gp_client_connection_finish(struct gp_client_connection *connection);

/* The process that the compositor sees at this end. */
pid_t gp_client_connection_get_pid(const struct gp_client_connection *connection);

/* Tries to connect, and goes on trying by itself. */
void gp_client_connection_open(struct gp_client_connection *connection);
/* The compositor is the right one: what goes wrong from now on is logged as a loss. */
void gp_client_connection_set_established(struct gp_client_connection *connection);
/* Ends it from the loop. The display and its objects stay valid until then. */
void gp_client_connection_fail(struct gp_client_connection *connection);
/* Ends it now, or from the loop while its events are dispatched. */
void gp_client_connection_end(struct gp_client_connection *connection);

/* Sends what can be sent; the rest follows when the compositor reads. */
void gp_client_connection_flush(struct gp_client_connection *connection);
/**
 * Whether frames may be sent. A compositor that has not read for seconds while the guest goes on
 * drawing loses the connection.
 */
bool gp_client_connection_check(struct gp_client_connection *connection);
/**
 * Waits for events until deadline_ns and dispatches them. False: the connection is to be ended, or
 * the time is over.
 */
bool gp_client_connection_dispatch(struct gp_client_connection *connection, uint64_t deadline_ns);

#endif
