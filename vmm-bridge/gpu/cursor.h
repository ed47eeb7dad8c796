#ifndef GP_VMM_BRIDGE_GPU_CURSOR_H
#define GP_VMM_BRIDGE_GPU_CURSOR_H

#include "vmm-bridge/gpu/call.h"

/**
 * Private to gpu/: commands of the cursor queue (behaviour C5). Each is a gp_gpu_handler.
 */

uint32_t gp_gpu_update_cursor(struct gp_gpu_call *call);
uint32_t gp_gpu_move_cursor(struct gp_gpu_call *call);

/* Hides the cursors. */
void gp_gpu_reset_cursors(struct gp_gpu *gpu);

#endif
