#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <drm_fourcc.h>
#include <linux/virtio_gpu.h>
#include <string.h>

#include "common/checked.h"
#include "common/format.h"
#include "common/rect.h"

/* Where a byte of memory stands in a little-endian fourcc, from the top: byte 0 is last. */
static void test_byte_order(void **state) {
	static const struct {
		uint32_t virtio;
		const char *memory;
		uint32_t drm;
	} rows[] = {
		{VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, "BGRA", DRM_FORMAT_ARGB8888},
		{VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, "BGRX", DRM_FORMAT_XRGB8888},
		{VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, "ARGB", DRM_FORMAT_BGRA8888},
		{VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, "XRGB", DRM_FORMAT_BGRX8888},
		{VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, "RGBA", DRM_FORMAT_ABGR8888},
		{VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, "XBGR", DRM_FORMAT_RGBX8888},
		{VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, "ABGR", DRM_FORMAT_RGBA8888},
		{VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, "RGBX", DRM_FORMAT_XBGR8888},
	};
	size_t count;

	gp_formats(&count);
	assert_int_equal(count, sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < count; i++) {
		const struct gp_format *format = gp_format_from_virtio(rows[i].virtio);
		assert_non_null(format);
		assert_int_equal(format->drm, rows[i].drm);
		assert_int_equal(format->bytes_per_pixel, 4);
		assert_int_equal(format->has_alpha, strchr(rows[i].memory, 'A') != NULL);
		/* The same but for the letter of the alpha byte. */
		char memory[8];
		strcpy(memory, rows[i].memory);
		char *alpha = strchr(memory, 'A');
		if (alpha) {
			*alpha = 'X';
		}
		size_t opaque = 0;
		while (strcmp(rows[opaque].memory, memory) != 0) {
			opaque++;
		}
		assert_int_equal(gp_format_without_alpha(format)->drm, rows[opaque].drm);
	}
}

static void test_table(void **state) {
	size_t count;
	const struct gp_format *formats = gp_formats(&count);

	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(gp_format_from_virtio(formats[i].virtio), &formats[i]);
		assert_ptr_equal(gp_format_from_drm(formats[i].drm), &formats[i]);
		assert_memory_equal(formats[i].name, &formats[i].drm, 4);
		assert_int_equal(formats[i].name[4], '\0');
	}
}

static void test_unknown(void **state) {
	assert_null(gp_format_from_virtio(0));
	assert_null(gp_format_from_virtio(5));
	assert_null(gp_format_from_virtio(UINT32_MAX));
	assert_null(gp_format_from_drm(0));
	assert_null(gp_format_from_drm(DRM_FORMAT_NV12));
}

static void test_fits(void **state) {
	static const struct {
		uint32_t width, height, offset, stride;
		uint64_t size;
		bool fits;
	} rows[] = {
		{64, 64, 0, 256, 16384, true},
		{64, 64, 0, 256, 16383, false},
		{64, 64, 1, 256, 16384, false},
		{64, 64, 4096, 256, 20480, true},
		{64, 64, 0, 255, 16384, false},
		{64, 64, 0, 512, 512 * 63 + 256, true}, // the last row needs no padding
		{64, 64, 0, 512, 512 * 63 + 255, false},
		{1, 1, 0, 4, 4, true},
		{0, 64, 0, 256, 16384, false},
		{64, 0, 0, 256, 16384, false},
		{64, 64, 0, 0, 16384, false},
		{1 << 30, 1, 0, 0, UINT64_MAX, false}, // 4 × width is 0 in 32 bits
		{UINT32_MAX, UINT32_MAX, 0, UINT32_MAX, UINT64_MAX, false},
		{1 << 29, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX, true},
		{1 << 29, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, false},
		{1, 1, UINT32_MAX, 4, UINT32_MAX, false},
	};
	const struct gp_format *format = gp_format_from_drm(DRM_FORMAT_XRGB8888);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool fits = gp_format_fits(format, rows[i].width, rows[i].height, rows[i].offset,
			rows[i].stride, rows[i].size);
		if (fits != rows[i].fits) {
			fail_msg("row %zu", i);
		}
	}
}

static void test_checked(void **state) {
	uint64_t out;
	assert_true(gp_add_u64(UINT64_MAX - 1, 1, &out) && out == UINT64_MAX);
	assert_false(gp_add_u64(UINT64_MAX, 1, &out));
	assert_true(gp_mul_u64(UINT32_MAX, UINT32_MAX, &out));
	assert_false(gp_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
	assert_true(gp_range_inside(0, 10, 10) && gp_range_inside(10, 0, 10));
	assert_false(gp_range_inside(11, 0, 10) || gp_range_inside(1, 10, 10));
	assert_false(gp_range_inside(1, UINT64_MAX, 10));
}

static void test_rect_inside(void **state) {
	assert_true(gp_rect_inside(&(struct gp_rect){0, 0, 64, 64}, 64, 64));
	assert_true(gp_rect_inside(&(struct gp_rect){63, 63, 1, 1}, 64, 64));
	assert_false(gp_rect_inside(&(struct gp_rect){1, 0, 64, 64}, 64, 64));
	assert_false(gp_rect_inside(&(struct gp_rect){UINT32_MAX, 0, 2, 1}, 64, 64));
	assert_false(gp_rect_inside(&(struct gp_rect){0, 2, 1, UINT32_MAX}, 64, 64));
}

static void test_rect_intersect(void **state) {
	static const struct {
		struct gp_rect a, b, out;
	} rows[] = {
		{{0, 0, 10, 10}, {5, 6, 10, 10}, {5, 6, 5, 4}},
		{{0, 0, 10, 10}, {2, 3, 4, 5}, {2, 3, 4, 5}},
		{{0, 0, 10, 10}, {10, 0, 5, 5}, {0}},
		{{0, 0, 10, 10}, {0, 10, 5, 5}, {0}},
		{{5, 5, 0, 10}, {0, 0, 20, 20}, {0}},
		{{UINT32_MAX, 0, UINT32_MAX, 1}, {0, 0, 10, 10}, {0}}, // does not wrap
		{{1, 1, UINT32_MAX, UINT32_MAX}, {0, 0, UINT32_MAX, 2}, {1, 1, UINT32_MAX - 1, 1}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_rect out = {9, 9, 9, 9};
		bool hit = rows[i].out.width > 0;
		assert_int_equal(gp_rect_intersect(&rows[i].a, &rows[i].b, &out), hit);
		assert_memory_equal(&out, &rows[i].out, sizeof(out));
		assert_int_equal(gp_rect_intersect(&rows[i].b, &rows[i].a, &out), hit);
		assert_memory_equal(&out, &rows[i].out, sizeof(out));
	}
}

static void test_rect_union(void **state) {
	const struct gp_rect a = {5, 6, 10, 10}, b = {0, 10, 20, 1},
			     far = {UINT32_MAX - 1, 0, 1, 1};
	struct gp_rect out = gp_rect_union(&a, &b);
	assert_memory_equal(&out, &((struct gp_rect){0, 6, 20, 10}), sizeof(out));
	out = gp_rect_union(&far, &a);
	assert_memory_equal(&out, &((struct gp_rect){5, 0, UINT32_MAX - 5, 16}), sizeof(out));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_byte_order),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_checked),
		cmocka_unit_test(test_rect_inside),
		cmocka_unit_test(test_rect_intersect),
		cmocka_unit_test(test_rect_union),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
