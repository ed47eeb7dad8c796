#ifndef GP_VMM_BRIDGE_GPU_SCANOUT_H
#define GP_VMM_BRIDGE_GPU_SCANOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "vmm-bridge/gpu/held_reply.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/gpu/pacer.h"
#include "vmm-bridge/gpu/resource.h"

/**
 * A scanout: which resource it shows and how, and the flushes whose reply it holds back.
 *
 * Calls of gp_gpu_buffer_released come in the order of the flushes for which scanout_flush returned
 * true. So every such flush keeps a place in the queue until its release has come, even after its
 * reply was sent (timeout, no fence): a late release then frees the flush that it belongs to and
 * not the next one. Should releases be missing, GP_SCANOUT_TIMEOUTS_MAX timeouts in a row make the
 * scanout forget the places of flushes with a reply, and it is in step again.
 */

#define GP_SCANOUT_TIMEOUTS_MAX 4
#define GP_SCANOUT_REPLIED_MAX 16 // places of flushes with a reply; the oldest is dropped first

struct gp_flush {
	TAILQ_ENTRY(gp_flush) link; // gp_scanout.flushes
	struct gp_pacer_hold hold;
	struct gp_held_reply *reply; // one wait of it; NULL once replied to
	uint64_t frame; // its id in the trace; 0: none
};
TAILQ_HEAD(gp_flush_list, gp_flush);

struct gp_scanout {
	const struct gp_gpu_ops *ops;
	void *data;
	uint32_t index;

	uint32_t resource_id; // what the guest has put on it, 0: nothing
	struct gp_framebuffer fb; // of it, or of what it was before; all zeros: nothing yet
	bool shown; // scanout_set was called

	struct gp_pacer pacer;
	struct gp_flush_list flushes; // gp_flush.link, oldest first
	unsigned n_replied; // flushes that only wait for their release
	unsigned timeouts; // in a row
	uint64_t n_flushes;
	uint64_t replies[GP_REPLY_CAUSES];
};

void gp_scanout_init(struct gp_scanout *scanout, const struct gp_gpu_ops *ops, void *data,
	uint32_t index, uint32_t refresh_mhz);
/* Forgets resource and flushes, without a reply and without a call of ops. */
void gp_scanout_finish(struct gp_scanout *scanout);

/* Puts the resource on the scanout, or puts it there again with new backing. */
void gp_scanout_set(
	struct gp_scanout *scanout, struct gp_resource *resource, const struct gp_framebuffer *fb);
/* The same for a resource that has no pixels now: ops are not called. */
void gp_scanout_remember(struct gp_scanout *scanout, const struct gp_resource *resource,
	const struct gp_framebuffer *fb);
/**
 * Calls scanout_disable, but remembers the resource, which has lost its memory (B8). Flushes no
 * longer wait for a release; they are replied to when the mode's rate allows it.
 */
void gp_scanout_hide(struct gp_scanout *scanout);
/* The guest has taken the resource away. */
void gp_scanout_disable(struct gp_scanout *scanout);

/**
 * Shows the rectangle of the scanout's resource. The held reply waits for its time; without one
 * (NULL) the guest is not paced.
 */
void gp_scanout_flush(struct gp_scanout *scanout, const struct gp_rect *rect,
	struct gp_held_reply *reply, uint64_t now_ns);
/* The buffer that was replaced by the oldest flush without a release is no longer read. */
void gp_scanout_buffer_released(struct gp_scanout *scanout, uint64_t now_ns);
/* Signals the held replies of all flushes that are due. */
void gp_scanout_dispatch(struct gp_scanout *scanout, uint64_t now_ns);
/* The time of the next gp_scanout_dispatch, UINT64_MAX if none is needed. */
uint64_t gp_scanout_deadline(const struct gp_scanout *scanout);
/* The held reply is about to be sent at once: the flush no longer refers to it. */
void gp_scanout_forget_reply(struct gp_scanout *scanout, const struct gp_held_reply *reply);

#endif
