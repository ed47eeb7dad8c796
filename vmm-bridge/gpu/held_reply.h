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
 * A reply that is held back: a bare header, as only commands whose reply has no data wait. It waits
 * for any number of things, and is sent when the last of them has happened.
 */

struct gp_held_reply {
	TAILQ_ENTRY(gp_held_reply) link; // gp_held_replies.list
	struct gp_held_replies *replies; // that it is one of
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

/* All held replies of a device. */
struct gp_held_replies {
	const struct gp_gpu_ops *ops;
	void *data;
	struct gp_held_reply_list list; // gp_held_reply.link, oldest first
	uint64_t last_token;
};

void gp_held_replies_init(
	struct gp_held_replies *replies, const struct gp_gpu_ops *ops, void *data);
/* Frees all of them unsent. */
void gp_held_replies_finish(struct gp_held_replies *replies);

/* Holds back the reply to the chain, with one wait for the caller. NULL: no memory. */
struct gp_held_reply *gp_held_reply_create(
	struct gp_held_replies *replies, unsigned queue, const struct gp_chain *chain);
void gp_held_reply_wait(struct gp_held_reply *reply);
/* One wait less; the last one sends and frees the reply. */
void gp_held_reply_signal(struct gp_held_reply *reply);
/* Sends and frees the reply, whatever it waits for. Nobody may refer to it. */
void gp_held_reply_send(struct gp_held_reply *reply);
/* Whether the reply would be written into the object. */
bool gp_held_reply_uses(const struct gp_held_reply *reply, const struct gp_memory_object *object);

/* Makes the reply wait for gp_held_replies_revoked, too, with the token that is returned. */
uint64_t gp_held_reply_wait_revoked(struct gp_held_reply *reply, uint32_t resource_id);
/* Signals the reply that waits for it; does nothing if there is none (it was drained). */
void gp_held_replies_revoked(struct gp_held_replies *replies, uint32_t resource_id, uint64_t token);

#endif
