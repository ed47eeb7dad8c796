#include "common/format.h"

#include <drm_fourcc.h>
#include <linux/virtio_gpu.h>

#include "common/checked.h"

static const struct gp_format formats[] = {
	{VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, DRM_FORMAT_ARGB8888, DRM_FORMAT_XRGB8888, 4, true,
		"AR24"},
	{VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, DRM_FORMAT_XRGB8888, DRM_FORMAT_XRGB8888, 4, false,
		"XR24"},
	{VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, DRM_FORMAT_BGRA8888, DRM_FORMAT_BGRX8888, 4, true,
		"BA24"},
	{VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, DRM_FORMAT_BGRX8888, DRM_FORMAT_BGRX8888, 4, false,
		"BX24"},
	{VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, DRM_FORMAT_ABGR8888, DRM_FORMAT_XBGR8888, 4, true,
		"AB24"},
	{VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, DRM_FORMAT_RGBX8888, DRM_FORMAT_RGBX8888, 4, false,
		"RX24"},
	{VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, DRM_FORMAT_RGBA8888, DRM_FORMAT_RGBX8888, 4, true,
		"RA24"},
	{VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, DRM_FORMAT_XBGR8888, DRM_FORMAT_XBGR8888, 4, false,
		"XB24"},
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

const struct gp_format *gp_formats(size_t *count) {
	*count = N_FORMATS;
	return formats;
}

const struct gp_format *gp_format_from_virtio(uint32_t virtio) {
	for (size_t i = 0; i < N_FORMATS; i++) {
		if (formats[i].virtio == virtio) {
			return &formats[i];
		}
	}
	return NULL;
}

const struct gp_format *gp_format_from_drm(uint32_t drm) {
	for (size_t i = 0; i < N_FORMATS; i++) {
		if (formats[i].drm == drm) {
			return &formats[i];
		}
	}
	return NULL;
}

const struct gp_format *gp_format_without_alpha(const struct gp_format *format) {
	return gp_format_from_drm(format->drm_opaque);
}

bool gp_format_fits(const struct gp_format *format, uint32_t width, uint32_t height,
	uint32_t offset, uint32_t stride, uint64_t size) {
	uint64_t row = (uint64_t)width * format->bytes_per_pixel;
	uint64_t last_row, end;

	if (width == 0 || height == 0 || stride < row) {
		return false;
	}
	return gp_mul_u64(stride, height - 1, &last_row) && gp_add_u64(last_row, row, &end) &&
		gp_range_inside(offset, end, size);
}
