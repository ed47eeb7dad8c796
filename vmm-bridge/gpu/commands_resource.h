#ifndef GP_VMM_BRIDGE_GPU_COMMANDS_RESOURCE_H
#define GP_VMM_BRIDGE_GPU_COMMANDS_RESOURCE_H

#include "vmm-bridge/gpu/call.h"

/**
 * Private to gpu/: commands about resources and their memory. Each is a gp_gpu_handler.
 */

uint32_t gp_gpu_create_2d(struct gp_gpu_call *call);
uint32_t gp_gpu_create_blob(struct gp_gpu_call *call);
uint32_t gp_gpu_unref(struct gp_gpu_call *call);
uint32_t gp_gpu_attach_backing(struct gp_gpu_call *call);
uint32_t gp_gpu_detach_backing(struct gp_gpu_call *call);
uint32_t gp_gpu_transfer(struct gp_gpu_call *call);

#endif
