#ifndef GP_VMM_BRIDGE_GPU_COMMANDS_DISPLAY_H
#define GP_VMM_BRIDGE_GPU_COMMANDS_DISPLAY_H

#include "vmm-bridge/gpu/call.h"

/**
 * Private to gpu/: commands about monitors and scanouts. Each is a gp_gpu_handler.
 */

uint32_t gp_gpu_get_display_info(struct gp_gpu_call *call);
uint32_t gp_gpu_get_edid(struct gp_gpu_call *call);
uint32_t gp_gpu_set_scanout(struct gp_gpu_call *call);
uint32_t gp_gpu_set_scanout_blob(struct gp_gpu_call *call);
uint32_t gp_gpu_flush(struct gp_gpu_call *call);

/* The guest has no resource on the scanout any more. */
void gp_gpu_disable_scanout(struct gp_gpu *gpu, uint32_t scanout);

#endif
