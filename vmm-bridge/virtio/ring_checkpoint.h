#ifndef GP_VMM_BRIDGE_VIRTIO_RING_CHECKPOINT_H
#define GP_VMM_BRIDGE_VIRTIO_RING_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * How far the device is in a virtqueue, as plain data in memory that outlives its process. Each
 * field is one store, in an order that makes a crash between any two of them harmless. Written by
 * virtqueue.c only, which trusts none of it after a crash (gp_virtqueue_recover).
 */

#define GP_RING_CHECKPOINT_HEADS 1024

struct gp_ring_checkpoint {
	/**
	 * The chain that is being taken, or returned: bit 32, index of the ring << 16, head. 0:
	 * none.
	 */
	uint64_t taking, returning;
	uint16_t last_avail;
	uint8_t in_flight[GP_RING_CHECKPOINT_HEADS]; // by head: 1 if taken and not returned
};

#endif
