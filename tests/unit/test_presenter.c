/*
 * Which files the compositor gets, what it refuses, and when a source gets its buffers back.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>
#include <drm_fourcc.h>

#include "common/clock.h"
#include "tests/unit/presenter_cases.h"

/* Files */

static void test_file_is_imported_once(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	struct gp_presenter_info info;
	for (unsigned i = 0; i < 10; i++) {
		show(i % 2 == 0 ? first : second, &whole);
	}
	assert_int_equal(first->n_exports + second->n_exports, 2);
	assert_int_equal(t.client.n_blobs, 2);
	assert_int_equal(t.client.n_shown, 10);
	assert_int_equal(t.presenter.bytes_copied, 0);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_true(info.visible);
	assert_string_equal(info.how, "file");
	assert_string_equal(info.reason, "");
	gp_presenter_get_info(&t.presenter, 1, &info);
	assert_false(info.visible);
	assert_null(info.how);
}

static void test_modifier(void **state) {
	struct fake_memory *first = use_file(0, true);
	t.layout.modifier = I915_FORMAT_MOD_X_TILED;
	show(first, &whole);
	assert_true(t.client.buffer->layout.modifier == I915_FORMAT_MOD_X_TILED);
	t.layout.modifier = DRM_FORMAT_MOD_LINEAR;
	show(first, &whole);
	assert_true(t.client.buffer->layout.modifier == DRM_FORMAT_MOD_LINEAR);
	assert_int_equal(t.client.n_blobs, 1);
}

/* More layouts than a blob may have buffers: those that were not shown for longest go. */
static void test_many_layouts(void **state) {
	struct fake_memory *first = use_file(0, true);
	for (uint32_t i = 0; i < 3 * GP_IMPORT_BUFFERS_MAX; i++) {
		t.layout.height = H - i % (GP_IMPORT_BUFFERS_MAX + 1);
		show(first, &part);
	}
	size_t n = 0;
	for (size_t i = 0; i < FAKE_BUFFERS_MAX; i++) {
		n += t.client.buffers[i].blob != NULL;
	}
	assert_int_equal(n, GP_IMPORT_BUFFERS_MAX);
	assert_int_equal(t.client.n_blobs, 1);
}

static void test_disconnect(void **state) {
	struct fake_memory *first = use_file(0, true);
	assert_false(show(first, &whole));
	t.client.connected = false;
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
	assert_false(show(first, &whole));
	assert_int_equal(t.client.n_shown, 1);
	t.client.connected = true;
	gp_presenter_connected(&t.presenter);
	assert_int_equal(t.client.n_shown, 2);
	assert_int_equal(first->n_exports, 2);
}

/* Refusals */

static void refuse_stride(bool lasting, uint32_t alignment) {
	const struct gp_client_failure failure = {
		.lasting = lasting, .stride_alignment = alignment, .message = "no such format"};
	gp_presenter_failed(&t.presenter, t.client.buffer->blob->user, t.client.buffer, &failure);
	gp_presenter_end_turn(&t.presenter);
}

static void refuse(bool lasting) {
	refuse_stride(lasting, 0);
}

static void test_refused_file_is_copied(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	struct gp_presenter_info info;
	fill(first, 6);
	show(first, &whole);
	refuse(true);
	assert_int_equal(t.client.n_shown, 2);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	assert_shown(6);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.how, "copy");
	assert_string_equal(info.reason, "the compositor refused file: no such format");
	/* Nor is the next one tried. */
	show(second, &whole);
	assert_int_equal(second->n_exports, 0);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	/* Another compositor may do better. */
	t.client.connected = false;
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
	t.client.connected = true;
	gp_presenter_connected(&t.presenter);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
}

static void test_refused_once(void **state) {
	struct fake_memory *second = use_file(1, true);
	show(use_file(0, true), &whole);
	refuse(false);
	show(second, &whole);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
}

/* Some GPUs want strides of a multiple of 256 bytes: that says nothing of others. */
static void test_refused_stride(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	uint32_t *stride = &t.layout.planes[0].stride, odd = *stride;
	show(first, &whole);
	refuse_stride(true, 2 * odd);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	show(second, &whole);
	assert_int_equal(second->n_exports, 0);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);

	struct fake_memory *third = use_file(2, true), *fourth = use_file(3, true);
	*stride = 2 * odd;
	show(third, &whole);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
	*stride = odd;
	show(fourth, &whole);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
}

/* After a pause it is tried again, and then after longer ones. */
static void test_refused_for_a_while(void **state) {
	struct gp_import_refusal *refusal = &t.presenter.cache.refusals[0];
	uint64_t pause_ns = GP_IMPORT_REFUSAL_FIRST_NS;
	show(use_file(0, true), &whole);
	refuse(true);
	for (size_t i = 1; i < MEMORIES; i++) {
		assert_int_equal(t.presenter.cache.n_refusals, 1);
		assert_int_equal(refusal->pause_ns, pause_ns);
		assert_true(refusal->end_ns > gp_now_ns() + pause_ns / 2);
		refusal->end_ns = gp_now_ns(); // the pause is over
		show(use_file(i, true), &whole);
		assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
		refuse(true);
		assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
		pause_ns *= 2;
	}
}

static void test_renderer_changed(void **state) {
	show(use_file(0, true), &whole);
	refuse(true);
	unsigned n_shown = t.client.n_shown;
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	gp_presenter_renderer_changed(&t.presenter);
	assert_int_equal(t.client.n_shown, n_shown + 1);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
}

/* A buffer that was refused in one format may do in another. */
static void test_refused_format(void **state) {
	struct fake_memory *first = use_memory(0);
	show(first, &whole);
	refuse(true);
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 1);
	t.layout.format = DRM_FORMAT_XBGR8888;
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 2);
}

static void test_refused_modifier(void **state) {
	struct fake_memory *first = use_file(0, true);
	t.layout.modifier = I915_FORMAT_MOD_X_TILED;
	first->base.ops = &file_ops;
	show(first, &whole);
	refuse(true);
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 1);
	t.layout.modifier = DRM_FORMAT_MOD_LINEAR;
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 2);
}

/* Too many frames */

/* A guest that does not wait: frames are merged, and the last one counts. */
static void test_flood(void **state) {
	struct fake_memory *first = use_memory(0);
	flood(first);
	unsigned n_shown = t.client.n_shown;
	fill(first, 9);
	assert_false(gp_presenter_flush(&t.presenter, 0, &other_part));
	assert_int_equal(t.client.n_shown, n_shown);
	while (!gp_presenter_end_turn(&t.presenter)) {
		usleep(1000);
	}
	assert_int_equal(t.client.n_shown, n_shown + 1);
	const struct gp_rect both = {8, 4, 40, 24};
	assert_memory_equal(&t.client.damage, &both, sizeof(both));
	assert_int_equal(fake_client_read(t.client.buffer, (both.y * W + both.x) * 4), 9);
	assert_int_equal(fake_client_read(t.client.buffer, 0), 0);
}

/* The deferred frame is dropped, with its damage. */
static void test_flood_set_away(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	flood(first);
	unsigned n_shown = t.client.n_shown;
	gp_presenter_set(&t.presenter, 0, &second->base, &t.layout, &whole);
	while (!gp_presenter_end_turn(&t.presenter)) {
		usleep(1000);
	}
	assert_int_equal(t.client.n_shown, n_shown);
	usleep(5000);
	show(second, &part);
	assert_int_equal(t.client.n_shown, n_shown + 1);
	assert_memory_equal(&t.client.damage, &whole, sizeof(whole));
}

/* Replies */

/* In the order of the frames, whatever the order of the releases. */
static void test_replies(void **state) {
	struct gp_client_buffer *buffers[3];
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(show(use_file(i, true), &whole), i > 0);
		buffers[i] = t.client.buffer;
	}
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 0);
	release(buffers[1]);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 0);
	release(buffers[0]);
	assert_int_equal(t.n_released, 0); // not from within an event of the compositor
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
}

static void test_no_reply(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	assert_false(show(first, &whole)); // replaces nothing
	assert_false(show(first, &whole)); // nor does the same buffer
	release(t.client.buffer);
	assert_false(show(second, &whole)); // nobody reads what it replaces
	assert_false(show(use_memory(2), &whole)); // a copy was made
	gp_presenter_visibility(&t.presenter, 0, false);
	assert_false(show(first, &whole)); // nobody looks
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 0);
}

/* Whatever ends the wait for a buffer ends it with a reply, but for a scanout that is disabled. */
static void test_reply_without_release(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	show(first, &whole);
	assert_true(show(second, &whole));
	gp_presenter_visibility(&t.presenter, 0, false);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 1);
	gp_presenter_visibility(&t.presenter, 0, true);
	assert_true(show(first, &whole));
	assert_true(gp_presenter_revoke(&t.presenter, &second->base, 1, true));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
	assert_true(show(second, &whole));
	gp_presenter_disable(&t.presenter, 0);
	assert_null(t.client.buffer);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_file_is_imported_once),
		TEST(test_modifier),
		TEST(test_many_layouts),
		TEST(test_disconnect),
		TEST(test_refused_file_is_copied),
		TEST(test_refused_once),
		TEST(test_refused_stride),
		TEST(test_refused_for_a_while),
		TEST(test_renderer_changed),
		TEST(test_refused_format),
		TEST(test_refused_modifier),
		TEST(test_flood),
		TEST(test_flood_set_away),
		TEST(test_replies),
		TEST(test_no_reply),
		TEST(test_reply_without_release),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
