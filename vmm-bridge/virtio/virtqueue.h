#ifndef GP_VMM_BRIDGE_VIRTIO_VIRTQUEUE_H
#define GP_VMM_BRIDGE_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm-bridge/virtio/guest_memory.h"
#include "vmm-bridge/virtio/ring_checkpoint.h"

/**
 * The device's side of a split virtqueue (virtio 1.3, 2.7) with indirect descriptors (2.7.5.3) and
 * event index (2.7.10). Everything in the rings is written by the guest at any time: each value is
 * read once, and checked before it is used. A broken queue stays broken until it is set up again.
 */

#define GP_VIRTQUEUE_SIZE_MAX GP_RING_CHECKPOINT_HEADS // descriptors; a power of two
#define GP_CHAIN_SEGMENTS_MAX 1024 // buffers of one chain in all, split at region borders

struct gp_virtqueue {
	uint16_t size; // 0: not set up
	bool event_idx, indirect;
	const char *broken; // why, or NULL; a static string

	/* Addresses in this process, NULL while not set up. */
	void *desc, *avail, *used;
	uint16_t last_avail; // next entry of the available ring to be taken
	uint16_t used_idx; // next entry of the used ring to be written
	uint16_t signalled; // used_idx when an interrupt was last considered
	bool signalled_valid; // false until then: the first one is always sent
	uint16_t in_flight; // chains taken and not yet returned
	struct gp_ring_checkpoint
		*checkpoint; // written as the queue moves; NULL: nobody takes over
};

/**
 * A chain of descriptors. Readable buffers come before writable ones, as 2.7.4.2 demands.
 * Valid until it is pushed, or the queue is stopped, or a region is removed.
 */
struct gp_chain {
	uint16_t head;
	size_t n_out, n_in; // segments that the device reads, and writes
	uint64_t out_size, in_size; // bytes
	struct iovec out[GP_CHAIN_SEGMENTS_MAX]; // first n_out
	struct iovec in[GP_CHAIN_SEGMENTS_MAX]; // first n_in
};

/**
 * Sets the queue up at ring addresses in this process that have room for size descriptors
 * (checked by the caller with gp_virtqueue_*_bytes), taking chains from available index base on
 * and returning them from the ring's used index on. Returns false, with the queue
 * as it was, if size is not a power of two from 1 to GP_VIRTQUEUE_SIZE_MAX, or a pointer is
 * misaligned (2.7: 16, 2, 4).
 */
bool gp_virtqueue_start(struct gp_virtqueue *queue, uint16_t size, void *desc, void *avail,
	void *used, uint16_t base, bool event_idx, bool indirect);
/* Forgets the rings and the checkpoint. last_avail stays readable. */
void gp_virtqueue_stop(struct gp_virtqueue *queue);
/* From now on writes to the checkpoint, which is cleared first. Nothing may be in flight. */
void gp_virtqueue_set_checkpoint(struct gp_virtqueue *queue, struct gp_ring_checkpoint *checkpoint);
/**
 * The same after the end of a process that has served the queue with this checkpoint: the chains
 * that it has not returned count as taken, and gp_virtqueue_recover finds each of them once. The
 * queue was started at checkpoint->last_avail.
 */
void gp_virtqueue_resume(struct gp_virtqueue *queue, struct gp_ring_checkpoint *checkpoint);
/**
 * Finds the next chain that was taken before, to be pushed. *at is where the search begins: 0 at
 * first, and moves on. Returns false after the last one. A chain that has become invalid has no
 * buffers. *was_running: the process had not finished with it, or not noted that.
 */
bool gp_virtqueue_recover(struct gp_virtqueue *queue, const struct gp_guest_memory *memory,
	uint16_t *at, struct gp_chain *chain, bool *was_running);

size_t gp_virtqueue_desc_bytes(uint16_t size);
size_t gp_virtqueue_avail_bytes(uint16_t size);
size_t gp_virtqueue_used_bytes(uint16_t size);

/**
 * Takes the next chain. Returns 1 and fills chain; 0 if there is none, and then notifications are
 * armed (no lost wake-up: the ring is looked at again after arming); -EPROTO if the guest broke
 * the rules (loop, index out of range, table or buffer outside memory, writable before readable,
 * zero length, nested indirect, too long), with queue->broken set, and from then on: the device
 * leaves the queue alone until it is set up again. Chains in flight can still be pushed.
 */
int gp_virtqueue_pop(
	struct gp_virtqueue *queue, const struct gp_guest_memory *memory, struct gp_chain *chain);

/**
 * How many chains can be taken now; 0 for a queue that is not set up or broken. If they are fewer
 * than wanted, notifications are armed, as by a pop that finds none: a change comes with a kick.
 */
uint16_t gp_virtqueue_offered(struct gp_virtqueue *queue, uint16_t wanted);

/* Returns a chain to the guest with the number of bytes written. Nothing if none is in flight. */
void gp_virtqueue_push(struct gp_virtqueue *queue, uint16_t head, uint32_t written);
/* How many were pushed since the last call of gp_virtqueue_should_interrupt. */
uint16_t gp_virtqueue_unsignalled(const struct gp_virtqueue *queue);
/* Whether the guest wants an interrupt for what was pushed since the last call. */
bool gp_virtqueue_should_interrupt(struct gp_virtqueue *queue);

/* Copies from or to a chain; both return the number of bytes copied, at most length. */
size_t gp_chain_read(const struct gp_chain *chain, uint64_t offset, void *out, size_t length);
size_t gp_chain_write(const struct gp_chain *chain, uint64_t offset, const void *in, size_t length);

#endif
