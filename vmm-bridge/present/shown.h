#ifndef GP_VMM_BRIDGE_PRESENT_SHOWN_H
#define GP_VMM_BRIDGE_PRESENT_SHOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rects.h"
#include "vmm-bridge/present/layout.h"

/**
 * What a scanout shows: the buffer that its source has put on it, the one that the compositor has,
 * the frame that waits for its time, and the replies that are owed. Zeros: nothing.
 */

#define GP_SHOWN_REPLIES_MAX 32
#define GP_SHOWN_WAITING ((struct gp_client_buffer *)-1)

struct gp_import;
struct gp_memory;

struct gp_shown {
	struct gp_memory *memory; // NULL: nothing, or the guest has taken it back
	struct gp_client_layout layout;
	struct gp_rect source; // the part of the buffer that is seen
	bool flushed; // had a frame since it was put there
	bool visible; // as the compositor reported it
	bool committed; // the surface has content
	bool lost_frame; // the last frame could not be shown, for want of room perhaps
	struct gp_client_buffer *buffer; // committed last; NULL: none, or it was destroyed
	struct gp_rect buffer_source; // of it, what is seen
	const struct gp_import *copied; // whose copy has the previous frame; NULL: none has
	unsigned half; // that was written last
	struct gp_rects missing[2]; // what each half of that copy lacks
	unsigned compare_after, compare_pause; // frames: until one is compared, and the next time

	/* Frames that come too fast, or while the VM is paused, are merged into one that waits. */
	bool deferred;
	struct gp_rect deferred_damage;
	bool waiting; // for a half of the copy that nobody reads, not for its time
	bool paced; // the frame that waits does so for the next period of the mode
	uint64_t budget_ns; // time up to which frames are used up
	uint64_t period_ns, due_ns; // of the mode; when the next period begins

	/*
	 * Buffers that frames have replaced, oldest first; NULL: released. Each is owed a reply.
	 * GP_SHOWN_WAITING: the guest may paint again once the frame that waits is copied.
	 */
	struct gp_client_buffer *replaced[GP_SHOWN_REPLIES_MAX];
	size_t n_replaced;
};

/* The scanout shows the memory from the next frame on. */
void gp_shown_set(struct gp_shown *shown, struct gp_memory *memory,
	const struct gp_client_layout *layout, const struct gp_rect *source);
/* The scanout shows nothing, and no reply is owed any more. */
void gp_shown_disable(struct gp_shown *shown);
/* The guest has taken the memory back. The buffer stays where it is. */
void gp_shown_forget_memory(struct gp_shown *shown);
/* The compositor shows nothing any more. */
void gp_shown_disconnect(struct gp_shown *shown);
/* The buffer is about to be destroyed, or cannot be shown. */
void gp_shown_forget_buffer(struct gp_shown *shown, const struct gp_client_buffer *buffer);

/* Whether there may be a frame now; it is counted then. */
bool gp_shown_take_token(struct gp_shown *shown, uint64_t now_ns);
/* The same of frames of which one is shown in each period of the mode. */
bool gp_shown_take_period(struct gp_shown *shown, uint64_t now_ns);
/* The frame waits for its time, which is a period's begin if paced, or for a half of the copy. */
void gp_shown_defer(struct gp_shown *shown, const struct gp_rect *damage, bool paced);
/* Both halves lack all of what is seen. */
void gp_shown_reset_halves(struct gp_shown *shown);
/* Whether the next frame is worth a comparison with the copy, of so many bytes. It is counted. */
bool gp_shown_take_comparison(struct gp_shown *shown, uint64_t bytes);
/* A comparison has found that so many of so many rows differ. */
void gp_shown_compared(struct gp_shown *shown, uint32_t differ, uint32_t rows);
/* The rectangle has changed: both halves lack it. It may be empty. */
void gp_shown_add_missing(struct gp_shown *shown, const struct gp_rect *changed);
/* The half lacks nothing any more, and is the one that was written last. */
void gp_shown_half_written(struct gp_shown *shown, unsigned half);

/* Owes a reply for the buffer. False: too many are owed. */
bool gp_shown_owe_reply(struct gp_shown *shown, struct gp_client_buffer *replaced);
/* The buffer is no longer read, or there will be no release. NULL: all of them. */
void gp_shown_release(struct gp_shown *shown, const struct gp_client_buffer *buffer);
/* Whether the oldest reply that is owed can be sent; it no longer is then. */
bool gp_shown_take_reply(struct gp_shown *shown);

#endif
