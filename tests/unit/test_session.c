/* The session reports what wlroots' says, in an order that those who show guests can rely on. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wayland-server-core.h>
#include <wlr/backend/session.h>
#include <cmocka.h>

#include "common/log.h"
#include "compositor/system/session.h"

static struct wl_event_loop *loop;
static struct wlr_session wlr_session; // as far as it is used
static struct gp_vt_session session;
static char seen[64]; // a letter for each signal

static void handle_paused(struct wl_listener *listener, void *data) {
	strcat(seen, "p");
}

static void handle_active(struct wl_listener *listener, void *data) {
	strcat(seen, "a");
}

static void handle_resumed(struct wl_listener *listener, void *data) {
	strcat(seen, "r");
}

/* As the backend does. */
static void handle_outputs(struct wl_listener *listener, void *data) {
	strcat(seen, "o");
}

static struct wl_listener paused = {.notify = handle_paused}, active = {.notify = handle_active},
			  resumed = {.notify = handle_resumed},
			  outputs = {.notify = handle_outputs};

static int setup(void **state) {
	gp_log_init("test", GP_LOG_SILENT);
	seen[0] = '\0';
	loop = wl_event_loop_create();
	wlr_session = (struct wlr_session){.active = true};
	wl_signal_init(&wlr_session.events.active);
	wl_signal_init(&wlr_session.events.destroy);
	wl_signal_add(&wlr_session.events.active, &outputs);
	gp_vt_session_init(&session, &wlr_session, loop);
	wl_signal_add(&session.events.paused, &paused);
	wl_signal_add(&session.events.active, &active);
	wl_signal_add(&session.events.resumed, &resumed);
	return 0;
}

static int teardown(void **state) {
	gp_vt_session_finish(&session);
	wl_event_loop_destroy(loop);
	return 0;
}

static void set_active(bool is_active) {
	wlr_session.active = is_active;
	wl_signal_emit_mutable(&wlr_session.events.active, NULL);
}

static void test_order(void **state) {
	assert_string_equal(gp_vt_session_state(&session), "active");
	set_active(false);
	assert_string_equal(seen, "po");
	assert_string_equal(gp_vt_session_state(&session), "paused");
	set_active(true);
	assert_string_equal(seen, "poao");
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(seen, "poaor");
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(seen, "poaor");
}

static void test_paused_again(void **state) {
	set_active(false);
	set_active(true);
	set_active(false);
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(seen, "poaopo");
}

static void test_destroyed(void **state) {
	set_active(true);
	wl_signal_emit_mutable(&wlr_session.events.destroy, &wlr_session);
	assert_null(gp_vt_session_state(&session));
	wl_event_loop_dispatch(loop, 0);
	assert_string_equal(seen, "ao");
}

static void test_none(void **state) {
	struct gp_vt_session none = {0};
	gp_vt_session_finish(&none);
	gp_vt_session_init(&none, NULL, loop);
	assert_null(gp_vt_session_state(&none));
	gp_vt_session_finish(&none);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paused_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destroyed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
	};
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
