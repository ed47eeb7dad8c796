#include "common/timing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/limits.h"

/* Totals and sync widths are those of VESA DMT, which has these modes with CVT reduced blanking. */
static void test_cvt(void **state) {
	static const struct {
		struct gp_mode mode;
		struct gp_timing timing;
	} cases[] = {
		{{1920, 1200, 60000}, {15413, 1920, 160, 1200, 35, 6}},
		{{2560, 1600, 60000}, {26863, 2560, 160, 1600, 46, 6}},
		{{1680, 1050, 60000}, {11923, 1680, 160, 1050, 30, 6}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gp_timing timing = gp_timing_from_mode(&cases[i].mode);
		const struct gp_timing *wanted = &cases[i].timing;
		assert_int_equal(timing.hactive, wanted->hactive);
		assert_int_equal(timing.vactive, wanted->vactive);
		assert_int_equal(timing.vblank, wanted->vblank);
		assert_int_equal(timing.vsync, wanted->vsync);
		assert_int_equal(timing.hblank, wanted->hblank);
		assert_int_equal(timing.clock, wanted->clock);
	}
}

/* The refresh is met within 0.05 %, unless the clock is at its limit. */
static void test_refresh(void **state) {
	static const uint32_t sizes[][2] = {
		{64, 64}, {640, 480}, {1366, 768}, {1920, 1080}, {3840, 2160}, {7680, 4320}};
	static const uint32_t rates_mhz[] = {24000, 30000, 50000, 59940, 60000, 75000, 144000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t k = 0; k < sizeof(rates_mhz) / sizeof(rates_mhz[0]); k++) {
			struct gp_mode mode = {sizes[i][0], sizes[i][1], rates_mhz[k]};
			struct gp_timing timing = gp_timing_from_mode(&mode);
			uint64_t pixels = (uint64_t)(timing.hactive + timing.hblank) *
				(timing.vactive + timing.vblank);
			int64_t refresh_mhz = (int64_t)(timing.clock * 10000000ull / pixels);
			int64_t error = refresh_mhz - (int64_t)mode.refresh_mhz;
			int64_t allowed = mode.refresh_mhz / 2000;
			assert_true(error >= -allowed && error <= allowed);
			assert_true(timing.clock >= 1000); // 10 MHz
			assert_true(timing.vblank >= GP_TIMING_VFRONT + timing.vsync + 6);
		}
	}
}

/* Nothing overflows at the largest mode. */
static void test_largest(void **state) {
	struct gp_mode mode = {GP_DIMENSION_MAX, GP_DIMENSION_MAX, 1000000};
	struct gp_timing timing = gp_timing_from_mode(&mode);
	assert_int_equal(timing.clock, 1 << 24);
	assert_int_equal(timing.hactive, GP_DIMENSION_MAX);
	assert_int_equal(timing.vactive, GP_DIMENSION_MAX);
	assert_true(timing.vblank > 0 && timing.hblank > 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cvt),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_largest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
