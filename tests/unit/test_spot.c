/* D9, D10: what lies under a point of the layout, and where on it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <wlr/util/box.h>
#include <cmocka.h>

#include "compositor/guest/scanout.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/seat/spot.h"
#include "compositor/view/view.h"

#define STEP (1. / 256)

/* An output that shows a surface, all of them only as far as the look-up reads them. */
struct fake_output {
	struct gp_output output;
	struct gp_view view;
	struct gp_guest_scanout scanout;
};

static char guest, surfaces[3]; // only their addresses count

static void init_output(struct fake_output *fake, struct gp_outputs *outputs, int i) {
	*fake = (struct fake_output){0};
	fake->scanout.guest = (struct gp_guest *)&guest;
	fake->scanout.surface = (struct wlr_surface *)&surfaces[i];
	fake->view.scanout = &fake->scanout;
	fake->view.shown = true;
	fake->view.box = (struct wlr_box){0, 0, 640, 480};
	fake->output.view = &fake->view;
	wl_list_insert(outputs->list.prev, &fake->output.link);
}

static void assert_near(double a, double b) {
	assert_true(a - b < 1e-9 && b - a < 1e-9);
}

/* A picture of 320 × 240 pixels, shown twice as large with bars beside it, on a second output. */
static void test_project(void **state) {
	static const struct wlr_box picture = {1000, 100, 640, 480};
	static const struct {
		double layout_x, layout_y, x, y;
		bool inside;
	} rows[] = {
		{1000, 100, 0, 0, true},
		{1320, 340, 160, 120, true},
		{1001, 103, 0.5, 1.5, true},
		{1639.5, 579.5, 319.75, 239.75, true},
		{1640, 340, 320 - STEP, 120, false},
		{1320, 580, 160, 240 - STEP, false},
		{999.5, 340, 0, 120, false},
		{1320, 99.5, 160, 0, false},
		{0, 0, 0, 0, false},
		{1e6, 1e6, 320 - STEP, 240 - STEP, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double x, y;
		bool inside = gp_spot_project_on(
			&picture, 320, 240, rows[i].layout_x, rows[i].layout_y, &x, &y);
		assert_int_equal(inside, rows[i].inside);
		assert_near(x, rows[i].x);
		assert_near(y, rows[i].y);
	}
}

static void test_find_surface(void **state) {
	struct gp_outputs outputs;
	struct fake_output fakes[3];
	wl_list_init(&outputs.list);
	for (int i = 0; i < 3; i++) {
		init_output(&fakes[i], &outputs, i);
	}
	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(
			gp_spot_find_surface(&outputs, fakes[i].scanout.surface), &fakes[i].output);
	}
	assert_null(gp_spot_find_surface(&outputs, NULL));
	fakes[1].output.view = NULL; // a status screen
	assert_null(gp_spot_find_surface(&outputs, fakes[1].scanout.surface));
	assert_ptr_equal(
		gp_spot_find_surface(&outputs, fakes[2].scanout.surface), &fakes[2].output);
}

/* What a guest may have taken away while its view is still there. */
static void test_shows_guest(void **state) {
	struct gp_outputs outputs;
	struct fake_output fake;
	wl_list_init(&outputs.list);
	init_output(&fake, &outputs, 0);
	assert_true(gp_spot_shows_guest(&fake.output));
	fake.view.shown = false;
	assert_false(gp_spot_shows_guest(&fake.output));
	fake.view.shown = true;
	fake.view.box.height = 0; // no picture was arranged yet
	assert_false(gp_spot_shows_guest(&fake.output));
	fake.view.box.height = 480;
	fake.scanout.guest = NULL;
	assert_false(gp_spot_shows_guest(&fake.output));
	fake.scanout.guest = (struct gp_guest *)&guest;
	assert_true(gp_spot_shows_guest(&fake.output));
	fake.scanout.surface = NULL;
	assert_false(gp_spot_shows_guest(&fake.output));
	assert_null(gp_spot_find_surface(&outputs, NULL));
	fake.output.view = NULL;
	assert_false(gp_spot_shows_guest(&fake.output));
	assert_false(gp_spot_shows_guest(NULL));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_project),
		cmocka_unit_test(test_find_surface),
		cmocka_unit_test(test_shows_guest),
	};
	return cmocka_run_group_tests_name("spot", tests, NULL, NULL);
}
