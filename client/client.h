#ifndef GP_CLIENT_CLIENT_H
#define GP_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/edid.h"
#include "common/format.h"
#include "common/rect.h"

/**
 * The bridge's side of guest-scanout-v1. The connection is made when the compositor's socket
 * appears, and again when it was lost; objects of a lost connection are forgotten, and the user is
 * told to make them again (connected). State and cursors are kept and told again from here.
 *
 * All callbacks come from the event loop, or from gp_client_wait_revoked. They may call any
 * function of this header but gp_client_destroy.
 */

struct wl_event_loop;
struct gp_client;
struct gp_blob; // a guest_blob_v1
struct gp_buffer; // a wl_buffer of a blob

enum gp_blob_kind { // values of guest_blob_v1.kind
	GP_BLOB_SHM = 0,
	GP_BLOB_SYSTEM_DMABUF = 1,
	GP_BLOB_DEVICE_DMABUF = 2,
};

enum gp_vm_state { // values of guest_v1.state
	GP_GUEST_WAITING = 0,
	GP_GUEST_RUNNING = 1,
	GP_GUEST_PAUSED = 2,
	GP_VM_DISCONNECTED = 3,
};

struct gp_client_ops {
	/* The compositor is there and all scanouts exist: show what there is. */
	void (*connected)(void *data);
	/* It went: every blob and buffer has become invalid and has been freed. */
	void (*disconnected)(void *data);
	/* The monitor of a scanout changed; NULL: it has none. */
	void (*monitor)(void *data, uint32_t scanout, const struct gp_monitor *monitor);
	/* The scanout is seen, or hidden. */
	void (*visibility)(void *data, uint32_t scanout, bool visible);
	/* Which way frames take now; reason says why not a better one. */
	void (*path)(void *data, uint32_t scanout, const char *path, const char *reason);
	/* The compositor no longer reads the buffer. user is that of gp_blob_create, as below. */
	void (*released)(void *data, void *user, struct gp_buffer *buffer);
	/**
	 * The buffer was refused; the text says why. Try another kind of memory. lasting: the same
	 * kind of memory and format would be refused again.
	 */
	void (*failed)(void *data, void *user, struct gp_buffer *buffer, bool lasting,
		const char *message);
	/* All use of the blob has ended; it has been freed. */
	void (*revoked)(void *data, void *user);
};

/* A pen over a scanout. */
struct gp_seat_pen {
	uint32_t scanout;
	int32_t x, y;
	bool is_rubber; // the other end of it
	bool is_down; // touches the screen
	bool buttons[3]; // BTN_STYLUS, BTN_STYLUS2, BTN_STYLUS3
	uint32_t pressure; // up to 65535, which is what it is if it is down and cannot tell
	int32_t tilt_x, tilt_y; // in 1/256 degree
};

/**
 * The seat of the compositor, as far as it is with this guest. Times are in milliseconds of
 * CLOCK_MONOTONIC, of which the lower 32 bits are there; lengths in 1/256 pixel.
 */
struct gp_seat_ops {
	/* Codes are evdev's. What is pressed when the keyboard comes is told as well. */
	void (*key)(void *data, uint32_t time_ms, uint32_t code, bool pressed);
	/* The keyboard has gone: nothing is pressed any more. */
	void (*keyboard_leave)(void *data);
	/* Within the scanout, or beyond its edge while a button is held. */
	void (*pointer_motion)(
		void *data, uint32_t time_ms, uint32_t scanout, int32_t x, int32_t y);
	void (*pointer_button)(void *data, uint32_t time_ms, uint32_t code, bool pressed);
	/* In 1/256 of a 120th of a step of a wheel; down and right are positive. */
	void (*pointer_axis)(void *data, uint32_t time_ms, bool horizontal, int32_t amount);
	/* The pointer has gone, to no other scanout of the guest. */
	void (*pointer_leave)(void *data);
	/* While the pointer is locked there is relative motion only. */
	void (*pointer_locked)(void *data, bool locked);
	void (*pointer_relative)(void *data, uint32_t time_ms, int32_t dx, int32_t dy);
	/* A finger stays with the scanout that it was put on. Changes up to a frame are at once. */
	void (*touch_down)(
		void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y);
	void (*touch_motion)(
		void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y);
	void (*touch_up)(void *data, uint32_t time_ms, int32_t id);
	void (*touch_frame)(void *data);
	/* No finger touches any more. */
	void (*touch_cancel)(void *data);
	/* The pen has come, or has changed. */
	void (*pen)(void *data, uint32_t time_ms, const struct gp_seat_pen *pen);
	void (*pen_leave)(void *data);
};

struct gp_client_options {
	const char *socket; // path; must stay valid
	const char *name; // of the guest; must stay valid
	uint8_t uuid[16];
	uint32_t n_scanouts;
	const struct gp_seat_ops *seat_ops; // data is that of the client
	bool wants_lock; // there is a use for relative motion
	bool wants_touch, wants_pen;
};

/* Never fails for want of a compositor: it goes on trying. NULL: no memory. */
struct gp_client *gp_client_create(struct wl_event_loop *loop,
	const struct gp_client_options *options, const struct gp_client_ops *ops, void *data);
/* NULL is fine. */
void gp_client_destroy(struct gp_client *client);
bool gp_client_connected(const struct gp_client *client);

void gp_client_set_state(struct gp_client *client, enum gp_vm_state state);
void gp_client_next_generation(struct gp_client *client);

/* What the guest's keyboard shows: bits of (1 << LED_*) of evdev. */
void gp_client_set_leds(struct gp_client *client, uint32_t leds);
/* Whether the guest has the keyboard. */
bool gp_client_focused(const struct gp_client *client);

/**
 * A blob of the fd, which is duplicated: the caller keeps its own. device is NULL or a PCI address.
 * NULL while there is no connection. user comes back in released, failed and revoked.
 */
struct gp_blob *gp_blob_create(struct gp_client *client, int fd, uint64_t size,
	enum gp_blob_kind kind, const char *device, void *user);
/**
 * Starts the end: revoked (or disconnected) will be called, and the blob and its buffers are freed
 * then. No more calls with the blob or its buffers, and no more of their callbacks.
 */
void gp_blob_revoke(struct gp_blob *blob);
/**
 * Waits up to timeout_ms for the answers to all revokes sent; drops the connection if they do not
 * come, which ends all use as well. Callbacks are called from here.
 */
void gp_client_wait_revoked(struct gp_client *client, int timeout_ms);

/**
 * Asynchronous; failed may come later. Layout is linear. NULL: no memory, or a layout that does not
 * lie in the blob or has a side of 0 or more than 16384 pixels.
 */
struct gp_buffer *gp_buffer_create(struct gp_blob *blob, const struct gp_format *format,
	uint32_t width, uint32_t height, uint32_t offset, uint32_t stride);
void gp_buffer_destroy(struct gp_buffer *buffer);
/* Whether the compositor holds it (committed and not yet released). */
bool gp_buffer_busy(const struct gp_buffer *buffer);
const struct gp_format *gp_buffer_format(const struct gp_buffer *buffer);

/**
 * Commits a frame: buffer, the part of it to show (source), and damage in buffer coordinates. A
 * NULL buffer disables the scanout; the rectangles are not read then. The previous buffer's release
 * comes later. Nothing happens while there is no connection.
 */
void gp_client_show(struct gp_client *client, uint32_t scanout, struct gp_buffer *buffer,
	const struct gp_rect *source, const struct gp_rect *damage);

/* The cursor: 64×64 ARGB8888, rows packed; NULL hides it. Pixels are copied. */
void gp_client_cursor(struct gp_client *client, uint32_t scanout, const void *pixels,
	uint32_t hot_x, uint32_t hot_y);
void gp_client_move_cursor(struct gp_client *client, uint32_t scanout, int32_t x, int32_t y);

/* Sends what was requested; called before the loop sleeps, and where latency matters. */
void gp_client_flush(struct gp_client *client);

struct gp_client_counters {
	uint64_t commits, imports, imports_failed, releases, connects;
};
const struct gp_client_counters *gp_client_counters(const struct gp_client *client);

#endif
