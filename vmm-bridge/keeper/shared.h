#ifndef GP_VMM_BRIDGE_KEEPER_SHARED_H
#define GP_VMM_BRIDGE_KEEPER_SHARED_H

#include <stdint.h>

#include "vmm-bridge/vhost/checkpoint.h"

/**
 * Memory that all workers share, a sealed memory file that the keeper makes. Zeros at first, plain
 * data: a worker that crashed may have written anything there.
 */

#define GP_KEEPER_DEVICES_MAX 54
#define GP_KEEPER_AREA_BYTES (64u << 20) // only what is used of it takes memory

struct gp_shared {
	struct gp_vhost_checkpoint checkpoints[GP_KEEPER_DEVICES_MAX];
	_Alignas(4096) uint8_t area[GP_KEEPER_AREA_BYTES]; // the display device's own state
};

#endif
