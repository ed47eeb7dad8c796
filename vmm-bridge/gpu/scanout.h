#ifndef GP_VMM_BRIDGE_GPU_SCANOUT_H
#define GP_VMM_BRIDGE_GPU_SCANOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "vmm-bridge/gpu/device.h"
#include "vmm-bridge/gpu/held_reply.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/gpu/pacer.h"
#include "vmm-bridge/gpu/resource.h"

/**
 * A scanout: which resource it shows and how, and the flushes whose answer it holds back.
 *
 * Answers of gp_gpu_buffer_released come in the order of the flushes that were told to the outside
 * and returned true. So every such flush keeps a place in the queue until its release has come,
 * even after its answer was given (timeout, no fence): a late release then frees the flush that it
 * belongs to and not the next one. Should releases get lost, GP_SCANOUT_TIMEOUTS_MAX timeouts in a
 * row make the scanout forget the places of answered flushes, and it is in step again.
 */

#define GP_SCANOUT_TIMEOUTS_MAX 4
#define GP_SCANOUT_ANSWERED_MAX 16 // places of answered flushes; the oldest goes first

struct gp_flush {
	TAILQ_ENTRY(gp_flush) link; // gp_scanout.flushes
	struct gp_pacer_hold hold;
	struct gp_held_reply *fence; // one wait of it, NULL once answered
	uint64_t frame; // its id in the trace; 0: none
};
TAILQ_HEAD(gp_flush_list, gp_flush);

struct gp_scanout {
	const struct gp_gpu_ops *ops;
	void *data;
	uint32_t index;

	uint32_t resource_id; // what the guest has put on it, 0: nothing
	struct gp_framebuffer fb; // of it, or of what it was before; all zeros: nothing yet
	bool shown; // the outside was told by scanout_set

	struct gp_pacer pacer;
	struct gp_flush_list flushes; // gp_flush.link, oldest first
	unsigned n_replied; // of them
	unsigned timeouts; // in a row
	uint64_t n_flushes;
	uint64_t replies[GP_REPLY_CAUSES];
};

void gp_scanout_init(struct gp_scanout *scanout, const struct gp_gpu_ops *ops, void *data,
	uint32_t index, uint32_t refresh_mhz);
/* Forgets resource and flushes, without an answer and without telling the outside. */
void gp_scanout_finish(struct gp_scanout *scanout);

/* Puts the resource on the scanout, or puts it there again with new backing. */
void gp_scanout_set(
	struct gp_scanout *scanout, struct gp_resource *resource, const struct gp_framebuffer *fb);
/* The resource has no pixels now: the outside is not told. */
void gp_scanout_remember(struct gp_scanout *scanout, const struct gp_resource *resource,
	const struct gp_framebuffer *fb);
/**
 * The outside shows nothing, but the resource is remembered (its memory has gone, B8). Flushes no
 * longer wait for a release; they are answered when the mode's rate allows it.
 */
void gp_scanout_hide(struct gp_scanout *scanout);
/* The guest has taken the resource away. */
void gp_scanout_disable(struct gp_scanout *scanout);

/**
 * Shows the rectangle of the scanout's resource. With a fence, the fence waits for the time of the
 * answer; without (NULL) the guest is not paced.
 */
void gp_scanout_flush(struct gp_scanout *scanout, const struct gp_rect *rect,
	struct gp_held_reply *fence, uint64_t now_ns);
/* The buffer that the oldest flush without a release has replaced is no longer read. */
void gp_scanout_buffer_released(struct gp_scanout *scanout, uint64_t now_ns);
/* Signals the fences of all flushes that are due. */
void gp_scanout_dispatch(struct gp_scanout *scanout, uint64_t now_ns);
/* The time of the next gp_scanout_dispatch, UINT64_MAX if none is needed. */
uint64_t gp_scanout_deadline(const struct gp_scanout *scanout);
/* The fence is about to be answered by force: the flush no longer refers to it. */
void gp_scanout_forget_reply(struct gp_scanout *scanout, const struct gp_held_reply *fence);

#endif
