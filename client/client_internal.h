#ifndef GP_CLIENT_CLIENT_INTERNAL_H
#define GP_CLIENT_CLIENT_INTERNAL_H

#include <wayland-client.h>

#include "guest-scanout-v1-client-protocol.h"
#include "pointer-constraints-unstable-v1-client-protocol.h"
#include "relative-pointer-unstable-v1-client-protocol.h"
#include "tablet-v2-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "client/guest_scanout.h"

#define GP_CURSOR_BYTES (GP_CLIENT_CURSOR_SIZE * GP_CLIENT_CURSOR_SIZE * 4)

struct gp_client_blob {
	struct gp_client *client;
	struct wl_list link; // gp_client.blobs
	struct wl_list buffers; // gp_client_buffer.link
	struct guest_blob_v1 *proxy;
	uint64_t size; // bytes
	void *user;
	struct gp_client_cursor *cursor; // whose picture this is; NULL for a blob of the user
	uint32_t next_serial;
	bool revoking;
};

struct gp_client_buffer {
	struct gp_client_blob *blob;
	struct wl_list link; // gp_client_blob.buffers
	struct wl_buffer *proxy;
	struct gp_client_layout layout;
	uint32_t serial;
	bool busy;
};

/* The cursor of a scanout: what the user wants, kept over connections, and the objects for it. */
struct gp_client_cursor {
	struct gp_scanout_surface *scanout;
	bool visible;
	uint8_t pixels[GP_CURSOR_BYTES];
	uint32_t hot_x, hot_y;
	int32_t x, y;
	bool moved; // the compositor has not been told yet
	int memfd; // owned; GP_CURSOR_BYTES for each buffer
	uint8_t *map;

	/* Of one connection. Two buffers, so that the one on screen is not written. */
	struct wl_surface *surface;
	struct gp_client_blob *blob;
	struct gp_client_buffer *buffers[2];
	bool waiting; // both buffers were read when the picture changed
	bool refused;
};

struct gp_scanout_surface {
	struct gp_client *client;
	uint32_t index;
	struct gp_client_cursor cursor;

	/* Of one connection. */
	struct wl_surface *surface;
	struct wp_viewport *viewport; // NULL until a part of a buffer is shown
	struct guest_scanout_v1 *role;
	struct zwp_locked_pointer_v1 *lock; // asked for; may be NULL
	bool cropped; // the viewport has a source
	uint64_t n_frames; // that were committed
	struct gp_client_monitor monitor;
	bool monitor_connected;
	bool new_modes; // the current batch had a mode
};

/* The wheels of a pointer in one frame of events. */
struct gp_client_axis {
	bool has_steps, has_value;
	int32_t steps; // 120ths
	wl_fixed_t value;
	uint32_t time_ms;
};

#define GP_CLIENT_TOUCHES_MAX 32

struct gp_client_touch {
	const struct gp_scanout_surface *scanout; // that it was put on; NULL: none
	int32_t id;
};

/* The seat, of one connection. */
struct gp_client_seat {
	struct wl_seat *proxy; // may be NULL: the compositor has none
	struct wl_keyboard *keyboard;
	struct wl_pointer *pointer;
	struct zwp_relative_pointer_manager_v1 *relative_manager;
	struct zwp_relative_pointer_v1 *relative;
	struct zwp_pointer_constraints_v1 *constraints;
	const struct gp_scanout_surface *over; // where the pointer is; NULL if it is not here
	struct wl_event_source *leave; // the user is notified by it; NULL: nothing is due
	bool locked;
	struct gp_client_axis axes[2]; // vertical, horizontal

	/* touch.c */
	struct wl_touch *touch;
	struct gp_client_touch touches[GP_CLIENT_TOUCHES_MAX];

	/* pen.c */
	struct zwp_tablet_manager_v2 *tablet_manager;
	struct zwp_tablet_seat_v2 *tablet_seat;
	struct wl_list tablets; // struct tablet.link
	struct wl_list tools; // struct tool.link
	struct tool *tool; // that is over a scanout; may be NULL
};

struct gp_client {
	struct wl_event_loop *loop;
	struct gp_client_options options;
	const struct gp_client_events *events;
	void *data;
	enum gp_client_vm_state state;
	uint32_t leds;
	struct gp_scanout_surface *scanouts; // options.n_scanouts
	struct gp_client_counters counters;

	struct wl_event_source *retry_timer, *revoke_timer;
	uint32_t retry_ms; // next delay; 0: the shortest
	int logged_error; // errno of connecting that was logged last
	bool logged_wrong_socket;

	/* One connection. */
	struct wl_display *display; // NULL without one
	struct wl_event_source *source;
	struct wl_registry *registry;
	struct wl_callback *globals_sync;
	struct wl_compositor *compositor;
	struct wp_viewporter *viewporter; // may be missing
	struct guest_scanout_manager_v1 *manager;
	struct guest_v1 *guest;
	struct gp_client_seat seat;
	bool focused;
	struct wl_list blobs; // gp_client_blob.link
	size_t n_revoking;
	unsigned dispatching; // depth; the connection is not ended inside
	bool broken; // to be ended from the loop
	bool ready; // the guest and its scanouts exist
	bool want_writable;
	uint64_t ready_ns; // since when
	uint64_t blocked_ns; // since when the compositor does not read; 0: it does
};

/* connection.c */
/* Tries to connect, unless there is a connection; goes on trying by itself. */
void gp_client_connect(struct gp_client *client);
/* Frees everything of the connection and makes no new one. Not while events are dispatched. */
void gp_client_disconnect(struct gp_client *client);
/* Ends the connection from the loop. Objects stay valid until then. */
void gp_client_fail(struct gp_client *client);
/**
 * Starts the clock for answers to revoke anew, or stops it; called for the first that waits, and
 * when an answer has come.
 */
void gp_client_watch_revokes(struct gp_client *client);
int gp_client_handle_revoke_limit(void *data);

/* client.c */
void gp_client_manager_listen(struct gp_client *client);

/* blob.c */
void gp_client_blobs_finish(struct gp_client *client);
/* Takes a damaged picture of the buffer to the surface, as part of its next commit. */
void gp_client_buffer_attach(struct gp_client_buffer *buffer, struct wl_surface *surface);
/* The kind of memory must be GP_CLIENT_BLOB_SHM; events go to the cursor. */
struct gp_client_blob *gp_client_blob_create_for_cursor(
	struct gp_client *client, int fd, uint64_t size, struct gp_client_cursor *cursor);

/* scanout.c */
bool gp_scanout_surface_start(struct gp_scanout_surface *scanout);
/* Destroys the objects of the connection. */
void gp_scanout_surface_stop(struct gp_scanout_surface *scanout);

/* monitor.c */
void gp_client_monitor_listen(struct gp_scanout_surface *scanout);

/* seat.c */
/* A global of the registry; nothing happens if it is no use here. */
void gp_client_seat_bind(struct gp_client *client, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version);
/* The scanouts exist. */
void gp_client_seat_start(struct gp_client *client);
/* Destroys the objects of the connection; what is pressed is told as released. */
void gp_client_seat_stop(struct gp_client *client);
/* Whose surface it is; NULL: nobody's. */
const struct gp_scanout_surface *gp_client_seat_find(
	const struct gp_client *client, const struct wl_surface *surface);

/* touch.c */
/* There is a seat with touch screens. */
void gp_client_touch_start(struct gp_client *client);
void gp_client_touch_stop(struct gp_client *client);

/* pen.c */
/* When both the seat and the manager are there. */
void gp_client_pen_start(struct gp_client *client);
void gp_client_pen_stop(struct gp_client *client);

/* cursor.c */
void gp_client_cursor_init(struct gp_client_cursor *cursor, struct gp_scanout_surface *scanout);
void gp_client_cursor_finish(struct gp_client_cursor *cursor);
/* Tells the compositor what is wanted. */
void gp_client_cursor_start(struct gp_client_cursor *cursor);
/* Tells a new position. Only the last one counts: a guest may move faster than anyone reads. */
void gp_client_cursor_flush(struct gp_client_cursor *cursor);
void gp_client_cursor_stop(struct gp_client_cursor *cursor);
void gp_client_cursor_handle_released(struct gp_client_cursor *cursor);
void gp_client_cursor_handle_failed(struct gp_client_cursor *cursor, const char *message);

#endif
