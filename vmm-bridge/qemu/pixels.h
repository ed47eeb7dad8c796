#ifndef GP_VMM_BRIDGE_QEMU_PIXELS_H
#define GP_VMM_BRIDGE_QEMU_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rect.h"

/**
 * Pixels as QEMU describes them: a pixman format in the methods that bring memory or bytes, a DRM
 * fourcc in those that bring dma-bufs.
 */

struct gp_qemu_format {
	uint32_t pixman; // its code; 0: it has none here
	uint32_t drm; // what the compositor gets; alpha is ignored, as on a real display
	uint32_t bytes_per_pixel;
	/* Makes XRGB8888 of n pixels; NULL: it is one of the compositor's formats as it is. */
	void (*convert)(uint32_t *out, const uint8_t *in, size_t n);
};

/* Each returns NULL for a format that is not known. */
const struct gp_qemu_format *gp_qemu_format_from_pixman(uint32_t pixman);
const struct gp_qemu_format *gp_qemu_format_from_drm(uint32_t drm);

/* Where pixels lie; checked with gp_qemu_image_fits. */
struct gp_qemu_image {
	const struct gp_qemu_format *format;
	uint32_t width, height;
	uint32_t offset, stride; // bytes
	uint64_t modifier; // DRM_FORMAT_MOD_*
	bool flipped; // the first row is the bottom one
	struct gp_rect seen; // the part of it that is on the console; not empty
};

bool gp_qemu_image_equal(const struct gp_qemu_image *a, const struct gp_qemu_image *b);
/* Whether its numbers make sense, and it lies in a file of so many bytes. */
bool gp_qemu_image_fits(const struct gp_qemu_image *image, uint64_t size);
/**
 * Copies a rectangle, which must be inside, from memory of that layout to rows of 4 bytes per
 * pixel, the first row of which is the top one. Returns the bytes that were written.
 */
uint64_t gp_qemu_image_read(const struct gp_qemu_image *image, const uint8_t *from, uint8_t *to,
	uint64_t to_stride, const struct gp_rect *rect);

#endif
