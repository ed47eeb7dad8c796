#ifndef GP_VMM_BRIDGE_GPU_DEVICE_H
#define GP_VMM_BRIDGE_GPU_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/edid.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/gpu/pacer.h"
#include "vmm-bridge/virtio/virtqueue.h"

/**
 * The virtio-gpu device (virtio 1.3, 5.7) without transport: it takes chains of its two queues,
 * keeps resources and scanouts, and answers. All time comes in as an argument of CLOCK_MONOTONIC
 * nanoseconds, so tests need no clock.
 */

#define GP_GPU_QUEUE_CONTROL 0
#define GP_GPU_QUEUE_CURSOR 1

struct gp_gpu;

/* Feature bits that this device offers: EDID and RESOURCE_BLOB. */
uint64_t gp_gpu_features(void);

/**
 * memory is the VM's and must outlive the device. n_scanouts is 1 to 16; the first is connected
 * with the given mode, the others are not until gp_gpu_set_monitor. NULL: no memory.
 */
struct gp_gpu *gp_gpu_create(const struct gp_gpu_ops *ops, void *data,
	const struct gp_guest_memory *memory, uint32_t n_scanouts, const struct gp_mode *mode);
/* NULL is fine. Answers nothing: drain before. Revokes every resource. */
void gp_gpu_destroy(struct gp_gpu *gpu);

/**
 * Answers a chain that a process before has taken and not answered. failed: that it was the last
 * thing that process did, so it is not done.
 */
void gp_gpu_reply_lost(
	struct gp_gpu *gpu, unsigned queue, const struct gp_chain *chain, bool failed);
/* Handles one chain of a queue; it is pushed now or later. */
void gp_gpu_handle(
	struct gp_gpu *gpu, unsigned queue, const struct gp_chain *chain, uint64_t now_ns);
/**
 * Answers everything that is held back, at once (queue stops, C9). A revocation that an answer
 * waited for goes on outside; gp_gpu_resource_revoked is ignored then.
 */
void gp_gpu_drain(struct gp_gpu *gpu, unsigned queue);
/* The machine was reset: scanouts off, resources gone. Nothing may be in flight. */
void gp_gpu_reset(struct gp_gpu *gpu);
/**
 * A region left the table: resources that use it lose their backing, after a revocation with wait.
 * Scanouts that show them are disabled outside, and set again when the guest gives new backing
 * (B8). Answers that would be written into the region are given now: it must still be mapped.
 *
 * Resources that the guest has detached or destroyed before are no longer known here: if their
 * revocation is still under way, the caller waits for it.
 */
void gp_gpu_memory_removed(struct gp_gpu *gpu, struct gp_memory_object *object);

/* The time that was asked for with wake_at has come. */
void gp_gpu_dispatch(struct gp_gpu *gpu, uint64_t now_ns);
/**
 * Answers to gp_gpu_ops. Each scanout_flush that returned true is followed by one
 * gp_gpu_buffer_released, in the order of the flushes, also where the flush was answered long ago
 * (timeout) or needed no answer. After scanout_disable none is owed for earlier flushes. Lost ones
 * are survived (see gpu/scanout.h), calls too many do nothing.
 *
 * Neither may be called from within a call of gp_gpu_ops, except resource_revoke.
 */
void gp_gpu_buffer_released(struct gp_gpu *gpu, uint32_t scanout, uint64_t now_ns);
void gp_gpu_resource_revoked(
	struct gp_gpu *gpu, uint32_t resource_id, uint64_t token, uint64_t now_ns);

/**
 * The monitor of a scanout, or NULL for none. If something changed the guest is told by an event
 * (C6). The mode's refresh paces the scanout from now on.
 */
void gp_gpu_set_monitor(struct gp_gpu *gpu, uint32_t scanout, const struct gp_monitor *monitor);

/**
 * Configuration space (5.7.4), little endian; bytes beyond its end read as zero. Only events_clear
 * can be written.
 */
void gp_gpu_get_config(struct gp_gpu *gpu, uint32_t offset, uint32_t size, uint8_t *out);
void gp_gpu_set_config(struct gp_gpu *gpu, uint32_t offset, uint32_t size, const uint8_t *bytes);

struct gp_gpu_scanout_info {
	bool enabled, connected;
	uint32_t resource_id;
	uint32_t width, height; // of the shown rectangle
	const struct gp_format *format;
	struct gp_mode mode;
	uint64_t flushes;
	uint64_t replies[GP_REPLY_CAUSES];
};
struct gp_gpu_info {
	uint32_t n_scanouts;
	size_t n_resources;
	uint64_t host_bytes;
	uint64_t commands;
	uint64_t guest_errors;
	uint64_t transferred; // bytes by TRANSFER_TO_HOST_2D into host copies
};
void gp_gpu_get_info(const struct gp_gpu *gpu, struct gp_gpu_info *info);
void gp_gpu_get_scanout_info(
	const struct gp_gpu *gpu, uint32_t scanout, struct gp_gpu_scanout_info *info);
/* The resource of that id, or NULL. */
struct gp_resource *gp_gpu_find_resource(struct gp_gpu *gpu, uint32_t id);

#endif
