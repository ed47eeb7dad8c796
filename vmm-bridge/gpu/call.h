#ifndef GP_VMM_BRIDGE_GPU_CALL_H
#define GP_VMM_BRIDGE_GPU_CALL_H

#include <linux/virtio_gpu.h>

#include "common/limits.h"
#include "common/log.h"
#include "vmm-bridge/gpu/decode.h"
#include "vmm-bridge/gpu/device.h"
#include "vmm-bridge/gpu/display_info.h"
#include "vmm-bridge/gpu/held_reply.h"
#include "vmm-bridge/gpu/resource.h"
#include "vmm-bridge/gpu/saved_state.h"
#include "vmm-bridge/gpu/scanout.h"

/**
 * Private to gpu/: the device's state, and one command on its way through it.
 */

struct gp_gpu {
	const struct gp_gpu_ops *ops;
	void *data;
	const struct gp_guest_memory *memory;

	struct gp_displays displays;
	struct gp_resources resources;
	struct gp_scanout scanouts[GP_SCANOUTS_MAX]; // first displays.count
	struct gp_held_replies fences;
	uint64_t wake_ns; // what wake_at was last told, 0: nothing
	struct gp_saved_state saved_state;
	bool restoring; // commands come from the saved_state: what is wrong with them is nobody's error

	uint64_t commands, guest_errors, transferred;
	struct gp_log_limit error_log;
};

struct gp_gpu_call {
	struct gp_gpu *gpu;
	unsigned queue;
	const struct gp_chain *chain;
	struct gp_gpu_command command;
	uint64_t now_ns;

	struct gp_held_reply *fence; // made by gp_gpu_call_hold
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		struct virtio_gpu_resp_display_info display_info;
		struct virtio_gpu_resp_edid edid;
	} response; // zero at first; handlers write what is behind the header
};

/**
 * Counts an error of the guest and logs the cause, within limits. Returns code, so that a handler
 * can end with it.
 */
uint32_t gp_gpu_call_refuse(struct gp_gpu_call *call, uint32_t code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The call's answer may be given later: the fence to add waits to. NULL: no memory for that. */
struct gp_held_reply *gp_gpu_call_hold(struct gp_gpu_call *call);
/* The resource, or NULL after gp_gpu_call_refuse (the answer is INVALID_RESOURCE_ID then). */
struct gp_resource *gp_gpu_call_resource(struct gp_gpu_call *call, uint32_t id);

/* Whether a scanout has the resource on it, visible or not. */
bool gp_gpu_is_on_scanout(const struct gp_gpu *gpu, uint32_t resource_id);

/* The guest has nothing on the scanout any more. */
void gp_gpu_disable_scanout(struct gp_gpu *gpu, uint32_t scanout);

/* A handler per command. Each returns the type of the answer. */
typedef uint32_t (*gp_gpu_handler)(struct gp_gpu_call *call);

/* commands_display.c */
uint32_t gp_gpu_get_display_info(struct gp_gpu_call *call);
uint32_t gp_gpu_get_edid(struct gp_gpu_call *call);
uint32_t gp_gpu_set_scanout(struct gp_gpu_call *call);
uint32_t gp_gpu_set_scanout_blob(struct gp_gpu_call *call);
uint32_t gp_gpu_flush(struct gp_gpu_call *call);

/* commands_resource.c */
uint32_t gp_gpu_create_2d(struct gp_gpu_call *call);
uint32_t gp_gpu_create_blob(struct gp_gpu_call *call);
uint32_t gp_gpu_unref(struct gp_gpu_call *call);
uint32_t gp_gpu_attach_backing(struct gp_gpu_call *call);
uint32_t gp_gpu_detach_backing(struct gp_gpu_call *call);
uint32_t gp_gpu_transfer(struct gp_gpu_call *call);

/* cursor.c */
uint32_t gp_gpu_update_cursor(struct gp_gpu_call *call);
uint32_t gp_gpu_move_cursor(struct gp_gpu_call *call);
/* Takes the cursors off. */
void gp_gpu_reset_cursors(struct gp_gpu *gpu);

#endif
