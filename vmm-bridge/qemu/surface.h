#ifndef GP_VMM_BRIDGE_QEMU_SURFACE_H
#define GP_VMM_BRIDGE_QEMU_SURFACE_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "vmm-bridge/qemu/pixels.h"

/**
 * What a console of QEMU shows, on a scanout. QEMU's main loop waits while it calls, so these
 * functions only take note; the work is done, and UpdateDMABUF replied to, at the end of the turn.
 */

#define GP_QEMU_REPLIES_MAX 8
#define GP_QEMU_CURSOR_SIZE 64

struct gp_client;
struct gp_presenter;
struct gp_qemu_memories;
struct gp_qemu_memory;

/* An UpdateDMABUF that has no reply yet. */
struct gp_qemu_reply {
	sd_bus_message *call; // a reference
	uint64_t arrived_ns;
	uint64_t due_ns; // not before that, so that the guest keeps to the mode's rate
	bool flushed; // its frame was handed to the presenter
	uint64_t release; // that it waits for: a number of n_released
};

struct gp_qemu_surface {
	struct gp_presenter *presenter;
	struct gp_client *client;
	struct gp_qemu_memories *memories;
	uint32_t scanout;
	uint64_t period_ns; // of the mode
	uint64_t next_reply_ns; // schedule

	struct gp_qemu_memory *memory; // NULL: the console shows nothing
	struct gp_rect seen; // the part of it that the console shows
	bool placed; // the presenter has it
	bool changed;
	struct gp_rect damage; // since the last turn, if changed
	uint64_t disable_ns; // when a Disable that nothing followed takes effect; 0: there is none

	struct gp_qemu_reply replies[GP_QEMU_REPLIES_MAX]; // oldest first
	size_t n_replies;
	uint64_t n_owed, n_released; // by the presenter: buffers that frames have replaced
	uint64_t n_frames, n_late_replies;

	uint32_t cursor[GP_QEMU_CURSOR_SIZE * GP_QEMU_CURSOR_SIZE];
	uint32_t hot_x, hot_y;
	bool has_cursor, cursor_on;
	uint64_t n_cut_cursors; // that are larger
};

/* All must outlive it. */
void gp_qemu_surface_init(struct gp_qemu_surface *surface, struct gp_presenter *presenter,
	struct gp_client *client, struct gp_qemu_memories *memories, uint32_t scanout);
/* QEMU does not call any more: replies are dropped. What is shown stays. */
void gp_qemu_surface_disconnect(struct gp_qemu_surface *surface);
/* It shows nothing any more. */
void gp_qemu_surface_clear(struct gp_qemu_surface *surface);
void gp_qemu_surface_set_refresh(struct gp_qemu_surface *surface, uint32_t refresh_mhz);

/*
 * What the listener calls. Those that return a text have refused, and why; the text is static.
 */
const char *gp_qemu_surface_show_fd(
	struct gp_qemu_surface *surface, const struct gp_qemu_image *image, int fd);
const char *gp_qemu_surface_show_bytes(struct gp_qemu_surface *surface,
	const struct gp_qemu_image *image, const void *bytes, size_t size);
/* image is a part, to be at x and y. */
const char *gp_qemu_surface_write(struct gp_qemu_surface *surface,
	const struct gp_qemu_image *image, const void *bytes, size_t size, int32_t x, int32_t y);
/* The rectangle has changed; what of it lies outside is ignored. */
void gp_qemu_surface_update(
	struct gp_qemu_surface *surface, int32_t x, int32_t y, int32_t width, int32_t height);
/* The call is replied to when the guest may paint again. */
void gp_qemu_surface_update_and_reply(struct gp_qemu_surface *surface, int32_t x, int32_t y,
	int32_t width, int32_t height, sd_bus_message *call);
void gp_qemu_surface_disable(struct gp_qemu_surface *surface);
void gp_qemu_surface_move_cursor(struct gp_qemu_surface *surface, int32_t x, int32_t y, bool on);
/* Rows of width × height ARGB8888. */
const char *gp_qemu_surface_define_cursor(struct gp_qemu_surface *surface, int32_t width,
	int32_t height, int32_t hot_x, int32_t hot_y, const void *pixels, size_t size);

/* gp_presenter_events.buffer_released for its scanout. */
void gp_qemu_surface_released(struct gp_qemu_surface *surface);
/* Shows what has changed, and sends the replies that are due. */
void gp_qemu_surface_end_turn(struct gp_qemu_surface *surface, uint64_t now_ns);
/* When that is to be called without an event; 0: never. */
uint64_t gp_qemu_surface_deadline(const struct gp_qemu_surface *surface);

/* The size of what the console shows; false: it shows nothing. */
bool gp_qemu_surface_get_size(
	const struct gp_qemu_surface *surface, uint32_t *width, uint32_t *height);

#endif
