#ifndef GP_VMM_BRIDGE_GPU_DEVICE_H
#define GP_VMM_BRIDGE_GPU_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/edid.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/virtio/virtqueue.h"

/**
 * The virtio-gpu device (virtio 1.3, 5.7) without transport: it takes chains of its two queues,
 * keeps resources and scanouts, and answers. All time comes in as an argument of CLOCK_MONOTONIC
 * nanoseconds, so tests need no clock.
 */

#define GP_GPU_SCANOUTS_MAX 16
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
void gp_gpu_answer_lost(
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

/**
 * From now on the device keeps a copy of what the guest has set up in the area, which is memory that
 * outlives this process: resources and their backing, what scanouts show, cursors, monitors. The
 * area stays the caller's and must be there as long as the device. It is zeroed before its first
 * use. Pages that are not needed are not touched, so a large one costs nothing.
 *
 * If another process has left something in it, gp_gpu_restore or gp_gpu_reset must come next. Reset
 * empties it, destroy does not. False, with no effect, if the area is too small for an empty table;
 * backings that find no room in it are told once and not kept.
 */
bool gp_gpu_set_saved_state(struct gp_gpu *gpu, void *area, size_t size);
/**
 * Takes over what the process before this one has left in the area, into a device that no command
 * has reached yet, and has each scanout's picture shown. Call it when the guest's memory is known.
 * Nothing is answered, and the area stays as it was: it can be done again after the next crash.
 *
 * Host copies of 2D resources are made anew from their backing. A resource whose memory is not found
 * is left without, as after gp_gpu_memory_removed. False if something could not be taken over; it is
 * logged and dropped, and all else is there.
 *
 * A command that ended just before the crash may be there although its chain was not pushed: if
 * it is handled again, one that makes, attaches or takes away gets an error, and the others do
 * the same again.
 */
bool gp_gpu_restore(struct gp_gpu *gpu, uint64_t now_ns);

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

/* Why a flush was answered when it was. */
enum gp_reply_cause {
	GP_REPLY_IMMEDIATE, // not shown, no fence asked for, or nothing to wait for
	GP_REPLY_RELEASE, // the replaced buffer was released, and the mode's rate allowed it
	GP_REPLY_SPACING, // held until the mode's rate allowed it
	GP_REPLY_TIMEOUT, // 40 ms have passed without a release
	GP_REPLY_DRAIN, // the queue stopped
	GP_REPLY_CAUSES,
};
const char *gp_reply_cause_name(enum gp_reply_cause cause);

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
	uint64_t transferred; // bytes by TRANSFER_TO_HOST_2D into host copies
};
void gp_gpu_get_info(const struct gp_gpu *gpu, struct gp_gpu_info *info);
void gp_gpu_get_scanout_info(
	const struct gp_gpu *gpu, uint32_t scanout, struct gp_gpu_scanout_info *info);
/* The resource of that id, or NULL. */
struct gp_resource *gp_gpu_find_resource(struct gp_gpu *gpu, uint32_t id);

#endif
