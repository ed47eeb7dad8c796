/* Pixels as QEMU describes them: numbers that do not fit, and formats that are converted. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <drm_fourcc.h>

#include "vmm-bridge/qemu/pixels.h"

static void test_formats(void **state) {
	static const struct {
		uint32_t pixman, drm, bytes;
	} rows[] = {
		{0x20020888, DRM_FORMAT_XRGB8888, 4},
		{0x20028888, DRM_FORMAT_XRGB8888, 4},
		{0x20030888, DRM_FORMAT_XBGR8888, 4},
		{0x20080888, DRM_FORMAT_BGRX8888, 4},
		{0x20098888, DRM_FORMAT_RGBX8888, 4},
		{0x18020888, DRM_FORMAT_XRGB8888, 3},
		{0x10020565, DRM_FORMAT_XRGB8888, 2},
		{0x10020555, DRM_FORMAT_XRGB8888, 2},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct gp_qemu_format *format = gp_qemu_format_from_pixman(rows[i].pixman);
		assert_non_null(format);
		assert_int_equal(format->drm, rows[i].drm);
		assert_int_equal(format->bytes_per_pixel, rows[i].bytes);
	}
	assert_null(gp_qemu_format_from_pixman(0));
	assert_null(gp_qemu_format_from_pixman(0x08010000));
	/* Alpha is no part of a screen. */
	assert_int_equal(gp_qemu_format_from_drm(DRM_FORMAT_ARGB8888)->drm, DRM_FORMAT_XRGB8888);
	assert_int_equal(gp_qemu_format_from_drm(DRM_FORMAT_XBGR8888)->drm, DRM_FORMAT_XBGR8888);
	assert_null(gp_qemu_format_from_drm(DRM_FORMAT_NV12));
	assert_null(gp_qemu_format_from_drm(0));
}

static struct gp_qemu_image image_of(uint32_t width, uint32_t height, uint32_t stride) {
	return (struct gp_qemu_image){
		.format = gp_qemu_format_from_pixman(0x20020888),
		.width = width,
		.height = height,
		.stride = stride,
		.seen = {0, 0, width, height},
	};
}

static void test_fits(void **state) {
	struct gp_qemu_image image = image_of(64, 32, 256);
	assert_true(gp_qemu_image_fits(&image, 64 * 32 * 4));
	assert_false(gp_qemu_image_fits(&image, 64 * 32 * 4 - 1));
	image.offset = 4;
	assert_false(gp_qemu_image_fits(&image, 64 * 32 * 4));
	image.offset = UINT32_MAX;
	assert_false(gp_qemu_image_fits(&image, 64 * 32 * 4));
	image = image_of(64, 32, 255);
	assert_false(gp_qemu_image_fits(&image, UINT64_MAX));
	image = image_of(0, 32, 256);
	assert_false(gp_qemu_image_fits(&image, UINT64_MAX));
	image = image_of(64, 0, 256);
	assert_false(gp_qemu_image_fits(&image, UINT64_MAX));
	image = image_of(16385, 1, UINT32_MAX);
	assert_false(gp_qemu_image_fits(&image, UINT64_MAX));
	image = image_of(1, 16384, UINT32_MAX);
	assert_false(gp_qemu_image_fits(&image, 1u << 31));
	image = image_of(64, 32, 256);
	image.seen.x = 1;
	assert_false(gp_qemu_image_fits(&image, UINT64_MAX));
	image.seen = (struct gp_rect){UINT32_MAX, 0, 2, 1};
	assert_false(gp_qemu_image_fits(&image, UINT64_MAX));
	image.seen = (struct gp_rect){0, 0, 0, 1};
	assert_false(gp_qemu_image_fits(&image, UINT64_MAX));
}

static uint32_t convert(uint32_t pixman, const uint8_t *bytes) {
	struct gp_qemu_image image = image_of(1, 1, 4);
	image.format = gp_qemu_format_from_pixman(pixman);
	uint32_t out = 0;
	const struct gp_rect all = {0, 0, 1, 1};
	assert_int_equal(gp_qemu_image_read(&image, bytes, (uint8_t *)&out, 4, &all), 4);
	return out;
}

static void test_convert(void **state) {
	assert_int_equal(convert(0x20020888, (const uint8_t[]){1, 2, 3, 4}), 0x04030201);
	assert_int_equal(convert(0x18020888, (const uint8_t[]){1, 2, 3}), 0x00030201);
	assert_int_equal(convert(0x10020565, (const uint8_t[]){0xff, 0xff}), 0x00ffffff);
	assert_int_equal(convert(0x10020565, (const uint8_t[]){0x00, 0xf8}), 0x00ff0000);
	assert_int_equal(convert(0x10020565, (const uint8_t[]){0xe0, 0x07}), 0x0000ff00);
	assert_int_equal(convert(0x10020565, (const uint8_t[]){0x1f, 0x00}), 0x000000ff);
	assert_int_equal(convert(0x10020555, (const uint8_t[]){0x00, 0x7c}), 0x00ff0000);
	assert_int_equal(convert(0x10020555, (const uint8_t[]){0xe0, 0x03}), 0x0000ff00);
}

static void test_read(void **state) {
	uint32_t from[4][4], to[4][4];
	for (uint32_t i = 0; i < 16; i++) {
		from[i / 4][i % 4] = i;
	}
	struct gp_qemu_image image = image_of(4, 4, 16);
	const struct gp_rect part = {1, 1, 2, 1};
	memset(to, 0xff, sizeof(to));
	gp_qemu_image_read(&image, (const uint8_t *)from, (uint8_t *)to, 16, &part);
	assert_int_equal(to[1][1], 5);
	assert_int_equal(to[1][2], 6);
	assert_int_equal(to[1][0], UINT32_MAX);
	assert_int_equal(to[1][3], UINT32_MAX);
	assert_int_equal(to[0][1], UINT32_MAX);
	assert_int_equal(to[2][1], UINT32_MAX);
	image.flipped = true;
	gp_qemu_image_read(&image, (const uint8_t *)from, (uint8_t *)to, 16, &part);
	assert_int_equal(to[1][1], 9);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_convert),
		cmocka_unit_test(test_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
