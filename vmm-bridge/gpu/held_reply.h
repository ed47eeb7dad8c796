#ifndef GP_VMM_BRIDGE_GPU_HELD_REPLY_H
#define GP_VMM_BRIDGE_GPU_HELD_REPLY_H

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

struct gp_held_reply {
	TAILQ_ENTRY(gp_held_reply) link; // gp_held_replies.list
	struct gp_held_replies *replies;
	unsigned queue;
	uint16_t head;
	struct virtio_gpu_ctrl_hdr hdr;
	unsigned waits;
	uint64_t token; // of the revocation that it waits for, or 0
	uint32_t resource_id; // to be revoked
	size_t n_in;
	struct iovec in[sizeof(struct virtio_gpu_ctrl_hdr)]; // a byte per buffer is the worst case
};
TAILQ_HEAD(gp_held_reply_list, gp_held_reply);

/* All answers of a device that are held back. */
struct gp_held_replies {
	const struct gp_gpu_ops *ops;
	void *data;
	struct gp_held_reply_list list; // gp_held_reply.link, oldest first
	uint64_t last_token;
};

void gp_held_replies_init(
	struct gp_held_replies *replies, const struct gp_gpu_ops *ops, void *data);
/* Frees all of them without an answer. */
void gp_held_replies_finish(struct gp_held_replies *replies);

/* Makes one for the chain, with one wait for its maker. NULL: no memory. */
struct gp_held_reply *gp_held_reply_create(
	struct gp_held_replies *replies, unsigned queue, const struct gp_chain *chain);
void gp_held_reply_wait(struct gp_held_reply *reply);
/* One wait less; the last one answers and frees the reply. */
void gp_held_reply_signal(struct gp_held_reply *reply);
/* Answers now, whatever it waits for, and frees the reply. Nobody may refer to it. */
void gp_held_reply_send(struct gp_held_reply *reply);
/* Whether the answer would be written into the object. */
bool gp_held_reply_uses(const struct gp_held_reply *reply, const struct gp_memory_object *object);

/* A new token, kept in the reply, which then waits for gp_held_replies_revoked as well. */
uint64_t gp_held_reply_wait_revoked(struct gp_held_reply *reply, uint32_t resource_id);
/* Signals the reply with that token; nothing if there is none (it was drained). */
void gp_held_replies_revoked(struct gp_held_replies *replies, uint32_t resource_id, uint64_t token);

#endif
