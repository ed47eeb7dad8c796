/* D7, D14: which output a scanout goes to, and which of several guests is in front there. */

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
#include "guest-scanout-v1-protocol.h"

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

/* Views of the guests a, b and c, which run and have no picture. */
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
		rig.guest[i].state = GUEST_V1_STATE_RUNNING;
		rig.guest[i].life = 1;
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
	gp_policy_note_change(&change, &rig.settings, ++rig.stamp);
}

/* As a view that gets a picture, or has one no more. */
static void set_picture(size_t i, bool has_picture) {
	struct gp_view *view = &rig.view[i];
	bool first = has_picture && view->life != rig.guest[i].life;
	view->has_picture = has_picture;
	view->life = has_picture ? rig.guest[i].life : view->life;
	note(i, GP_VIEW_PICTURE | (first ? GP_VIEW_FIRST_PICTURE : 0));
}

/* As a guest in another state, or after a reset; its picture is void then. */
static void set_state(size_t i, uint32_t state) {
	rig.guest[i].state = state;
	if (!gp_guest_may_show(&rig.guest[i])) {
		rig.guest[i].life++;
		rig.view[i].has_picture = false;
	}
	note(i, GP_VIEW_GUEST);
}

static void reset(size_t i) {
	rig.guest[i].life++;
	set_picture(i, false);
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

/* What there is of a view, in one letter. */
enum fact {
	NOTHING = ' ', // the VM has not started
	BOOTING = 'b', // it runs, without a picture so far
	PICTURE = 'p',
	OFF = 'o', // it had a picture
	PAUSED = 'z', // with a picture
	PAUSED_OFF = 'y',
	ENDED = 'e',
};

static void set_fact(size_t i, char fact) {
	struct gp_view *view = &rig.view[i];
	bool had_picture = strchr("pozy", fact) != NULL;
	view->has_picture = fact == PICTURE || fact == PAUSED;
	view->life = had_picture ? rig.guest[i].life : 0;
	rig.guest[i].state = fact == NOTHING ? GUEST_V1_STATE_WAITING
		: fact == ENDED              ? GUEST_V1_STATE_DISCONNECTED
		: strchr("zy", fact) != NULL ? GUEST_V1_STATE_PAUSED
					     : GUEST_V1_STATE_RUNNING;
}

/* Three guests: a, b and c. */
static void test_front(void **state) {
	static const struct {
		const char *facts;
		const char *fronts; // that were made so, in order
		const char *wants; // guest that the configuration names, with its first picture
		const char *last;
		bool held;
		const char *front; // empty: none
	} rows[] = {
		/* Where nobody is in front, a picture comes there. */
		{"   ", "", "", "", false, ""},
		{"bbb", "", "", "", false, ""},
		{"bpb", "", "", "", false, "b"},
		{"bpp", "", "", "", false, "b"},
		{"bop", "", "", "", false, "c"},
		{"boo", "", "", "", false, "b"},
		{"ez ", "", "", "", false, "b"},
		/* Who is in front stays there, whatever the others show. */
		{"ppp", "a", "", "a", false, "a"},
		{"opp", "a", "", "a", false, "a"},
		{"bpp", "a", "", "a", false, "a"},
		{"zpp", "a", "", "a", false, "a"},
		{"ypp", "a", "", "a", false, "a"},
		/* Who has left is not. The next in rank is, if it has a picture. */
		{" pp", "a", "", "a", false, "b"},
		{"epp", "a", "", "a", false, "b"},
		{"eoo", "a", "", "a", false, "b"},
		{"eop", "a", "", "a", false, "c"},
		{"ebo", "a", "", "a", false, "c"},
		{"ebb", "a", "", "a", false, ""},
		{"epp", "bca", "", "a", false, "c"},
		{"epp", "cba", "", "a", false, "b"},
		{"epo", "bca", "", "a", false, "b"},
		/* The guest of the configuration comes to the front, but not without a picture. */
		{"ppp", "a", "c", "a", false, "c"},
		{"ppo", "a", "c", "a", false, "a"},
		{"epp", "a", "c", "a", false, "c"},
		/* While something is held nothing goes from one guest to another. */
		{"ppp", "a", "", "a", true, "a"},
		{"ppp", "a", "c", "a", true, "a"},
		{"epp", "a", "", "a", true, ""},
		{"epp", "a", "", "b", true, "b"}, // it was b's
		{"bpb", "", "", "", true, "b"}, // nobody's
		{"bpb", "", "", "c", true, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(state);
		for (size_t j = 0; j < N_VIEWS; j++) {
			set_fact(j, rows[i].facts[j]);
		}
		for (const char *front = rows[i].fronts; *front != '\0'; front++) {
			gp_policy_set_front(&rig.views, &rig.view[*front - 'a'], ++rig.stamp);
		}
		for (const char *wants = rows[i].wants; *wants != '\0'; wants++) {
			rig.view[*wants - 'a'].wants_front = true;
		}
		const struct gp_view *front =
			gp_policy_pick_front(&rig.views, rows[i].last, rows[i].held, NULL);
		const char *name = front != NULL ? front->scanout->guest->name : "";
		if (strcmp(name, rows[i].front) != 0) {
			fail_msg("row %zu, \"%s\": \"%s\" is in front, not \"%s\"", i,
				rows[i].facts, name, rows[i].front);
		}
	}
}

/* As an output does it after each event. */
static void settle(void) {
	struct gp_view *front = gp_policy_pick_front(&rig.views, "", false, NULL);
	if (front != NULL && !front->front) {
		gp_policy_set_front(&rig.views, front, ++rig.stamp);
	}
}

static void assert_front(size_t i) {
	settle();
	assert_ptr_equal(gp_policy_pick_front(&rig.views, "", false, NULL), &rig.view[i]);
}

/* A picture that comes back, or comes first, takes nothing from the guest in front. */
static void test_rank(void **state) {
	set_picture(0, true);
	assert_front(0);
	set_picture(1, true);
	assert_front(0);
	set_picture(1, false);
	set_picture(1, true);
	assert_front(0);
	reset(1);
	set_picture(1, true);
	assert_front(0);
	/* Nor does that guest lose it by what it does itself, short of ending. */
	set_picture(0, false);
	assert_front(0);
	set_state(0, GUEST_V1_STATE_PAUSED);
	assert_front(0);
	set_state(0, GUEST_V1_STATE_RUNNING);
	reset(0);
	assert_front(0);
	set_picture(0, true);
	set_state(0, GUEST_V1_STATE_DISCONNECTED);
	assert_front(1);
	/* The next VM of that name begins behind. */
	set_state(0, GUEST_V1_STATE_RUNNING);
	set_picture(0, true);
	assert_front(1);
	assert_int_equal(rig.view[0].rank, 0);
	/* The user is asked by nobody. */
	gp_policy_set_front(&rig.views, &rig.view[0], ++rig.stamp);
	assert_front(0);
	set_state(0, GUEST_V1_STATE_WAITING);
	assert_front(1);
}

/* Views with their fronts come from another output. */
static void test_two_fronts(void **state) {
	set_picture(0, true);
	set_picture(1, true);
	gp_policy_set_front(&rig.views, &rig.view[0], ++rig.stamp);
	gp_policy_set_front(&rig.views, &rig.view[1], ++rig.stamp);
	rig.view[0].front = true;
	assert_front(1);
	set_picture(1, false);
	assert_front(1);
	gp_policy_set_front(&rig.views, &rig.view[2], ++rig.stamp);
	assert_front(2);
	assert_false(rig.view[0].front || rig.view[1].front);
}

/* The bridge of a is lost, and its view with it, at 1 s; the next one of that name is c's. */
static void test_place(void **state) {
	static const struct {
		const char *facts; // of b, and of the one that returns
		const char *wants, *last;
		bool held;
		uint32_t scanout; // that returns
		uint64_t after_ms;
		const char *front;
	} rows[] = {
		/* Nobody takes the place, and who returns has it, with a picture or without. */
		{"p ", "", "a", false, 0, 0, ""},
		{"p ", "", "a", false, 0, 2999, ""},
		{"pb", "", "a", false, 0, 10, "a"},
		{"pp", "", "a", false, 0, 10, "a"},
		{"pz", "", "a", false, 0, 2999, "a"},
		{"pb", "", "a", true, 0, 10, "a"},
		{"pe", "", "a", false, 0, 10, ""},
		/* Another scanout is not the one that was there. */
		{"pp", "", "a", false, 1, 10, ""},
		/* The time is over. */
		{"p ", "", "a", false, 0, 3000, "b"},
		{"pb", "", "a", false, 0, 3000, "b"},
		{"p ", "", "a", true, 0, 3000, ""},
		/* The guest of the configuration comes with its first picture. */
		{"pb", "b", "a", false, 0, 10, "b"},
		{"bb", "b", "a", false, 0, 10, "a"},
		{"pb", "b", "a", true, 0, 10, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_policy_place place = {0};
		uint64_t begin_ns = UINT64_C(1000000000);
		set_up(state);
		set_fact(0, PICTURE);
		gp_policy_set_front(&rig.views, &rig.view[0], ++rig.stamp);
		gp_policy_keep_place(&place, &rig.view[0], begin_ns);
		wl_list_remove(&rig.view[0].output_link);
		strcpy(rig.guest[2].name, "a");
		rig.scanout[2].index = rows[i].scanout;
		set_fact(1, rows[i].facts[0]);
		set_fact(2, rows[i].facts[1]);
		rig.view[1].wants_front = rows[i].wants[0] != '\0';
		bool kept = gp_policy_is_kept(&place, begin_ns + rows[i].after_ms * 1000000);
		const struct gp_view *front = gp_policy_pick_front(
			&rig.views, rows[i].last, rows[i].held, kept ? &place : NULL);
		const char *name = front != NULL ? front->scanout->guest->name : "";
		if (strcmp(name, rows[i].front) != 0) {
			fail_msg("row %zu: \"%s\" is in front, not \"%s\"", i, name, rows[i].front);
		}
	}
}

/* Only who is in front has a place, and only as long as its VM runs or is paused. */
static void test_no_place(void **state) {
	struct gp_policy_place place = {0};
	assert_false(gp_policy_is_kept(&place, 0));
	set_picture(0, true);
	set_picture(1, true);
	assert_front(0);
	gp_policy_keep_place(&place, &rig.view[1], 1);
	assert_false(gp_policy_is_kept(&place, 1));
	set_state(0, GUEST_V1_STATE_DISCONNECTED);
	gp_policy_keep_place(&place, &rig.view[0], 1);
	assert_false(gp_policy_is_kept(&place, 1));
	assert_front(1);
	/* The user's choice goes before: it is in front already. */
	gp_policy_keep_place(&place, &rig.view[1], 1);
	assert_true(gp_policy_is_kept(&place, 1));
	rig.view[1].front = false;
	gp_policy_set_front(&rig.views, &rig.view[2], ++rig.stamp);
	assert_ptr_equal(gp_policy_pick_front(&rig.views, "b", false, &place), &rig.view[2]);
}

static void test_first(void **state) {
	strcpy(rig.config.first, "b");
	set_picture(0, true);
	assert_front(0);
	set_picture(1, true);
	assert_front(1);
	/* Nobody comes before it, and it comes back no more than others do. */
	set_picture(2, true);
	assert_front(1);
	gp_policy_set_front(&rig.views, &rig.view[0], ++rig.stamp);
	set_picture(1, false);
	set_picture(1, true);
	assert_front(0);
	/* Its first picture waits for nothing that the user chooses meanwhile. */
	reset(1);
	set_picture(1, true);
	assert_true(rig.view[1].wants_front);
	gp_policy_set_front(&rig.views, &rig.view[2], ++rig.stamp);
	assert_front(2);
	reset(1);
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

/* The hotkey's round: who runs has a turn, with a picture or without. */
static void test_next(void **state) {
	static const struct {
		const char *facts, *front, *next;
	} rows[] = {
		{"   ", "", ""},
		{"eee", "", ""},
		{" p ", "", "b"},
		{" p ", "b", ""},
		{"ppp", "a", "b"},
		{"ppp", "b", "c"},
		{"ppp", "c", "a"},
		{"p p", "a", "c"},
		{"pop", "a", "b"},
		{"pbp", "a", "b"},
		{"pzp", "a", "b"},
		{"pyp", "a", "b"},
		{"oo ", "b", "a"},
		{"pep", "a", "c"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_up(state);
		for (size_t j = 0; j < N_VIEWS; j++) {
			set_fact(j, rows[i].facts[j]);
		}
		const struct gp_view *next = gp_policy_pick_next(&rig.views,
			rows[i].front[0] != '\0' ? &rig.view[rows[i].front[0] - 'a'] : NULL);
		const char *name = next != NULL ? next->scanout->guest->name : "";
		if (strcmp(name, rows[i].next) != 0) {
			fail_msg("row %zu, \"%s\": \"%s\" is next, not \"%s\"", i, rows[i].facts,
				name, rows[i].next);
		}
	}
	/* One that was paused before it had a picture has nothing to show, nor to be woken. */
	set_up(state);
	set_picture(0, true);
	set_state(1, GUEST_V1_STATE_PAUSED);
	set_state(2, GUEST_V1_STATE_WAITING);
	assert_null(gp_policy_pick_next(&rig.views, &rig.view[0]));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_slots, set_up),
		cmocka_unit_test_setup(test_find_output, set_up),
		cmocka_unit_test_setup(test_pin, set_up),
		cmocka_unit_test_setup(test_front, set_up),
		cmocka_unit_test_setup(test_rank, set_up),
		cmocka_unit_test_setup(test_two_fronts, set_up),
		cmocka_unit_test_setup(test_place, set_up),
		cmocka_unit_test_setup(test_no_place, set_up),
		cmocka_unit_test_setup(test_first, set_up),
		cmocka_unit_test_setup(test_subject, set_up),
		cmocka_unit_test_setup(test_next, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
