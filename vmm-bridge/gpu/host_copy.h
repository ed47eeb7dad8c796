#ifndef GP_VMM_BRIDGE_GPU_HOST_COPY_H
#define GP_VMM_BRIDGE_GPU_HOST_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rects.h"
#include "vmm-bridge/virtio/guest_memory.h"

/**
 * The host copy of a 2D resource, in a sealed memory file that the compositor can have. The file
 * has two halves, so that there is one to write into while the compositor reads the other.
 *
 * TRANSFER_TO_HOST_2D only notes what is to be copied. It is copied when it is needed, for the next
 * frame above all: a guest whose flushes have no fence draws many frames in a period of the mode,
 * and all but the last one would be copied for nobody. A reply without a fence does not say that a
 * command is complete (virtio 1.3, 5.7.6.7).
 */

#define GP_HOST_COPY_HALVES 2
#define GP_HOST_COPY_FILE_MAX (1ull << 30) // what every compositor takes: else there is one half

struct gp_host_copy {
	int fd; // owned; -1: there is no host copy
	uint8_t *map; // file_size bytes
	uint64_t file_size, half_size; // bytes
	unsigned n_halves;
	uint32_t width, height; // pixels
	uint32_t stride, bpp; // bytes

	unsigned current; // the half that has all but what is wanted
	struct gp_rects missing; // what the other half lacks
	struct gp_rects wanted; // of the guest's memory, by TRANSFER_TO_HOST_2D
	uint64_t wanted_base; // where its first pixel would be in the backing; may wrap
	struct gp_rect changed; // since that was taken last
};

/* Its pixels are zeros. False, with the cause logged, if memory is short. */
bool gp_host_copy_init(
	struct gp_host_copy *copy, uint32_t width, uint32_t height, uint32_t stride, uint32_t bpp);
void gp_host_copy_finish(struct gp_host_copy *copy);
/* What the files of host copies of that size take of memory at most. */
uint64_t gp_host_copy_file_size(uint64_t size, unsigned *n_halves);

/**
 * Wants the rectangle, which is not empty and inside, with its top left pixel at offset in the
 * backing. False, with no effect, if it lies otherwise in the backing than what is wanted already:
 * that is to be copied before.
 */
bool gp_host_copy_want(struct gp_host_copy *copy, const struct gp_rect *rect, uint64_t offset);
/**
 * Copies what is wanted into a half, and what else the half lacks: it is the current one then. Rows
 * that the backing does not have stay as they were. Returns the number of bytes that were written.
 */
uint64_t gp_host_copy_update(
	struct gp_host_copy *copy, const struct gp_extents *backing, unsigned half);
/* The bounding box of what has changed in the current half since the last call. */
struct gp_rect gp_host_copy_take_changed(struct gp_host_copy *copy);
/* The pixels of the current half. */
uint8_t *gp_host_copy_pixels(const struct gp_host_copy *copy);

#endif
