#include "vmm-bridge/qemu/pixels.h"

#include <drm_fourcc.h>
#include <string.h>

#include "common/limits.h"

/* pixman.h: PIXMAN_FORMAT, and the types that QEMU's devices have. */
#define CODE(bpp, type, a, r, g, b)                                                                \
	((uint32_t)(bpp) << 24 | (type) << 16 | (a) << 12 | (r) << 8 | (g) << 4 | (b))
#define TYPE_ARGB 2
#define TYPE_ABGR 3
#define TYPE_BGRA 8
#define TYPE_RGBA 9

static uint32_t widen(uint32_t value, unsigned bits) {
	return value << (8 - bits) | value >> (2 * bits - 8);
}

static uint32_t read_16(const uint8_t *in) {
	return (uint32_t)(in[0] | in[1] << 8);
}

static void convert_565(uint32_t *out, const uint8_t *in, size_t n) {
	for (size_t i = 0; i < n; i++, in += 2) {
		uint32_t pixel = read_16(in);
		out[i] = widen(pixel >> 11, 5) << 16 | widen(pixel >> 5 & 0x3f, 6) << 8 |
			widen(pixel & 0x1f, 5);
	}
}

static void convert_555(uint32_t *out, const uint8_t *in, size_t n) {
	for (size_t i = 0; i < n; i++, in += 2) {
		uint32_t pixel = read_16(in);
		out[i] = widen(pixel >> 10 & 0x1f, 5) << 16 | widen(pixel >> 5 & 0x1f, 5) << 8 |
			widen(pixel & 0x1f, 5);
	}
}

static void convert_888(uint32_t *out, const uint8_t *in, size_t n) {
	for (size_t i = 0; i < n; i++, in += 3) {
		out[i] = (uint32_t)in[2] << 16 | (uint32_t)in[1] << 8 | in[0];
	}
}

static const struct gp_qemu_format formats[] = {
	{CODE(32, TYPE_ARGB, 0, 8, 8, 8), DRM_FORMAT_XRGB8888, 4, NULL},
	{CODE(32, TYPE_ARGB, 8, 8, 8, 8), DRM_FORMAT_XRGB8888, 4, NULL},
	{CODE(32, TYPE_ABGR, 0, 8, 8, 8), DRM_FORMAT_XBGR8888, 4, NULL},
	{CODE(32, TYPE_ABGR, 8, 8, 8, 8), DRM_FORMAT_XBGR8888, 4, NULL},
	{CODE(32, TYPE_BGRA, 0, 8, 8, 8), DRM_FORMAT_BGRX8888, 4, NULL},
	{CODE(32, TYPE_BGRA, 8, 8, 8, 8), DRM_FORMAT_BGRX8888, 4, NULL},
	{CODE(32, TYPE_RGBA, 0, 8, 8, 8), DRM_FORMAT_RGBX8888, 4, NULL},
	{CODE(32, TYPE_RGBA, 8, 8, 8, 8), DRM_FORMAT_RGBX8888, 4, NULL},
	{CODE(24, TYPE_ARGB, 0, 8, 8, 8), DRM_FORMAT_XRGB8888, 3, convert_888},
	{CODE(16, TYPE_ARGB, 0, 5, 6, 5), DRM_FORMAT_XRGB8888, 2, convert_565},
	{CODE(16, TYPE_ARGB, 0, 5, 5, 5), DRM_FORMAT_XRGB8888, 2, convert_555},
	{CODE(16, TYPE_ARGB, 1, 5, 5, 5), DRM_FORMAT_XRGB8888, 2, convert_555},
};
#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static const struct {
	uint32_t with_alpha, without;
} opaque[] = {
	{DRM_FORMAT_ARGB8888, DRM_FORMAT_XRGB8888},
	{DRM_FORMAT_ABGR8888, DRM_FORMAT_XBGR8888},
	{DRM_FORMAT_BGRA8888, DRM_FORMAT_BGRX8888},
	{DRM_FORMAT_RGBA8888, DRM_FORMAT_RGBX8888},
};

const struct gp_qemu_format *gp_qemu_format_from_pixman(uint32_t pixman) {
	for (size_t i = 0; i < N_FORMATS; i++) {
		if (formats[i].pixman == pixman) {
			return &formats[i];
		}
	}
	return NULL;
}

const struct gp_qemu_format *gp_qemu_format_from_drm(uint32_t drm) {
	for (size_t i = 0; i < sizeof(opaque) / sizeof(opaque[0]); i++) {
		drm = drm == opaque[i].with_alpha ? opaque[i].without : drm;
	}
	for (size_t i = 0; i < N_FORMATS; i++) {
		if (formats[i].drm == drm && formats[i].convert == NULL) {
			return &formats[i];
		}
	}
	return NULL;
}

bool gp_qemu_image_equal(const struct gp_qemu_image *a, const struct gp_qemu_image *b) {
	return a->format == b->format && a->width == b->width && a->height == b->height &&
		a->offset == b->offset && a->stride == b->stride && a->modifier == b->modifier &&
		a->flipped == b->flipped;
}

bool gp_qemu_image_fits(const struct gp_qemu_image *image, uint64_t size) {
	uint64_t row = (uint64_t)image->width * image->format->bytes_per_pixel;
	return image->width > 0 && image->width <= GP_DIMENSION_MAX && image->height > 0 &&
		image->height <= GP_DIMENSION_MAX && image->stride >= row &&
		image->offset + (uint64_t)image->stride * (image->height - 1) + row <= size &&
		image->seen.width > 0 && image->seen.height > 0 &&
		gp_rect_inside(&image->seen, image->width, image->height);
}

uint64_t gp_qemu_image_read(const struct gp_qemu_image *image, const uint8_t *from, uint8_t *to,
	uint64_t to_stride, const struct gp_rect *rect) {
	const struct gp_qemu_format *format = image->format;
	for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
		uint32_t row = image->flipped ? image->height - 1 - y : y;
		const uint8_t *in = from + image->offset + (uint64_t)row * image->stride +
			(uint64_t)rect->x * format->bytes_per_pixel;
		uint8_t *out = to + y * to_stride + (uint64_t)rect->x * 4;
		if (format->convert != NULL) {
			format->convert((uint32_t *)(void *)out, in, rect->width);
		} else {
			memcpy(out, in, (size_t)rect->width * 4);
		}
	}
	return (uint64_t)rect->width * rect->height * 4;
}
