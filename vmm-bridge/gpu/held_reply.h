#ifndef GP_GPU_FENCE_H
#define GP_GPU_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <linux/virtio_gpu.h>

#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/virtio/virtqueue.h"

/**
 * An answer that is held back: a bare header, since only commands without data in their answer
 * wait. It waits for any number of things, and is given when the last of them has come.
 */

struct gp_fence {
	TAILQ_ENTRY(gp_fence) link; // gp_fences.list
	struct gp_fences *fences;
	unsigned queue;
	uint16_t head;
	struct virtio_gpu_ctrl_hdr hdr;
	unsigned waits;
	uint64_t token; // of the revocation that it waits for, or 0
	uint32_t resource_id; // to be revoked
	size_t n_in;
	struct iovec in[sizeof(struct virtio_gpu_ctrl_hdr)]; // a byte per buffer is the worst case
};
TAILQ_HEAD(gp_fence_list, gp_fence);

/* All answers of a device that are held back. */
struct gp_fences {
	const struct gp_gpu_ops *ops;
	void *data;
	struct gp_fence_list list; // gp_fence.link, oldest first
	uint64_t last_token;
};

void gp_fences_init(struct gp_fences *fences, const struct gp_gpu_ops *ops, void *data);
/* Frees all of them without an answer. */
void gp_fences_finish(struct gp_fences *fences);

/* Makes one for the chain, with one wait for its maker. NULL: no memory. */
struct gp_fence *gp_fence_create(
	struct gp_fences *fences, unsigned queue, const struct gp_chain *chain);
void gp_fence_wait(struct gp_fence *fence);
/* One wait less; the last one answers and frees the fence. */
void gp_fence_signal(struct gp_fence *fence);
/* Answers now, whatever it waits for, and frees the fence. Nobody may refer to it. */
void gp_fence_answer(struct gp_fence *fence);
/* Whether the answer would be written into the object. */
bool gp_fence_uses(const struct gp_fence *fence, const struct gp_memory_object *object);

/* A new token, kept in the fence, which then waits for gp_fences_revoked as well. */
uint64_t gp_fence_wait_revoked(struct gp_fence *fence, uint32_t resource_id);
/* Signals the fence with that token; nothing if there is none (it was drained). */
void gp_fences_revoked(struct gp_fences *fences, uint32_t resource_id, uint64_t token);

#endif
