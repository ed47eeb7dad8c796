/* D7: which output a scanout goes to, and which of several guests is in front there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <wlr/types/wlr_output.h>

#include "compositor/config/options.h"
#include "compositor/config/settings.h"
#include "compositor/guest/guest.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/policy.h"

#define N_OUTPUTS 3
#define N_VIEWS 3

static struct {
	struct gp_options options;
	struct gp_config config;
	struct gp_settings settings;
	struct gp_outputs outputs;
	struct wlr_output wlr_output[N_OUTPUTS];
	struct gp_output output[N_OUTPUTS];
	struct gp_guest guest[N_VIEWS];
	struct gp_guest_scanout scanout[N_VIEWS];
	struct gp_view view[N_VIEWS];
	struct wl_list views;
	uint64_t stamp;
} rig;

/* Views of the guests a, b and c, on an output that shows none. */
static int set_up(void **state) {
	static const char *const connectors[N_OUTPUTS] = {"DP-1", "DP-2", "HDMI-A-1"};
	memset(&rig, 0, sizeof(rig));
	rig.settings.options = &rig.options;
	rig.settings.config = &rig.config;
	rig.outputs.settings = &rig.settings;
	wl_list_init(&rig.outputs.list);
	for (size_t i = 0; i < N_OUTPUTS; i++) {
		rig.wlr_output[i].name = (char *)connectors[i];
		rig.output[i].wlr_output = &rig.wlr_output[i];
	}
	wl_list_init(&rig.views);
	for (size_t i = 0; i < N_VIEWS; i++) {
		rig.guest[i].name[0] = 'a' + i;
		rig.scanout[i].guest = &rig.guest[i];
		rig.view[i].scanout = &rig.scanout[i];
		wl_list_insert(rig.views.prev, &rig.view[i].output_link);
	}
	return 0;
}

static void add_output(size_t i) {
	struct wl_list *after;
	rig.output[i].slot = gp_policy_get_slot(&rig.outputs, &after);
	wl_list_insert(after, &rig.output[i].link);
}

static void remove_output(size_t i) {
	wl_list_remove(&rig.output[i].link);
}

static void note(size_t i, uint32_t changes) {
	struct gp_view_change change = {.view = &rig.view[i], .changes = changes};
	gp_policy_note_change(&change, &rig.views, &rig.settings, ++rig.stamp);
}

/* As a view that gets a picture, or has one no more. */
static void set_picture(size_t i, bool has_picture) {
	struct gp_view_change change = {.view = &rig.view[i], .changes = GP_VIEW_PICTURE};
	rig.view[i].has_picture = has_picture;
	gp_policy_note_change(&change, &rig.views, &rig.settings, ++rig.stamp);
}

static void assert_front(size_t i) {
	assert_ptr_equal(gp_policy_pick_front(&rig.views), &rig.view[i]);
}

static void test_slots(void **state) {
	for (size_t i = 0; i < N_OUTPUTS; i++) {
		add_output(i);
		assert_int_equal(rig.output[i].slot, i);
	}
	/* Whichever is plugged in takes the slot that is free. */
	remove_output(0);
	remove_output(1);
	add_output(1);
	assert_int_equal(rig.output[1].slot, 0);
	add_output(0);
	assert_int_equal(rig.output[0].slot, 1);

	uint32_t slot = 0;
	struct gp_output *output;
	wl_list_for_each (output, &rig.outputs.list, link) {
		assert_int_equal(output->slot, slot++);
	}
	assert_int_equal(slot, N_OUTPUTS);
}

static void test_find_output(void **state) {
	assert_null(gp_policy_find_output(&rig.outputs, "a", 0));
	add_output(0);
	add_output(1);
	assert_ptr_equal(gp_policy_find_output(&rig.outputs, "a", 0), &rig.output[0]);
	assert_ptr_equal(gp_policy_find_output(&rig.outputs, "a", 1), &rig.output[1]);
	assert_null(gp_policy_find_output(&rig.outputs, "a", 2));
}

static void test_pin(void **state) {
	struct gp_config_guest *guest = &rig.config.guests[0];
	rig.config.n_guests = 1;
	strcpy(guest->name, "a");
	strcpy(guest->scanouts[0], "DP-2");
	add_output(0);
	/* One that is pinned goes nowhere else, and takes nobody's place. */
	assert_null(gp_policy_find_output(&rig.outputs, "a", 0));
	assert_ptr_equal(gp_policy_find_output(&rig.outputs, "b", 0), &rig.output[0]);
	add_output(1);
	assert_ptr_equal(gp_policy_find_output(&rig.outputs, "a", 0), &rig.output[1]);
	assert_ptr_equal(gp_policy_find_output(&rig.outputs, "a", 1), &rig.output[1]);
	assert_ptr_equal(gp_policy_find_output(&rig.outputs, "b", 0), &rig.output[0]);
}

static void test_front(void **state) {
	assert_null(gp_policy_pick_front(&rig.views));
	set_picture(1, true);
	assert_front(1);
	set_picture(0, true);
	assert_front(0);
	set_picture(0, false);
	assert_front(1);
	/* News of a guest that is behind does not bring it to the front. */
	set_picture(2, true);
	note(1, GP_VIEW_GUEST);
	note(0, GP_VIEW_FAILURE);
	assert_front(2);
}

static void test_first(void **state) {
	strcpy(rig.config.first, "b");
	set_picture(0, true);
	assert_front(0);
	set_picture(1, true);
	assert_front(1);
	/* Nobody comes before the first one, whatever was in front before. */
	set_picture(2, true);
	assert_front(1);
	set_picture(0, false);
	set_picture(0, true);
	assert_front(1);
	/* Nor does one whose own stamp is the last. */
	rig.view[2].picture_stamp = rig.stamp + 1;
	rig.view[2].has_picture = false;
	set_picture(2, true);
	assert_front(1);
	/* Without it all are as before. */
	set_picture(1, false);
	set_picture(2, false);
	set_picture(2, true);
	assert_front(2);
	set_picture(1, true);
	assert_front(1);
}

static void test_subject(void **state) {
	struct wl_list none;
	wl_list_init(&none);
	assert_null(gp_policy_pick_subject(&none));
	assert_ptr_equal(gp_policy_pick_subject(&rig.views), &rig.view[0]);
	note(2, GP_VIEW_GUEST);
	assert_ptr_equal(gp_policy_pick_subject(&rig.views), &rig.view[2]);
	/* Two guests that fail all the time do not take the status screen from each other. */
	note(1, GP_VIEW_FAILURE);
	assert_ptr_equal(gp_policy_pick_subject(&rig.views), &rig.view[2]);
	set_picture(1, true);
	assert_ptr_equal(gp_policy_pick_subject(&rig.views), &rig.view[2]);
	set_picture(1, false);
	assert_ptr_equal(gp_policy_pick_subject(&rig.views), &rig.view[1]);
}

static void test_next(void **state) {
	assert_null(gp_policy_pick_next(&rig.views, NULL));
	set_picture(1, true);
	assert_null(gp_policy_pick_next(&rig.views, &rig.view[1]));
	assert_ptr_equal(gp_policy_pick_next(&rig.views, NULL), &rig.view[1]);
	set_picture(0, true);
	set_picture(2, true);
	assert_ptr_equal(gp_policy_pick_next(&rig.views, &rig.view[0]), &rig.view[1]);
	assert_ptr_equal(gp_policy_pick_next(&rig.views, &rig.view[1]), &rig.view[2]);
	assert_ptr_equal(gp_policy_pick_next(&rig.views, &rig.view[2]), &rig.view[0]);
	set_picture(1, false);
	assert_ptr_equal(gp_policy_pick_next(&rig.views, &rig.view[0]), &rig.view[2]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_slots, set_up),
		cmocka_unit_test_setup(test_find_output, set_up),
		cmocka_unit_test_setup(test_pin, set_up),
		cmocka_unit_test_setup(test_front, set_up),
		cmocka_unit_test_setup(test_first, set_up),
		cmocka_unit_test_setup(test_subject, set_up),
		cmocka_unit_test_setup(test_next, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
