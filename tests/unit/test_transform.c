/* D9, D10: from a point of a panel to a pixel of the guest that is shown there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compositor/seat/transform.h"

#define SIZE 64 // eighths are exact

static void assert_near(double a, double b) {
	assert_true(a - b < 1e-9 && b - a < 1e-9);
}

/* The panel's point 1/8, 1/4 for each transform in the order of enum wl_output_transform. */
static void test_turn(void **state) {
	static const struct {
		double x, y;
	} rows[] = {
		{1. / 8, 1. / 4},
		{3. / 4, 1. / 8},
		{7. / 8, 3. / 4},
		{1. / 4, 7. / 8},
		{7. / 8, 1. / 4},
		{1. / 4, 1. / 8},
		{1. / 8, 3. / 4},
		{3. / 4, 7. / 8},
	};
	for (int i = 0; i < 8; i++) {
		double x = 1. / 8, y = 1. / 4;
		gp_transform_point(i, &x, &y);
		assert_near(x, rows[i].x);
		assert_near(y, rows[i].y);
	}
}

/* A direction turns as the difference of two points does. */
static void test_turn_vector(void **state) {
	for (int i = 0; i < 8; i++) {
		double x = 0.25, y = 0.75, to_x = 0.5, to_y = 0.25, dx = 0.25, dy = -0.5;
		gp_transform_point(i, &x, &y);
		gp_transform_point(i, &to_x, &to_y);
		gp_transform_vector(i, &dx, &dy);
		assert_near(to_x - x, dx);
		assert_near(to_y - y, dy);
	}
}

static void test_scale(void **state) {
	static const struct {
		double at;
		int from, to;
		double value;
	} rows[] = {
		{0, 640, 640, 0},
		{639.5, 640, 640, 639.5},
		{640, 640, 640, 640 - 1. / 256},
		{-1, 640, 640, 0},
		{1e9, 640, 640, 640 - 1. / 256},
		{320, 640, 1280, 640},
		{320, 640, 320, 160},
		{0.5, 1, 16384, 8192},
		{8192, 16384, 1, 0.5},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_near(gp_scale_clamp(rows[i].at, rows[i].from, rows[i].to), rows[i].value);
	}
}

/* All transforms and factors: the middle of each panel's pixel is in the pixel that is there. */
static void test_pixels(void **state) {
	for (int transform = 0; transform < 8; transform++) {
		for (int factor = 1; factor <= 4; factor *= 2) {
			for (int panel = 0; panel < SIZE; panel++) {
				double x = (panel + 0.5) / SIZE, y = 0.25 + 0.5 / SIZE;
				gp_transform_point(transform, &x, &y);
				int across = transform == 0 || transform == 6 ? panel
					: transform == 2 || transform == 4    ? SIZE - 1 - panel
					: transform == 1 || transform == 7    ? SIZE - 1 - SIZE / 4
									      : SIZE / 4;
				int found = (int)gp_scale_clamp(x * SIZE, SIZE, SIZE / factor);
				assert_int_equal(found, across / factor);
			}
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turn),
		cmocka_unit_test(test_turn_vector),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_pixels),
	};
	return cmocka_run_group_tests_name("transform", tests, NULL, NULL);
}
