/* D10: which guest the pointer belongs to. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compositor/guest/scanout.h"
#include "compositor/output/output.h"
#include "compositor/seat/focus.h"
#include "compositor/view/view.h"

/* An output that shows a scanout of a guest, all of them only as far as the rule reads them. */
struct fake_output {
	struct gp_output output;
	struct gp_view view;
	struct gp_guest_scanout scanout;
};

static char guests[2]; // only their addresses count

static void init_output(struct fake_output *fake, int guest) {
	*fake = (struct fake_output){0};
	fake->scanout.guest = (struct gp_guest *)&guests[guest];
	fake->view.scanout = &fake->scanout;
	fake->output.view = &fake->view;
}

static void test_choose(void **state) {
	struct fake_output left, right, other; // two outputs of one guest, and one of another guest
	init_output(&left, 0);
	init_output(&right, 0);
	init_output(&other, 1);
	const struct {
		struct fake_output *under, *old, *free, *held;
	} rows[] = {
		{NULL, NULL, NULL, NULL},
		{NULL, &left, NULL, &left},
		{&left, NULL, &left, &left},
		{&left, &left, &left, &left},
		{&right, &left, &right, &right}, // a window is dragged across
		{&other, &left, &other, &left},
		{&left, &other, &left, &other},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_output *under = rows[i].under != NULL ? &rows[i].under->output : NULL;
		struct gp_output *old = rows[i].old != NULL ? &rows[i].old->output : NULL;
		assert_ptr_equal(gp_focus_choose(under, old, false),
			rows[i].free != NULL ? &rows[i].free->output : NULL);
		assert_ptr_equal(gp_focus_choose(under, old, true),
			rows[i].held != NULL ? &rows[i].held->output : NULL);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
	};
	return cmocka_run_group_tests_name("focus", tests, NULL, NULL);
}
