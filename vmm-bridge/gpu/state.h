#ifndef GP_VMM_BRIDGE_GPU_STATE_H
#define GP_VMM_BRIDGE_GPU_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/log.h"
#include "vmm-bridge/gpu/device.h"
#include "vmm-bridge/gpu/display_info.h"
#include "vmm-bridge/gpu/held_reply.h"
#include "vmm-bridge/gpu/resource.h"
#include "vmm-bridge/gpu/saved_state.h"
#include "vmm-bridge/gpu/scanout.h"

/**
 * Private to gpu/: the state of the device, which the handlers of commands change.
 */

struct gp_gpu {
	const struct gp_gpu_ops *ops;
	void *data;
	const struct gp_guest_memory *memory;

	struct gp_displays displays;
	struct gp_resources resources;
	struct gp_scanout scanouts[GP_SCANOUTS_MAX]; // first displays.count
	struct gp_held_replies held_replies;
	uint64_t wake_ns; // last argument of wake_at, 0: none
	struct gp_saved_state saved_state;
	bool restoring; // commands come from the saved state: errors are not the guest's

	uint64_t commands, guest_errors, transferred, copied;
	struct gp_log_limit error_log;
};

#endif
