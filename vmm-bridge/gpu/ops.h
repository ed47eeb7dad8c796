#ifndef GP_VMM_BRIDGE_GPU_OPS_H
#define GP_VMM_BRIDGE_GPU_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/format.h"
#include "common/rect.h"
#include "vmm-bridge/virtio/guest_memory.h"

/**
 * What the virtio-gpu device needs from the world: somebody who shows framebuffers and cursors, and
 * a transport. bridge.c implements this with the presenter and the vhost-user device, the unit
 * tests with a recorder.
 */

struct gp_resource;

/* How a scanout reads a resource. Checked: it lies inside the resource. */
struct gp_framebuffer {
	const struct gp_format *format;
	uint32_t width, height; // of all that is in memory, pixels
	uint32_t offset, stride; // bytes
	struct gp_rect rect; // the part of it that the scanout shows
};

#define GP_CURSOR_SIZE 64 // pixels in both directions

struct gp_gpu_ops {
	/**
	 * The scanout now shows the resource. The resource has pixels: memory of the guest
	 * (extents) or a host copy (shm). Called again, with the same geometry, when the resource
	 * got new backing while it is shown (B8). Nothing is visible before scanout_flush.
	 */
	void (*scanout_set)(void *data, uint32_t scanout, struct gp_resource *resource,
		const struct gp_framebuffer *fb);
	/* The scanout shows nothing. No gp_gpu_buffer_released is owed for earlier flushes. */
	void (*scanout_disable)(void *data, uint32_t scanout);
	/**
	 * The pixels in the rectangle, in coordinates of the framebuffer, have changed; show the
	 * scanout's current resource. Returns true if gp_gpu_buffer_released will be called when
	 * the buffer that this frame replaces is no longer read; false if it will not (no buffer is
	 * replaced, hidden, no compositor): the device then paces by time alone. held: the reply to
	 * the flush is held back, which paces the guest. If not, nothing does, and the return value
	 * is false.
	 */
	bool (*scanout_flush)(
		void *data, uint32_t scanout, const struct gp_rect *damage, bool held);

	/**
	 * The memory behind the resource's pixels is taken back: for a blob by detach, unref,
	 * removal of its region, reset; for a 2D resource, whose pixels are the host copy, by unref
	 * and reset. Nothing that was made from it may be read any more. Returns true if that is so
	 * on return, false if gp_gpu_resource_revoked will be called for resource->id and token
	 * when it is. Must be true when wait is true: it may then block for a short, bounded time,
	 * and token is 0.
	 *
	 * In every case resource->outside must be NULL on return, and this process may use neither
	 * the resource nor its backing afterwards: they may be freed, and the id may be used again.
	 * scanout_disable comes before this on unref, removal and reset, but not on detach: the
	 * guest attaches new backing (B8) and expects no flicker.
	 */
	bool (*resource_revoke)(
		void *data, struct gp_resource *resource, uint64_t token, bool wait);

	/* Shows pixels (64×64 DRM_FORMAT_ARGB8888, rows packed) as cursor; NULL hides it. */
	void (*cursor_set)(
		void *data, uint32_t scanout, const void *pixels, uint32_t hot_x, uint32_t hot_y);
	/* The top left corner of the cursor. */
	void (*cursor_move)(void *data, uint32_t scanout, int32_t x, int32_t y);

	/* The configuration space changed (events_read). */
	void (*config_changed)(void *data);
	/* Call gp_gpu_dispatch at that time (CLOCK_MONOTONIC) instead of the last one; 0: none. */
	void (*wake_at)(void *data, uint64_t time_ns);
	/**
	 * Returns a chain of a queue. interrupt: the guest waits for this reply. Without, it says
	 * nothing but that all is well, and has no fence: the interrupt may come with that of a
	 * later reply.
	 */
	void (*push)(void *data, unsigned queue, uint16_t head, uint32_t written, bool interrupt);
};

#endif
