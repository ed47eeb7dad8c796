#ifndef GP_COMMON_FORMAT_H
#define GP_COMMON_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Single-plane pixel formats, one row for each that virtio-gpu knows (virtio 1.3, 5.7.6.8,
 * enum virtio_gpu_formats), with its DRM fourcc. virtio names list bytes in memory order; fourcc
 * names list bits of a little-endian word from the top: VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM is
 * DRM_FORMAT_XRGB8888.
 */
struct gp_format {
	uint32_t virtio; // VIRTIO_GPU_FORMAT_*
	uint32_t drm; // DRM_FORMAT_*
	uint32_t drm_opaque; // the same with the alpha bits ignored; itself if it has none
	uint32_t bytes_per_pixel;
	bool has_alpha;
	const char *name; // of the fourcc, "XR24"
};

/* Each returns NULL for a format that is not in the table. */
const struct gp_format *gp_format_from_virtio(uint32_t virtio);
const struct gp_format *gp_format_from_drm(uint32_t drm);
/* The format of the same pixels with the alpha bits ignored. Never NULL. */
const struct gp_format *gp_format_without_alpha(const struct gp_format *format);
/* The whole table, for loops. */
const struct gp_format *gp_formats(size_t *count);

/**
 * Whether a linear buffer fits into memory: stride is enough for width, and offset + stride ×
 * (height - 1) + width × bytes per pixel does not exceed size. All in bytes or pixels; overflow and
 * empty buffers are "no".
 */
bool gp_format_fits(const struct gp_format *format, uint32_t width, uint32_t height,
	uint32_t offset, uint32_t stride, uint64_t size);

#endif
