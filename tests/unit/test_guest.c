/* The guest as a noun: its state, and what it reports to those who show it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wlr/render/pixman.h>
#include <wlr/render/wlr_renderer.h>
#include <cmocka.h>

#include "common/log.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/memory/import_failure.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-enum.h"

static const uint8_t uuid[GP_GUEST_UUID_SIZE] = {1, 2, 3};

static struct gp_quota quota; // never counted down to 0
static struct wlr_renderer *renderer;
static struct gp_guest_manager manager;
static struct gp_guest *guest;
static char seen[64]; // a letter for each signal

static void handle_change(struct wl_listener *listener, void *data) {
	strcat(seen, "c");
}

static void handle_reset(struct wl_listener *listener, void *data) {
	strcat(seen, "r");
}

static void handle_destroy(struct wl_listener *listener, void *data) {
	assert_ptr_equal(data, guest);
	assert_string_equal(guest->name, "one");
	strcat(seen, "d");
}

static void handle_leds(struct wl_listener *listener, void *data) {
	assert_ptr_equal(data, guest);
	strcat(seen, "l");
}

static void handle_pause(struct wl_listener *listener, void *data) {
	strcat(seen, "p");
}

static struct wl_listener change = {.notify = handle_change}, reset = {.notify = handle_reset},
			  destroy = {.notify = handle_destroy}, leds = {.notify = handle_leds},
			  pause_ = {.notify = handle_pause};

static int setup(void **state) {
	gp_log_init("test", GP_LOG_SILENT);
	gp_quota_init(&quota);
	seen[0] = '\0';
	renderer = wlr_pixman_renderer_create();
	gp_guest_manager_init(&manager, renderer);
	guest = gp_guest_create(&manager, NULL, "one", uuid, &quota);
	assert_non_null(guest);
	wl_signal_add(&guest->events.change, &change);
	wl_signal_add(&guest->events.reset, &reset);
	wl_signal_add(&guest->events.destroy, &destroy);
	wl_signal_add(&manager.events.leds, &leds);
	wl_signal_add(&manager.events.pause, &pause_);
	return 0;
}

static int teardown(void **state) {
	gp_guest_destroy(guest);
	wlr_renderer_destroy(renderer);
	return strcmp(seen + strlen(seen) - 1, "d") == 0 && wl_list_empty(&manager.guests) &&
			quota.n_refs == 1 && quota.n_guests == 0
		? 0
		: -1;
}

static void test_create(void **state) {
	assert_string_equal(guest->title, "one");
	assert_memory_equal(guest->uuid, uuid, sizeof(uuid));
	assert_int_equal(guest->state, GUEST_V1_STATE_WAITING);
	assert_int_equal(guest->generation, 0);
	assert_int_equal(quota.n_guests, 1);
	/* The oldest is the first. */
	struct gp_guest *second = gp_guest_create(&manager, NULL, "two", uuid, &quota);
	assert_ptr_equal(manager.guests.next, &guest->link);
	assert_ptr_equal(manager.guests.prev, &second->link);
	gp_guest_destroy(second);
}

static void test_states(void **state) {
	static const struct {
		uint32_t state;
		const char *signals, *name;
		bool may_show;
	} rows[] = {
		{GUEST_V1_STATE_WAITING, "", "waiting", false},
		{GUEST_V1_STATE_RUNNING, "c", "running", true},
		{GUEST_V1_STATE_RUNNING, "", "running", true},
		{GUEST_V1_STATE_PAUSED, "c", "paused", true},
		{GUEST_V1_STATE_RUNNING, "c", "running", true},
		{GUEST_V1_STATE_DISCONNECTED, "rc", "disconnected", false},
		{GUEST_V1_STATE_WAITING, "rc", "waiting", false},
		{GUEST_V1_STATE_PAUSED, "c", "paused", true},
	};
	uint32_t life = guest->life;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		seen[0] = '\0';
		gp_guest_set_state(guest, rows[i].state);
		if (strcmp(seen, rows[i].signals) != 0 ||
			gp_guest_may_show(guest) != rows[i].may_show) {
			fail_msg("case %zu: %s", i, seen);
		}
		assert_string_equal(gp_guest_state_name(guest->state), rows[i].name);
		life += seen[0] == 'r';
		assert_int_equal(guest->life, life);
	}
}

static void test_title(void **state) {
	gp_guest_set_title(guest, "a title");
	assert_string_equal(guest->title, "a title");
	assert_string_equal(guest->name, "one");
	assert_string_equal(seen, "c");
}

static void test_generation(void **state) {
	gp_guest_set_state(guest, GUEST_V1_STATE_RUNNING);
	seen[0] = '\0';
	gp_guest_next_generation(guest);
	assert_int_equal(guest->generation, 1);
	assert_int_equal(guest->life, 2);
	assert_string_equal(seen, "r");
	assert_true(gp_guest_may_show(guest));
}

static void test_leds(void **state) {
	gp_guest_set_leds(guest, UINT32_MAX);
	assert_int_equal(guest->leds,
		GUEST_V1_LED_NUM_LOCK | GUEST_V1_LED_CAPS_LOCK | GUEST_V1_LED_SCROLL_LOCK);
	gp_guest_set_leds(guest, GUEST_V1_LED_CAPS_LOCK);
	assert_int_equal(guest->leds, GUEST_V1_LED_CAPS_LOCK);
	assert_string_equal(seen, "ll");
}

static void test_imports(void **state) {
	struct gp_import_failure failure;
	gp_import_failure_set(&failure, GUEST_BLOB_V1_FAILURE_REFUSED, "no");
	gp_guest_count_import(guest, NULL);
	for (int i = 0; i < 100; i++) {
		gp_guest_count_import(guest, &failure);
	}
	assert_int_equal(guest->n_imports, 1);
	assert_int_equal(guest->n_imports_failed, 100);
}

static void test_pause(void **state) {
	gp_guest_manager_set_paused(&manager, true);
	assert_true(manager.paused);
	gp_guest_manager_set_paused(&manager, false);
	assert_false(manager.paused);
	assert_string_equal(seen, "p");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_title, setup, teardown),
		cmocka_unit_test_setup_teardown(test_generation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_imports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
	};
	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
