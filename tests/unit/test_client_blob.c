/*
 * What the compositor gets from libguest-scanout, refuses, and gives back: blobs and buffers.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <drm_fourcc.h>
#include <wayland-server-protocol.h>

#include "guest-scanout-v1-protocol.h"
#include "tests/unit/client_cases.h"

static void test_failed(void **state) {
	connect_client();
	struct gp_client_blob *blob = make_blob();
	assert_non_null(gp_client_buffer_create(blob, &linear));
	settle();
	guest_blob_v1_send_failed(
		server.blob, server.serial, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE, 256, "pitch");
	WAIT_FOR(t.failed == 1);
	assert_true(t.failure.lasting);
	assert_int_equal(t.failure.stride_alignment, 256);
	guest_blob_v1_send_failed(
		server.blob, server.serial, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE, 0, "pitch");
	WAIT_FOR(t.failed == 2);
	assert_false(t.failure.lasting);
	guest_blob_v1_send_failed(
		server.blob, server.serial, GUEST_BLOB_V1_FAILURE_REFUSED, 256, "never");
	WAIT_FOR(t.failed == 3);
	assert_true(t.failure.lasting);
	assert_int_equal(t.failure.stride_alignment, 0);
	/* Nobody wants to know of a buffer that is destroyed. */
	gp_client_buffer_destroy(gp_client_buffer_create(blob, &linear));
	settle();
	guest_blob_v1_send_failed(
		server.blob, server.serial, GUEST_BLOB_V1_FAILURE_REFUSED, 0, "never");
	settle();
	assert_int_equal(t.failed, 3);
	assert_int_equal(gp_client_counters(t.client)->imports_failed, 4);
}

/* What would be a protocol error, or is not supported yet. */
static void test_layouts(void **state) {
	connect_client();
	struct gp_client_blob *blob = make_blob();
	struct gp_client_layout layouts[7];
	for (size_t i = 0; i < 7; i++) {
		layouts[i] = linear;
	}
	layouts[0].n_planes = 2;
	layouts[1].n_planes = 0;
	layouts[2].width = 0;
	layouts[3].height = 16385;
	layouts[4].format = DRM_FORMAT_NV12;
	layouts[5].planes[0].stride = STRIDE - 1;
	layouts[6].planes[0].offset = 1;
	for (size_t i = 0; i < 7; i++) {
		assert_null(gp_client_buffer_create(blob, &layouts[i]));
	}
	/* A layout that only the driver understands is the compositor's to judge. */
	layouts[6].modifier = I915_FORMAT_MOD_X_TILED;
	assert_non_null(gp_client_buffer_create(blob, &layouts[6]));
	assert_null(
		gp_client_blob_create(t.client, 0, (1ull << 30) + 1, GP_CLIENT_BLOB_SHM, NULL, &t));
	assert_null(
		gp_client_blob_create(t.client, 0, BYTES, GP_CLIENT_BLOB_SHM, "0000:03:00.1", &t));
	assert_null(
		gp_client_blob_create(t.client, 0, BYTES, GP_CLIENT_BLOB_DEVICE_DMABUF, NULL, &t));
}

static void test_released(void **state) {
	connect_client();
	struct gp_client_buffer *buffer = show_buffer(make_blob());
	assert_int_equal(server.n_commits, 1);
	assert_memory_equal(&server.damage, &whole, sizeof(whole));
	wl_buffer_send_release(server.buffer);
	WAIT_FOR(t.released == 1);
	const struct gp_client_rect part = {60, 60, 8, 2}, clipped = {60, 60, 4, 2};
	gp_client_show(t.client, 0, buffer, &whole, &part);
	settle();
	assert_memory_equal(&server.damage, &clipped, sizeof(clipped));
	/* A source outside the buffer is not shown. */
	gp_client_show(t.client, 0, buffer, &part, &part);
	settle();
	assert_int_equal(server.n_commits, 2);
}

static void test_revoked(void **state) {
	connect_client();
	struct gp_client_blob *blob = make_blob();
	show_buffer(blob);
	gp_client_blob_revoke(blob);
	settle();
	assert_int_equal(server.n_revokes, 1);
	wl_buffer_send_release(server.buffer);
	settle();
	assert_int_equal(t.released, 0);
	assert_int_equal(t.revoked, 0);
	guest_blob_v1_send_revoked(server.blob);
	WAIT_FOR(t.revoked == 1);
	settle();
	assert_null(server.blob);
	assert_true(gp_client_wait_revoked(t.client, 1000)); // nothing to wait for
	assert_int_equal(t.disconnected, 0);
}

/* A compositor that does not acknowledge loses the connection after a second, not in a wait. */
static void test_revoke_limit(void **state) {
	connect_client();
	gp_client_blob_revoke(make_blob());
	assert_false(gp_client_wait_revoked(t.client, 20));
	assert_false(gp_client_wait_revoked(t.client, 0));
	settle();
	assert_int_equal(t.disconnected, 0);
	WAIT_FOR(t.connected == 2);
	assert_int_equal(t.disconnected, 1);
	assert_int_equal(t.revoked, 0);
	assert_true(gp_client_wait_revoked(t.client, 0));
	/* One that is late keeps it. */
	gp_client_blob_revoke(make_blob());
	assert_false(gp_client_wait_revoked(t.client, 20));
	settle();
	guest_blob_v1_send_revoked(server.blob);
	WAIT_FOR(t.revoked == 1);
	assert_int_equal(t.disconnected, 1);
}

/* The connection ends while somebody waits: nobody reads the memory any more. */
static void test_revoke_lost(void **state) {
	connect_client();
	gp_client_blob_revoke(make_blob());
	settle();
	stop_server();
	assert_true(gp_client_wait_revoked(t.client, 10000));
	assert_int_equal(t.disconnected, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_failed),
		TEST(test_layouts),
		TEST(test_released),
		TEST(test_revoked),
		TEST(test_revoke_limit),
		TEST(test_revoke_lost),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
