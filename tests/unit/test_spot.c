/* D9, D10: what lies under a point of the layout or of a panel, and where on it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wlr/backend.h>
#include <wlr/backend/headless.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_output_layout.h>
#include <cmocka.h>

#include "compositor/config/settings.h"
#include "compositor/guest/scanout.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/seat/spot.h"

#define W 640
#define H 480
#define STEP (1. / 256)

/* Two outputs side by side, with all that the look-ups read. The right panel is on its side. */
struct desk {
	struct wl_display *display;
	struct wlr_backend *backend;
	struct gp_outputs outputs;
	struct gp_settings settings;
	struct panel {
		struct wlr_output *wlr_output;
		struct gp_output output;
		struct gp_view view;
		struct gp_guest_scanout scanout; // half as large as the output
	} left, right;
};

static char guest, surfaces[2]; // only their addresses count

static void init_panel(struct desk *desk, struct panel *panel, int i, const char *name) {
	struct wlr_output *wlr_output =
		wlr_headless_add_output(desk->backend, i == 0 ? W : H, i == 0 ? H : W);
	assert_non_null(wlr_output);
	wlr_output_set_name(wlr_output, name);
	wlr_output->enabled = true;
	wlr_output->transform = i == 0 ? WL_OUTPUT_TRANSFORM_NORMAL : WL_OUTPUT_TRANSFORM_90;
	wlr_output->data = &panel->output;
	assert_non_null(wlr_output_layout_add(desk->outputs.layout, wlr_output, i * W, 0));
	panel->wlr_output = wlr_output;
	panel->scanout.guest = (struct gp_guest *)&guest;
	panel->scanout.surface = (struct wlr_surface *)&surfaces[i];
	panel->view.shape_width = W / 2;
	panel->view.shape_height = H / 2;
	panel->view.scanout = &panel->scanout;
	panel->view.shown = true;
	panel->view.box = (struct wlr_box){0, 0, W, H};
	panel->output.wlr_output = wlr_output;
	panel->output.view = &panel->view;
	wl_list_insert(desk->outputs.list.prev, &panel->output.link);
}

static int set_up(void **state) {
	struct desk *desk = calloc(1, sizeof(*desk));
	assert_non_null(desk);
	desk->settings.config = calloc(1, sizeof(*desk->settings.config));
	desk->display = wl_display_create();
	desk->backend = wlr_headless_backend_create(wl_display_get_event_loop(desk->display));
	desk->outputs.layout = wlr_output_layout_create(desk->display);
	desk->outputs.settings = &desk->settings;
	wl_list_init(&desk->outputs.list);
	init_panel(desk, &desk->left, 0, "A-1");
	init_panel(desk, &desk->right, 1, "B-1");
	*state = desk;
	return 0;
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	wlr_backend_destroy(desk->backend);
	wl_display_destroy(desk->display);
	free(desk->settings.config);
	free(desk);
	return 0;
}

static void assert_near(double a, double b) {
	assert_true(a - b < 1e-9 && b - a < 1e-9);
}

/* A picture of 320 × 240 pixels, shown twice as large. */
static void test_project(void **state) {
	static const struct wlr_box picture = {1000, 100, W, H};
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

static void test_find(void **state) {
	struct desk *desk = *state;
	struct gp_outputs *outputs = &desk->outputs;
	assert_ptr_equal(gp_spot_find_output(outputs, W - 1, 0), &desk->left.output);
	assert_ptr_equal(gp_spot_find_output(outputs, W, H - 1), &desk->right.output);
	assert_null(gp_spot_find_output(outputs, 2 * W, 0));
	assert_ptr_equal(
		gp_spot_find_surface(outputs, desk->left.scanout.surface), &desk->left.output);
	assert_ptr_equal(
		gp_spot_find_surface(outputs, desk->right.scanout.surface), &desk->right.output);
	assert_null(gp_spot_find_surface(outputs, NULL));
	desk->left.output.view = NULL; // a status screen
	assert_ptr_equal(gp_spot_find_output(outputs, 0, 0), &desk->left.output);
	assert_null(gp_spot_find_surface(outputs, desk->left.scanout.surface));
}

/* The scanout never had a picture: its points are those of the output. */
static void test_no_picture(void **state) {
	struct desk *desk = *state;
	struct gp_spot spot;
	desk->left.view.shape_width = desk->left.view.shape_height = 0;
	gp_spot_locate(&spot, &desk->outputs, "Panel", "A-1", 1. / 8, 1. / 4);
	assert_ptr_equal(spot.surface, desk->left.scanout.surface);
	assert_true(spot.inside);
	assert_near(spot.x, W / 8.);
	assert_near(spot.y, H / 4.);
}

/* What may be missing while there is a view. */
static void test_shows_guest(void **state) {
	struct desk *desk = *state;
	struct panel *panel = &desk->left;
	assert_true(gp_spot_shows_guest(&panel->output));
	panel->view.shown = false; // the output sleeps
	assert_true(gp_spot_shows_guest(&panel->output));
	panel->view.box.height = 0; // it was not arranged yet
	assert_false(gp_spot_shows_guest(&panel->output));
	panel->view.box.height = H;
	panel->scanout.guest = NULL;
	assert_false(gp_spot_shows_guest(&panel->output));
	panel->scanout.guest = (struct gp_guest *)&guest;
	assert_true(gp_spot_shows_guest(&panel->output));
	panel->scanout.surface = NULL;
	assert_false(gp_spot_shows_guest(&panel->output));
	assert_null(gp_spot_find_surface(&desk->outputs, NULL));
	panel->output.view = NULL;
	assert_false(gp_spot_shows_guest(&panel->output));
	assert_false(gp_spot_shows_guest(NULL));
}

static void assert_belongs(const struct desk *desk, const char *device, const char *claimed,
	const struct panel *panel) {
	struct gp_spot spot;
	gp_spot_locate(&spot, &desk->outputs, device, claimed, 0.5, 0.5);
	assert_ptr_equal(spot.surface, panel->scanout.surface);
	assert_true(spot.inside);
}

/* Which output a device belongs to. */
static void test_belongs(void **state) {
	struct desk *desk = *state;
	struct gp_config *config = desk->settings.config;
	struct gp_config_input *input = config->inputs;
	assert_belongs(desk, "Panel", NULL, &desk->left);
	assert_belongs(desk, NULL, "B-1", &desk->right);
	assert_belongs(desk, "Panel", "C-1", &desk->left);
	desk->left.wlr_output->enabled = false;
	assert_belongs(desk, "Panel", NULL, &desk->right);
	desk->left.wlr_output->enabled = true;

	config->n_inputs = 1;
	strcpy(input->name, "Panel");
	assert_belongs(desk, "Panel", NULL, &desk->left);
	strcpy(input->output, "B-1");
	assert_belongs(desk, "Panel", NULL, &desk->right);
	assert_belongs(desk, "Panel", "A-1", &desk->right);
	assert_belongs(desk, "Other", "A-1", &desk->left);
	strcpy(input->output, "C-1"); // which is not plugged in
	assert_belongs(desk, "Panel", "B-1", &desk->right);
	assert_belongs(desk, "Panel", NULL, &desk->left);
}

static void test_locate(void **state) {
	struct desk *desk = *state;
	struct gp_spot spot;
	gp_spot_locate(&spot, &desk->outputs, "Panel", "B-1", 1. / 8, 1. / 4);
	assert_int_equal(spot.transform, WL_OUTPUT_TRANSFORM_90);
	assert_near(spot.layout_x, W + W * 3. / 4);
	assert_near(spot.layout_y, H / 8.);
	assert_near(spot.x, W / 2 * 3. / 4);
	assert_near(spot.y, H / 2 / 8.);
	assert_true(spot.inside);

	desk->right.view.box = (struct wlr_box){W / 4, 0, W / 2, H}; // between bars
	gp_spot_locate(&spot, &desk->outputs, "Panel", "B-1", 1. / 8, 1. / 8);
	assert_near(spot.layout_x, W + W * 7. / 8);
	assert_near(spot.x, W / 2 - STEP);
	assert_false(spot.inside);

	desk->right.output.view = NULL;
	gp_spot_locate(&spot, &desk->outputs, "Panel", "B-1", 1. / 8, 1. / 4);
	assert_near(spot.layout_x, W + W * 3. / 4);
	assert_null(spot.surface);
	assert_false(spot.inside);

	wl_list_init(&desk->outputs.list);
	gp_spot_locate(&spot, &desk->outputs, "Panel", "B-1", 1. / 8, 1. / 4);
	assert_null(spot.surface);
	assert_near(spot.layout_x, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_project),
		cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_picture, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shows_guest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_belongs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_locate, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("spot", tests, NULL, NULL);
}
