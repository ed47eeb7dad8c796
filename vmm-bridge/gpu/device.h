#ifndef GP_VMM_BRIDGE_GPU_DEVICE_H
#define GP_VMM_BRIDGE_GPU_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/monitor.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/gpu/pacer.h"
#include "vmm-bridge/virtio/virtqueue.h"

/**
 * The virtio-gpu device (virtio 1.3, 5.7) without transport: it takes chains of its two queues,
 * keeps resources and scanouts, and replies. Time is an argument everywhere, in nanoseconds of
 * CLOCK_MONOTONIC, so tests need no clock.
 */

#define GP_GPU_QUEUE_CONTROL 0
#define GP_GPU_QUEUE_CURSOR 1

struct gp_gpu;

/* Feature bits that this device offers: EDID and RESOURCE_BLOB. */
uint64_t gp_gpu_features(void);

/**
 * memory is the VM's and must outlive the device. n_scanouts is 1 to
 * GP_SCANOUTS_MAX; the first is connected with the given mode, the others are not until
 * gp_gpu_set_monitor. NULL: no memory.
 */
struct gp_gpu *gp_gpu_create(const struct gp_gpu_ops *ops, void *data,
	const struct gp_guest_memory *memory, uint32_t n_scanouts, const struct gp_mode *mode);
/* NULL is fine. Sends no reply: drain before. Revokes every resource. */
void gp_gpu_destroy(struct gp_gpu *gpu);

/**
 * Replies to a chain that an earlier process took and did not reply to; the command is not run.
 * failed: with an error, as that process crashed while it ran the command.
 */
void gp_gpu_reply_lost(
	struct gp_gpu *gpu, unsigned queue, const struct gp_chain *chain, bool failed);
/* Handles one chain of a queue, which is pushed now or later. */
void gp_gpu_handle(
	struct gp_gpu *gpu, unsigned queue, const struct gp_chain *chain, uint64_t now_ns);
/**
 * Sends all held replies of the queue at once, as it stops (C9), and completes transfers into what
 * is on no scanout; what is on one is scanout_flush's to complete. A revocation that one of them
 * waited for continues outside, and its gp_gpu_resource_revoked is ignored.
 */
void gp_gpu_drain(struct gp_gpu *gpu, unsigned queue);
/* The guest was reset: disables all scanouts and frees all resources. Nothing may be in flight. */
void gp_gpu_reset(struct gp_gpu *gpu);
/**
 * A region left the table: resources that use it lose their backing, after a revocation with wait.
 * Scanouts that show them are disabled outside, and set again when the guest attaches new backing
 * (B8) or the memory returns (B13). Replies that would be written into the region are sent now: it
 * must still be mapped.
 *
 * Resources that the guest has detached or destroyed before are no longer known here. If their
 * revocation is still under way, the caller waits for it.
 */
void gp_gpu_memory_removed(struct gp_gpu *gpu, struct gp_memory_object *object);
/* The table has new regions: resources that lie in them again are backed and shown (B13). */
void gp_gpu_memory_added(struct gp_gpu *gpu, uint64_t now_ns);

/* The time of the last wake_at has come. */
void gp_gpu_dispatch(struct gp_gpu *gpu, uint64_t now_ns);
/**
 * What gp_gpu_ops announce. Each scanout_flush that returned true is followed by one
 * gp_gpu_buffer_released, in the order of the flushes, even if the reply to the flush was sent long
 * ago (timeout) or did not wait (no fence). After scanout_disable none is owed for earlier flushes.
 * The device survives it if some are missing (see gpu/scanout.h), and ignores surplus ones.
 *
 * Neither may be called from within a call of gp_gpu_ops, except resource_revoke.
 */
void gp_gpu_buffer_released(struct gp_gpu *gpu, uint32_t scanout, uint64_t now_ns);
void gp_gpu_resource_revoked(
	struct gp_gpu *gpu, uint32_t resource_id, uint64_t token, uint64_t now_ns);

/**
 * The monitor of a scanout, or NULL for none. If something changed the guest gets an event (C6).
 * The mode's refresh paces the scanout from now on.
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
	uint32_t last_width, last_height; // the same, or of the last one; 0: there was none
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
	uint64_t transferred; // bytes that TRANSFER_TO_HOST_2D asked for
	uint64_t copied; // bytes into host copies, but for frames
};
void gp_gpu_get_info(const struct gp_gpu *gpu, struct gp_gpu_info *info);
void gp_gpu_get_scanout_info(
	const struct gp_gpu *gpu, uint32_t scanout, struct gp_gpu_scanout_info *info);
/* The resource of that id, or NULL. */
struct gp_resource *gp_gpu_find_resource(struct gp_gpu *gpu, uint32_t id);

#endif
