#ifndef GP_VMM_BRIDGE_GPU_CALL_H
#define GP_VMM_BRIDGE_GPU_CALL_H

#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_gpu.h>

#include "vmm-bridge/gpu/decode.h"
#include "vmm-bridge/gpu/state.h"

/**
 * Private to gpu/: one command on its way through the device, from its chain to its reply.
 */

struct gp_gpu_call {
	struct gp_gpu *gpu;
	unsigned queue;
	const struct gp_chain *chain;
	struct gp_gpu_command command;
	uint64_t now_ns;

	struct gp_held_reply *held; // made by gp_gpu_call_hold
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		struct virtio_gpu_resp_display_info display_info;
		struct virtio_gpu_resp_edid edid;
	} response; // zero at first; handlers write what is behind the header
};

/* A handler of a command. Returns the type of the reply. */
typedef uint32_t (*gp_gpu_handler)(struct gp_gpu_call *call);

/**
 * Counts an error of the guest and logs the cause, within limits. Returns code, so that a handler
 * can end with it.
 */
uint32_t gp_gpu_call_refuse(struct gp_gpu_call *call, uint32_t code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The resource, or NULL after gp_gpu_call_refuse: the reply is INVALID_RESOURCE_ID then. */
struct gp_resource *gp_gpu_call_resource(struct gp_gpu_call *call, uint32_t id);
/* Holds the reply back: returns what waits can be added to. NULL: no memory for that. */
struct gp_held_reply *gp_gpu_call_hold(struct gp_gpu_call *call);
/**
 * Replies with a type and the first size bytes of call->response, which include the header; if the
 * reply is held back, with the header alone as soon as nothing is waited for.
 */
void gp_gpu_call_reply(struct gp_gpu_call *call, uint32_t type, size_t size);

#endif
