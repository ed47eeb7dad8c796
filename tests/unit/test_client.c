/*
 * libguest-scanout's connection to a compositor, and what the compositor sends: monitors and the
 * pointer.
 */

#include "client/guest_scanout.h" // first: it needs no other header

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <wayland-server-protocol.h>

#include "guest-scanout-v1-protocol.h"
#include "tests/unit/client_cases.h"

/* The state is kept while there is no compositor, and no call needs one. */
static void test_waits_for_socket(void **state) {
	gp_client_set_state(t.client, GP_CLIENT_VM_RUNNING);
	gp_client_next_generation(t.client);
	gp_client_show(t.client, 0, NULL, NULL, NULL);
	gp_client_move_cursor(t.client, 0, -7, 1);
	assert_null(make_blob());
	settle();
	assert_false(gp_client_connected(t.client));
	connect_client();
	assert_int_equal(server.state, GP_CLIENT_VM_RUNNING);
	assert_int_equal(server.cursor_x, -7);
	assert_int_equal(server.n_generations, 0);
	assert_int_equal(gp_client_counters(t.client)->connects, 1);
}

static void test_lost_and_retried(void **state) {
	static const uint32_t pixels[GP_CLIENT_CURSOR_SIZE * GP_CLIENT_CURSOR_SIZE];
	connect_client();
	assert_false(server.has_cursor);
	gp_client_set_cursor(t.client, 0, pixels, 1, 1);
	settle();
	assert_true(server.has_cursor);
	gp_client_set_state(t.client, GP_CLIENT_VM_PAUSED);
	gp_client_blob_revoke(make_blob());
	show_buffer(make_blob());
	stop_server();
	WAIT_FOR(t.disconnected == 1);
	assert_int_equal(t.revoked, 0);
	assert_null(make_blob());
	start_server(true);
	WAIT_FOR(t.connected == 2);
	settle();
	assert_int_equal(server.state, GP_CLIENT_VM_PAUSED);
	assert_true(server.has_cursor);
	assert_non_null(make_blob());
	assert_int_equal(t.disconnected, 1);
}

/* An ordinary socket, or a compositor that gets the protocol later. */
static void test_no_manager(void **state) {
	start_server(false);
	WAIT_FOR(server.n_clients == 3);
	assert_int_equal(t.connected, 0);
	assert_int_equal(t.disconnected, 0);
	add_manager();
	WAIT_FOR(t.connected == 1);
}

static void test_protocol_error(void **state) {
	connect_client();
	wl_resource_post_error(server.guest, GUEST_V1_ERROR_ROLE, "test");
	WAIT_FOR(t.connected == 2);
	assert_int_equal(t.disconnected, 1);
}

/* Nothing is reported of a compositor that does not take the guest; it is tried again, with pauses. */
static void test_refused(void **state) {
	start_server(true);
	server.refusal = GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_IN_USE;
	assert_null(gp_client_refusal(t.client));
	WAIT_FOR(server.n_clients == 2);
	uint64_t begin_ns = gp_now_ns();
	assert_string_equal(gp_client_refusal(t.client), "a guest of this name is shown already");
	WAIT_FOR(server.n_clients == 4);
	assert_true(gp_now_ns() - begin_ns >= 500000000); // 200 ms, and 400 ms
	server.refusal = GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_REFUSED;
	WAIT_FOR(server.n_clients == 6);
	assert_string_equal(
		gp_client_refusal(t.client), "a guest of this name is not for this socket");
	assert_false(gp_client_connected(t.client));
	assert_null(make_blob());
	assert_int_equal(t.connected, 0);
	assert_int_equal(t.disconnected, 0);
	/* Without a compositor nobody refuses. */
	stop_server();
	WAIT_FOR(gp_client_refusal(t.client) == NULL);
	start_server(true);
	WAIT_FOR(t.connected == 1);
	assert_null(gp_client_refusal(t.client));
}

static void test_monitor(void **state) {
	connect_client();
	for (unsigned i = 0; i < GP_CLIENT_MODES_MAX + 2; i++) {
		guest_scanout_v1_send_mode(server.role, 0, 100 + (int)i, 100, 50000);
	}
	guest_scanout_v1_send_mode(server.role, 0, -1, 100, 50000);
	guest_scanout_v1_send_mode(
		server.role, GUEST_SCANOUT_V1_MODE_FLAG_PREFERRED, 1920, 1080, 0);
	guest_scanout_v1_send_physical_size(server.role, 300, 200);
	guest_scanout_v1_send_identity(server.role, "make", "model", "serial");
	guest_scanout_v1_send_done(server.role);
	WAIT_FOR(t.monitors == 1);
	assert_false(t.has_monitor); // not connected
	guest_scanout_v1_send_connected(server.role, 1);
	guest_scanout_v1_send_done(server.role);
	WAIT_FOR(t.monitors == 2);
	assert_true(t.has_monitor);
	assert_int_equal(t.monitor.n_modes, GP_CLIENT_MODES_MAX);
	assert_int_equal(t.monitor.modes[0].width, 1920);
	assert_int_equal(t.monitor.modes[0].refresh_mhz, 60000);
	assert_int_equal(t.monitor.modes[1].width, 100);
	assert_int_equal(t.monitor.width_mm, 300);
	assert_string_equal(t.monitor.model, "model");
	/* A batch with modes replaces them all. */
	guest_scanout_v1_send_mode(
		server.role, GUEST_SCANOUT_V1_MODE_FLAG_PREFERRED, 800, 600, 75000);
	guest_scanout_v1_send_done(server.role);
	WAIT_FOR(t.monitors == 3);
	assert_int_equal(t.monitor.n_modes, 1);
	assert_int_equal(t.monitor.modes[0].refresh_mhz, 75000);
}

/* The manager describes itself once more. */
static void test_renderer_changed(void **state) {
	connect_client();
	settle();
	assert_int_equal(t.renderers, 0);
	guest_scanout_manager_v1_send_capabilities(
		server.manager, GUEST_SCANOUT_MANAGER_V1_CAPABILITY_SHM);
	guest_scanout_manager_v1_send_done(server.manager);
	WAIT_FOR(t.renderers == 1);
	assert_int_equal(t.connected, 1);
}

/* From one scanout to the other is no leave. */
static void test_pointer_leave(void **state) {
	connect_client();
	wl_pointer_send_enter(server.pointer, 1, server.surfaces[0], 0, 0);
	WAIT_FOR(t.enters == 1);
	wl_pointer_send_leave(server.pointer, 2, server.surfaces[0]);
	wl_pointer_send_enter(server.pointer, 3, server.surfaces[1], 0, 0);
	WAIT_FOR(t.enters == 2);
	settle();
	assert_int_equal(t.pointer_scanout, 1);
	assert_int_equal(t.leaves, 0);
	wl_pointer_send_leave(server.pointer, 4, server.surfaces[1]);
	WAIT_FOR(t.leaves == 1);
	/* What the seat holds when the connection is lost is released. */
	wl_pointer_send_enter(server.pointer, 5, server.surfaces[0], 0, 0);
	WAIT_FOR(t.enters == 3);
	stop_server();
	WAIT_FOR(t.disconnected == 1);
	assert_int_equal(t.leaves, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_waits_for_socket),
		TEST(test_lost_and_retried),
		TEST(test_no_manager),
		TEST(test_protocol_error),
		TEST(test_refused),
		TEST(test_monitor),
		TEST(test_renderer_changed),
		TEST(test_pointer_leave),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
