/* D8: where a picture of another size goes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compositor/config/scaling.h"

static const struct {
	enum gp_scaling scaling;
	int32_t width, height, outer_width, outer_height;
	struct gp_box place;
} cases[] = {
	{GP_SCALING_FIT, 640, 480, 640, 480, {0, 0, 640, 480}},
	{GP_SCALING_FIT, 640, 480, 1920, 1080, {240, 0, 1440, 1080}},
	{GP_SCALING_FIT, 1920, 1080, 640, 480, {0, 60, 640, 360}},
	{GP_SCALING_FIT, 16384, 1, 640, 480, {0, 239, 640, 1}},
	{GP_SCALING_INTEGER, 640, 480, 1920, 1080, {320, 60, 1280, 960}},
	{GP_SCALING_INTEGER, 640, 480, 640, 480, {0, 0, 640, 480}},
	{GP_SCALING_INTEGER, 1280, 960, 640, 480, {0, 0, 640, 480}},
	{GP_SCALING_FILL, 640, 480, 1920, 1080, {0, -180, 1920, 1440}},
	{GP_SCALING_FILL, 1920, 1080, 640, 480, {-106, 0, 853, 480}},
	{GP_SCALING_NONE, 320, 200, 640, 480, {160, 140, 320, 200}},
	{GP_SCALING_NONE, 800, 600, 640, 480, {-80, -60, 800, 600}},
};

static void test_place(void **state) {
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gp_box place = gp_scaling_fit(cases[i].scaling, cases[i].width,
			cases[i].height, cases[i].outer_width, cases[i].outer_height);
		const struct gp_box *wanted = &cases[i].place;
		if (place.x != wanted->x || place.y != wanted->y || place.width != wanted->width ||
			place.height != wanted->height) {
			fail_msg("case %zu: %dx%d at %d, %d", i, place.width, place.height, place.x,
				place.y);
		}
	}
}

static void test_name(void **state) {
	enum gp_scaling scaling;
	assert_true(gp_scaling_from_name("fit", &scaling));
	assert_int_equal(scaling, GP_SCALING_FIT);
	assert_true(gp_scaling_from_name("none", &scaling));
	assert_int_equal(scaling, GP_SCALING_NONE);
	assert_false(gp_scaling_from_name("Fit", &scaling));
	assert_false(gp_scaling_from_name("", &scaling));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_name),
	};
	return cmocka_run_group_tests_name("scaling", tests, NULL, NULL);
}
