#ifndef GP_CLIENT_GUEST_SCANOUT_H
#define GP_CLIENT_GUEST_SCANOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * libguest-scanout: the client half of the Wayland protocol guest-scanout-v1. It shows the scanouts
 * of one VM on a compositor that has the protocol, and reports what the compositor's monitors, its
 * user and its presentation are like.
 *
 * The life of a connection: the client connects when the compositor's socket appears, and again
 * after a connection was lost, with pauses that grow from 0.1 to 2 s. Blobs and buffers belong to
 * one connection: they are freed before `disconnected` is called, and the user makes them again
 * when `connected` is. The VM's state, its LEDs and its cursors are kept and sent again by the
 * library.
 *
 * The event loop: libwayland's, which the user owns and dispatches (wl_event_loop_dispatch; its fd
 * can be polled by another loop, see wl_event_loop_get_fd). Before each wait the user calls
 * gp_client_flush, because requests are only written down until then.
 *
 * Threads: none are made, and nothing is locked. All calls come from the thread that dispatches the
 * loop. Callbacks come from its dispatch, from gp_client_wait_revoked, and, to release what the
 * seat still holds, from gp_client_destroy. A callback may call any function of this header other
 * than gp_client_destroy.
 *
 * Memory and descriptors: what a call is given is copied, and an fd duplicated, unless it says
 * otherwise. Pointers that a callback is given are valid until it returns, but for blobs and
 * buffers, which live as said there.
 *
 * Errors: a function that can fail returns NULL; the cause is logged once, on stderr. What cannot
 * be sent for want of a connection is kept or dropped as each function says. What the compositor
 * refuses is reported (`failed`). A protocol error loses the connection, so that what would be
 * one is not sent.
 *
 * Units: pixels and bytes where nothing else is said; times are CLOCK_MONOTONIC. Integers are in
 * the host's byte order, pixels laid out as their DRM fourcc says (drm_fourcc.h).
 */

#define GP_CLIENT_SCANOUTS_MAX 16
#define GP_CLIENT_MODES_MAX 16
#define GP_CLIENT_PLANES_MAX 4
#define GP_CLIENT_CURSOR_SIZE 64 // width and height of a cursor

struct wl_event_loop;
struct gp_client;
struct gp_client_blob; // memory that the compositor can read
struct gp_client_buffer; // pixels in a blob

enum gp_client_vm_state {
	GP_CLIENT_VM_WAITING = 0, // its display device has not been started
	GP_CLIENT_VM_RUNNING = 1,
	GP_CLIENT_VM_PAUSED = 2, // may go on with the same content
	GP_CLIENT_VM_DISCONNECTED = 3, // it ended; another may take its place
};

enum gp_client_blob_kind {
	GP_CLIENT_BLOB_SHM = 0, // a memory file with F_SEAL_SHRINK
	GP_CLIENT_BLOB_SYSTEM_DMABUF = 1, // of system memory, as from udmabuf
	GP_CLIENT_BLOB_DEVICE_DMABUF = 2, // of a PCI device's memory, as from VFIO
};

struct gp_client_rect {
	uint32_t x, y, width, height;
};

struct gp_client_mode {
	uint32_t width, height;
	uint32_t refresh_mhz; // never 0
};

/* The monitor that the guest shall see. Strings are UTF-8; empty means unknown. */
struct gp_client_monitor {
	struct gp_client_mode modes[GP_CLIENT_MODES_MAX]; // the first is the preferred one
	size_t n_modes; // at least 1
	uint32_t width_mm, height_mm; // 0: unknown
	char make[64], model[64], serial[64]; // cut if longer
};

/* Why the compositor cannot show a buffer. */
struct gp_client_failure {
	/**
	 * Memory of the same kind, format and modifier would be refused again: all of it, or if
	 * stride_alignment is not 0, that with a stride which is no multiple of so many bytes.
	 */
	bool lasting;
	uint32_t stride_alignment; // 0: the stride is no cause, or it is unknown
	const char *message; // in English words, for logs
};

/**
 * What the compositor reports. data is that of gp_client_create, user that of
 * gp_client_blob_create. Each may be NULL.
 */
struct gp_client_events {
	/* The compositor is there and has all scanouts: show what there is. */
	void (*connected)(void *data);
	/* The connection was lost. All blobs and buffers have been freed, without `revoked`. */
	void (*disconnected)(void *data);
	/* The monitor of a scanout has changed; NULL: it has none. */
	void (*monitor)(void *data, uint32_t scanout, const struct gp_client_monitor *monitor);
	/**
	 * The scanout becomes visible or hidden; it is hidden when it connects. Frames of a hidden
	 * scanout are not paced by `released`: the user does that.
	 */
	void (*visibility)(void *data, uint32_t scanout, bool visible);
	/**
	 * The presentation path of frames, best first: "direct", "parent", "gpu", "mapped",
	 * "copied"; "none" while hidden, or "unknown". reason says why it is not a better one; it
	 * may be empty.
	 */
	void (*path)(void *data, uint32_t scanout, const char *path, const char *reason);
	/* Nobody reads the buffer any more: the VM may write to it. */
	void (*released)(void *data, void *user, struct gp_client_buffer *buffer);
	/**
	 * The compositor cannot show the buffer, which stays without content: destroy it, or revoke
	 * its blob, and try another layout or kind of memory.
	 */
	void (*failed)(void *data, void *user, struct gp_client_buffer *buffer,
		const struct gp_client_failure *failure);
	/* The acknowledgement of gp_client_blob_revoke: nobody reads the memory any more. */
	void (*revoked)(void *data, void *user);
	/* The compositor has another renderer: it may take now what it has refused. */
	void (*renderer_changed)(void *data);
};

/* A pen over a scanout. */
struct gp_client_pen {
	uint32_t scanout;
	int32_t x, y; // in 1/256 pixel
	bool eraser; // the other end of it
	bool down; // touches the screen
	bool buttons[3]; // BTN_STYLUS, BTN_STYLUS2, BTN_STYLUS3
	/* 0 to 65535; the most also for a pen that is down and does not measure it. */
	uint32_t pressure;
	int32_t tilt_x, tilt_y; // in 1/256 degree
};

/**
 * What the compositor's user does while this VM has the focus. data is gp_client_options.seat_data.
 * None may be NULL. Codes are evdev's; time_ms has the lower 32 bits of a time in milliseconds; x,
 * y, dx and dy are in 1/256 pixel, from the top left of the scanout.
 */
struct gp_client_seat_events {
	/* Keys that are pressed already when the focus arrives are reported as pressed. */
	void (*key)(void *data, uint32_t time_ms, uint32_t code, bool pressed);
	/* The VM lost the keyboard: no key is pressed any more. */
	void (*keyboard_leave)(void *data);
	/* Inside the scanout, or outside while a button is held. */
	void (*pointer_motion)(
		void *data, uint32_t time_ms, uint32_t scanout, int32_t x, int32_t y);
	void (*pointer_button)(void *data, uint32_t time_ms, uint32_t code, bool pressed);
	/* In 1/256 of a 120th of a wheel's step; down and right are positive. */
	void (*pointer_axis)(void *data, uint32_t time_ms, bool horizontal, int32_t amount);
	/* The pointer left, to no other scanout of the VM. */
	void (*pointer_leave)(void *data);
	/* While the pointer is locked there is relative motion only. */
	void (*pointer_locked)(void *data, bool locked);
	void (*pointer_relative)(void *data, uint32_t time_ms, int32_t dx, int32_t dy);
	/*
	 * A finger stays with the scanout that it was put on. Changes take effect with the frame.
	 */
	void (*touch_down)(
		void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y);
	void (*touch_motion)(
		void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y);
	void (*touch_up)(void *data, uint32_t time_ms, int32_t id);
	void (*touch_frame)(void *data);
	/* No finger touches any more. */
	void (*touch_cancel)(void *data);
	/* The pen arrived, or changed. */
	void (*pen)(void *data, uint32_t time_ms, const struct gp_client_pen *pen);
	void (*pen_leave)(void *data);
};

struct gp_client_options {
	const char *socket; // path of the compositor's bridge socket; must stay valid
	/**
	 * Connects to it, for a program that may not: a descriptor, or -1 with errno. NULL: this is
	 * done here.
	 */
	int (*open)(void *data);
	void *open_data;
	pid_t pid; // of the process that connects then; 0: this one
	const char
		*name; // of the VM: 1 to 64 bytes of UTF-8, no control characters; must stay valid
	uint8_t uuid[16]; // in the order of RFC 9562; zeros: none
	uint32_t n_scanouts; // 1 to GP_CLIENT_SCANOUTS_MAX
	const struct gp_client_seat_events *seat_events; // must stay valid; NULL: no input
	void *seat_data; // for seat_events
	bool wants_lock; // the VM has a use for relative motion
	bool wants_touch, wants_pen;
};

/**
 * Makes a client, which tries to connect from now on; that there is no compositor is no error. loop
 * and events must outlive it. NULL: no memory, or n_scanouts is out of range.
 */
struct gp_client *gp_client_create(struct wl_event_loop *loop,
	const struct gp_client_options *options, const struct gp_client_events *events, void *data);
/* Disconnects and frees everything, without `disconnected`. NULL is fine. */
void gp_client_destroy(struct gp_client *client);
/* Whether there is a connection: from before `connected` until before `disconnected`. */
bool gp_client_connected(const struct gp_client *client);
/**
 * Why the compositor does not take the VM, in English words: another one has its name, or the
 * socket is for another one. NULL: it does, or there is none. It is tried again, as after a loss.
 */
const char *gp_client_refusal(const struct gp_client *client);
/* Sends what was requested. To be called before the loop waits, and where latency matters. */
void gp_client_flush(struct gp_client *client);

/**
 * Initially waiting. In the states waiting and disconnected the compositor shows no content of the
 * VM, and drops what it has when one of them is entered. Kept over connections.
 */
void gp_client_set_state(struct gp_client *client, enum gp_client_vm_state state);
/* The VM was reset: the compositor drops all content. Without a connection it has none. */
void gp_client_next_generation(struct gp_client *client);
/* What the guest's keyboard shows: bits of (1 << LED_*) of evdev. Kept over connections. */
void gp_client_set_leds(struct gp_client *client, uint32_t leds);
/* Whether what is typed is for this VM. */
bool gp_client_focused(const struct gp_client *client);

/**
 * Hands memory to the compositor: the first size bytes of fd, which is duplicated; the caller keeps
 * its own. size is at most 1 GiB. device is the address of the PCI function that a
 * GP_CLIENT_BLOB_DEVICE_DMABUF belongs to, as in "0000:03:00.1", and NULL for other kinds. A VM
 * may have 240 blobs.
 *
 * Returns NULL without a connection or memory, or if size or device is not as said. The blob lives
 * until it is revoked or the connection is lost.
 */
struct gp_client_blob *gp_client_blob_create(struct gp_client *client, int fd, uint64_t size,
	enum gp_client_blob_kind kind, const char *device, void *user);
/**
 * Takes the memory back. From now on the caller uses neither the blob nor its buffers, and all that
 * is still reported of them is `revoked`, or `disconnected` if the connection is lost first; they
 * are freed then. A compositor that does not acknowledge within a second loses the connection.
 */
void gp_client_blob_revoke(struct gp_client_blob *blob);
/**
 * Waits up to timeout_ms for the acknowledgement of all revokes, or the end of the connection.
 * False: some are missing; they come later, or the second of gp_client_blob_revoke ends the
 * connection. Callbacks are called from here.
 */
bool gp_client_wait_revoked(struct gp_client *client, int timeout_ms);

struct gp_client_plane {
	uint32_t offset, stride; // in the blob
};

struct gp_client_layout {
	uint32_t width, height; // 1 to 16384
	uint32_t format; // DRM_FORMAT_*
	uint64_t modifier; // DRM_FORMAT_MOD_*
	struct gp_client_plane planes[GP_CLIENT_PLANES_MAX];
	size_t n_planes;
};

/**
 * Describes pixels in the blob. The buffer can be shown at once: the compositor imports it
 * meanwhile, and `failed` may be reported later.
 *
 * Version 1 of the protocol has one plane, and the formats that every compositor knows are those of
 * 8 bits per channel: ARGB8888, ABGR8888, RGBA8888, BGRA8888, and the same with X. Other layouts
 * are not accepted yet, and neither is a linear one that does not lie in the blob: NULL, as without
 * memory. A blob may have 16 buffers. The buffer lives until it is destroyed or its blob ends.
 */
struct gp_client_buffer *gp_client_buffer_create(
	struct gp_client_blob *blob, const struct gp_client_layout *layout);
/* What it shows stays until the next frame; `released` is not reported any more. */
void gp_client_buffer_destroy(struct gp_client_buffer *buffer);
/* Whether the compositor may read it: it was shown and has not been released. */
bool gp_client_buffer_busy(const struct gp_client_buffer *buffer);
/* Valid as long as the buffer. */
const struct gp_client_layout *gp_client_buffer_layout(const struct gp_client_buffer *buffer);

/**
 * Shows a frame: the part of the buffer that is source, of which damage has changed since the frame
 * before; both in pixels of the buffer. A NULL buffer disables the scanout, and the rectangles are
 * not read then. The buffer that the frame replaces is released later. Does nothing without a
 * connection.
 */
void gp_client_show(struct gp_client *client, uint32_t scanout, struct gp_client_buffer *buffer,
	const struct gp_client_rect *source, const struct gp_client_rect *damage);

/**
 * The cursor of a scanout: GP_CLIENT_CURSOR_SIZE rows of as many pixels, ARGB8888, premultiplied;
 * NULL hides it. hot_x and hot_y are the hotspot. Kept over connections, as is the position.
 */
void gp_client_set_cursor(struct gp_client *client, uint32_t scanout, const void *pixels,
	uint32_t hot_x, uint32_t hot_y);
/* Puts the cursor's top left corner there; it may lie outside the scanout. */
void gp_client_move_cursor(struct gp_client *client, uint32_t scanout, int32_t x, int32_t y);

/* Since the client was made. Cursors do not count. */
struct gp_client_counters {
	uint64_t commits, imports, imports_failed, releases, connects;
};
const struct gp_client_counters *gp_client_counters(const struct gp_client *client);

#endif
