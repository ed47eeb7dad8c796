#include "vmm-bridge/input/evdev.h"

#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm-bridge/input/config.h"

static void test_absolute(void **state) {
	static const struct {
		int32_t position;
		uint32_t offset, length;
		int32_t value;
	} rows[] = {
		{0, 0, 1280, 0},
		{-1, 0, 1280, 0},
		{INT32_MIN, 0, 1280, 0},
		{1 << 8, 0, 32768, 1},
		{640 << 8, 0, 1280, 16384},
		{1 << 8, 0, 1280, 26}, // 25.6
		{1280 << 8, 0, 1280, 32767},
		{INT32_MAX, 0, 1, 32767},
		{(1280 << 8) - 1, 0, 1280, 32767},
		{0, 1280, 2560, 16384},
		{-256, 1280, 2560, 16372}, // the last pixel of the head before: 16371.2
		{0, 16384, 16384, 32767},
		{0, UINT32_MAX, UINT32_MAX, 32767},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int32_t value = gp_evdev_absolute(rows[i].position, rows[i].offset, rows[i].length);
		if (value != rows[i].value) {
			fail_msg("row %zu: %d", i, value);
		}
	}
}

/* Each pixel of each head of usual desktops is found again as libinput does it. */
static void test_absolute_is_exact(void **state) {
	static const uint32_t lengths[] = {
		1, 2, 3, 480, 600, 640, 768, 800, 1080, 1280, 1366, 1920, 2560, 3840, 7680, 16384};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (uint32_t heads = 1; heads <= 2; heads++) {
			uint32_t length = lengths[i], whole = length * heads;
			uint32_t offset = whole - length;
			for (uint32_t pixel = 0; pixel < length; pixel++) {
				int32_t v = gp_evdev_absolute((int32_t)pixel << 8, offset, whole);
				uint64_t found = (uint64_t)v * whole / 32768;
				if (found != offset + pixel) {
					fail_msg("pixel %u of %u", pixel, whole);
				}
			}
		}
	}
}

static void test_wheel(void **state) {
	static const struct {
		bool horizontal;
		int32_t amount; // in 1/256 of a 120th
		int32_t fine, coarse; // summed up over three turns
	} rows[] = {
		{false, 120 << 8, -360, -3},
		{false, -120 * 256, 360, 3},
		{true, 120 << 8, 360, 3},
		{true, -120 * 256, -360, -3},
		{false, 40 << 8, -120, -1},
		{false, 30 << 8, -90, 0},
		{true, 128, 1, 0}, // three halves
		{true, 0, 0, 0},
		{true, 85, 0, 0},
		{true, 86, 1, 0}, // 258 / 256
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_wheel wheel = {0};
		int32_t fine = 0, coarse = 0;
		for (int turn = 0; turn < 3; turn++) {
			struct gp_input_event events[2];
			size_t n =
				gp_evdev_turn(&wheel, rows[i].horizontal, rows[i].amount, events);
			if (n > 0) {
				assert_int_equal(events[0].code,
					rows[i].horizontal ? REL_HWHEEL_HI_RES : REL_WHEEL_HI_RES);
				fine += events[0].value;
			}
			if (n > 1) {
				assert_int_equal(events[1].code,
					rows[i].horizontal ? REL_HWHEEL : REL_WHEEL);
				coarse += events[1].value;
			}
		}
		if (fine != rows[i].fine || coarse != rows[i].coarse) {
			fail_msg("row %zu: %d, %d", i, fine, coarse);
		}
	}
}

static void test_relative(void **state) {
	int32_t rest = 0;
	assert_int_equal(gp_evdev_relative(&rest, 384), 1); // 1.5
	assert_int_equal(gp_evdev_relative(&rest, 128), 1); // 0.5 + 0.5
	assert_int_equal(gp_evdev_relative(&rest, -64), 0);
	assert_int_equal(gp_evdev_relative(&rest, -192), -1);
	assert_int_equal(rest, 0);
	gp_evdev_relative(&rest, INT32_MAX);
	gp_evdev_relative(&rest, INT32_MIN);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_absolute_is_exact),
		cmocka_unit_test(test_wheel),
		cmocka_unit_test(test_relative),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
