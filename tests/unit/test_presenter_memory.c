/*
 * When the compositor reads the guest's memory no more: revocation and pause.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "tests/unit/presenter_cases.h"

/* Revocation */

static void test_revoke(void **state) {
	struct fake_memory *first = use_file(0, true);
	show(first, &whole);
	assert_false(gp_presenter_revoke(&t.presenter, &first->base, 77, false));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 0);
	void *user = fake_client_revoke_one(&t.client);
	assert_non_null(user);
	gp_presenter_revoked(&t.presenter, user);
	assert_int_equal(t.n_revoked, 0); // not from within an event of the compositor
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 1);
	assert_int_equal(t.revoked_id, 1);
	assert_int_equal(t.revoked_token, 77);
	assert_false(gp_presenter_flush(&t.presenter, 0, &whole));
	assert_int_equal(t.client.n_shown, 1);
}

static void test_revoke_and_wait(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	show(first, &whole);
	show(second, &whole);
	gp_presenter_end_all(&t.presenter);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 0, true));
	assert_true(gp_presenter_revoke(&t.presenter, &second->base, 0, true));
	assert_int_equal(t.client.n_waits, 1); // for both
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 0);
}

/* A compositor that stands still costs the VM 50 ms in all, however much memory it has. */
static void test_revoke_stuck(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	show(first, &whole);
	show(second, &whole);
	t.client.stuck = true;
	gp_presenter_end(&t.presenter, &first->base);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 0, true));
	gp_presenter_end(&t.presenter, &second->base);
	assert_true(gp_presenter_revoke(&t.presenter, &second->base, 0, true));
	gp_presenter_wait_revoked(&t.presenter);
	assert_true(t.client.waited_ms >= 45 && t.client.waited_ms <= 50);
	assert_int_equal(t.presenter.revokes.late, 2);
	/* What comes later waits for it no more, and has its own time. */
	gp_presenter_end_turn(&t.presenter);
	gp_presenter_wait_revoked(&t.presenter);
	show(second, &whole);
	assert_true(gp_presenter_revoke(&t.presenter, &second->base, 0, true));
	assert_true(t.client.waited_ms >= 90 && t.client.waited_ms <= 100);
	assert_int_equal(t.presenter.revokes.late, 3);
	/* It catches up. */
	for (unsigned i = 0; i < 3; i++) {
		void *user = fake_client_revoke_one(&t.client);
		assert_non_null(user);
		gp_presenter_revoked(&t.presenter, user);
	}
	assert_true(wl_list_empty(&t.presenter.cache.imports));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 0);
}

/* Nor does the reply to DETACH come later, with no event of the compositor. */
static void test_reply_stuck(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	show(first, &whole);
	show(second, &whole);
	assert_int_equal(gp_presenter_deadline(&t.presenter), 0);
	uint64_t start_ns = gp_now_ns();
	assert_false(gp_presenter_revoke(&t.presenter, &first->base, 7, false));
	uint64_t deadline_ns = gp_presenter_deadline(&t.presenter);
	assert_true(deadline_ns - start_ns >= 50000000);
	usleep(10000);
	assert_false(gp_presenter_revoke(&t.presenter, &second->base, 8, false));
	assert_int_equal(gp_presenter_deadline(&t.presenter), deadline_ns);
	assert_true(gp_presenter_end_turn(&t.presenter)); // nothing to poll for
	assert_int_equal(t.n_revoked, 0);
	while (gp_now_ns() < deadline_ns) {
		usleep(1000);
	}
	gp_presenter_end_turn(&t.presenter);
	assert_true(t.n_revoked >= 1);
	usleep(20000);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 2);
	assert_int_equal(t.presenter.revokes.late, 2);
	assert_int_equal(gp_presenter_deadline(&t.presenter), 0);
	assert_int_equal(t.client.n_waits, 0);
	/* The acknowledgement is no second reply. */
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client));
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 2);
}

/* The compositor is gone before it has acknowledged anything. */
static void test_revoke_and_disconnect(void **state) {
	struct fake_memory *first = use_file(0, true);
	show(first, &whole);
	assert_false(gp_presenter_revoke(&t.presenter, &first->base, 5, false));
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 1);
}

/* A file that the guest cannot take back may be read on. */
static void test_revoke_own_file(void **state) {
	struct fake_memory *first = use_file(0, false);
	show(first, &whole);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 1, false));
	assert_null(fake_client_revoke_one(&t.client));
	gp_presenter_disable(&t.presenter, 0);
	assert_non_null(fake_client_revoke_one(&t.client));
}

/* Memory of which one import has ended is imported again, and revoked as one. */
static void test_end(void **state) {
	struct fake_memory *first = use_file(0, true);
	show(first, &whole);
	gp_presenter_end(&t.presenter, &first->base);
	show(first, &whole);
	assert_int_equal(t.client.n_blobs, 2);
	assert_false(gp_presenter_revoke(&t.presenter, &first->base, 9, false));
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 0);
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client));
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_revoked, 1);
}

/* Pause */

static void reconnect(void) {
	t.client.connected = false;
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
	t.client.connected = true;
	t.client.buffer = NULL;
	gp_presenter_connected(&t.presenter);
}

/* How many of the guest's own files the compositor may read. */
static unsigned count_files(void) {
	unsigned n = 0;
	for (size_t i = 0; i < FAKE_BLOBS_MAX; i++) {
		n += t.client.blobs[i].client != NULL &&
			t.client.blobs[i].kind != GP_CLIENT_BLOB_SHM;
	}
	return n;
}

/* What the guest writes after its stop is neither read nor shown, whoever comes and goes. */
static void test_pause(void **state) {
	struct fake_memory *first = use_memory(0);
	struct gp_presenter_info info;
	fill(first, 1);
	show(first, &whole);
	fill(first, 2); // not flushed
	gp_presenter_pause(&t.presenter);
	fill(first, 3);
	assert_shown(1);
	uint64_t bytes_copied = t.presenter.bytes_copied;
	gp_presenter_end_turn(&t.presenter);
	for (unsigned i = 0; i < 2; i++) {
		reconnect();
		assert_true(gp_presenter_end_turn(&t.presenter));
		assert_shown(1);
		assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	}
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.how, "copy");
	assert_string_equal(info.reason, "the VM is paused");
	assert_int_equal(t.presenter.bytes_copied, bytes_copied);
	gp_presenter_pause(&t.presenter); // it is
	assert_int_equal(t.presenter.bytes_copied, bytes_copied);

	gp_presenter_resume(&t.presenter);
	assert_shown(3);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.reason, "nothing exports it");
	fill(first, 4);
	show(first, &part);
	assert_int_equal(fake_client_read(t.client.buffer, (part.y * W + part.x) * 4), 4);
	gp_presenter_revoked(&t.presenter, fake_client_revoke_one(&t.client)); // the still
	assert_null(fake_client_revoke_one(&t.client));
}

/* The guest's own files are taken back, all of them, and given again. */
static void test_pause_file(void **state) {
	struct fake_memory *first = use_file(0, true), *second = use_file(1, true);
	fill(first, 1);
	show(second, &whole);
	show(first, &part);
	const struct gp_client_rect seen = t.client.source;
	assert_int_equal(count_files(), 2);
	gp_presenter_pause(&t.presenter);
	assert_int_equal(count_files(), 0);
	assert_shown(1);
	assert_memory_equal(&t.client.source, &seen, sizeof(seen));
	assert_int_equal(t.presenter.bytes_copied, SIZE);
	fill(first, 2);
	reconnect();
	assert_shown(1);
	assert_int_equal(first->n_exports, 1);
	gp_presenter_resume(&t.presenter);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SYSTEM_DMABUF);
	assert_int_equal(first->n_exports, 2);
	show(second, &whole);
	assert_int_equal(count_files(), 2);
}

/* Nor does a compositor that stands still keep the VMM from its reply. */
static void test_pause_stuck(void **state) {
	show(use_file(0, true), &whole);
	t.client.stuck = true;
	gp_presenter_pause(&t.presenter);
	assert_true(t.client.waited_ms <= 50);
	assert_int_equal(t.presenter.revokes.late, 1);
}

static void test_pause_unreadable(void **state) {
	struct fake_memory *first = use_file(0, true);
	struct gp_presenter_info info;
	first->base.ops = &file_ops;
	show(first, &whole);
	gp_presenter_pause(&t.presenter);
	assert_null(t.client.buffer);
	assert_int_equal(count_files(), 0);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_null(info.how);
	assert_string_equal(info.reason, "the VM is paused, and its memory cannot be read");
	reconnect();
	assert_null(t.client.buffer);
	gp_presenter_resume(&t.presenter);
	assert_non_null(t.client.buffer);
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.reason, "");
}

/* What only the host writes needs no copy. */
static void test_pause_host_copy(void **state) {
	struct fake_memory *first = use_file(0, false);
	first->base.ops = &file_ops;
	first->base.host_copy = true;
	show(first, &whole);
	gp_presenter_pause(&t.presenter);
	assert_int_equal(t.client.n_shown, 1);
	reconnect();
	assert_int_equal(t.client.n_shown, 2);
	gp_presenter_resume(&t.presenter);
	assert_int_equal(t.presenter.bytes_copied, 0);
}

/* A frame that waited is one of before the stop; none comes later. */
static void test_pause_deferred(void **state) {
	struct fake_memory *first = use_memory(0);
	flood(first);
	fill(first, 5);
	gp_presenter_pause(&t.presenter);
	assert_shown(5);
	fill(first, 6);
	unsigned n_shown = t.client.n_shown;
	assert_false(gp_presenter_flush(&t.presenter, 0, &whole));
	assert_true(gp_presenter_end_turn(&t.presenter)); // nothing to poll for
	reconnect();
	assert_shown(5);
	assert_int_equal(t.client.n_shown, n_shown + 1);
	gp_presenter_resume(&t.presenter);
	assert_shown(6);
}

/* Of a copy it is the half on the screen; a frame that waits for a half is one of before, too. */
static void test_pause_halves(void **state) {
	struct fake_memory *first = use_memory(0);
	fill(first, 1);
	show(first, &whole);
	fill(first, 2);
	show(first, &whole);
	fill(first, 3);
	gp_presenter_pause(&t.presenter);
	assert_shown(2);
	gp_presenter_resume(&t.presenter);
	assert_shown(2); // both halves are being read
	assert_true(t.presenter.scanouts[0].waiting);
	fill(first, 5);
	gp_presenter_pause(&t.presenter);
	assert_shown(5);
	assert_false(t.presenter.scanouts[0].waiting);
	gp_presenter_resume(&t.presenter);
	for (size_t i = 0; i < FAKE_BUFFERS_MAX; i++) {
		t.client.buffers[i].busy = false;
	}
	gp_presenter_released(&t.presenter, t.client.buffer);
	fill(first, 6);
	while (!gp_presenter_end_turn(&t.presenter)) {
		usleep(1000);
	}
	assert_shown(6);
}

/* Stopped between SET_SCANOUT_BLOB and its flush: the frame before is what is seen. */
static void test_pause_before_flush(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	fill(first, 1);
	fill(second, 2);
	show(first, &whole);
	gp_presenter_set(&t.presenter, 0, &second->base, &t.layout, &whole);
	gp_presenter_pause(&t.presenter);
	reconnect();
	assert_shown(1);
	gp_presenter_resume(&t.presenter);
	assert_shown(1);
	gp_presenter_flush(&t.presenter, 0, &whole);
	assert_shown(2);
}

/* No compositor when the guest stops: the one that comes shows that time's picture. */
static void test_pause_disconnected(void **state) {
	struct fake_memory *first = use_memory(0);
	t.client.connected = false;
	fill(first, 1);
	show(first, &whole);
	gp_presenter_pause(&t.presenter);
	fill(first, 2);
	t.client.connected = true;
	gp_presenter_connected(&t.presenter);
	assert_shown(1);
	gp_presenter_disable(&t.presenter, 0);
	assert_null(t.client.buffer);
	reconnect();
	assert_null(t.client.buffer);
	gp_presenter_resume(&t.presenter);
	assert_null(t.client.buffer);
}

/* A worker that takes over restores what a paused VM showed: nobody sees it before the resume. */
static void test_pause_restored(void **state) {
	struct fake_memory *first = use_memory(0);
	t.client.connected = false;
	gp_presenter_pause(&t.presenter);
	fill(first, 1);
	show(first, &whole);
	t.client.connected = true;
	gp_presenter_connected(&t.presenter);
	assert_true(gp_presenter_end_turn(&t.presenter));
	assert_int_equal(t.client.n_shown, 0);
	assert_int_equal(t.presenter.bytes_copied, 0);
	gp_presenter_resume(&t.presenter);
	assert_shown(1);
}

/* Reset: all of it is void. */
static void test_pause_reset(void **state) {
	struct fake_memory *first = use_file(0, true);
	show(first, &whole);
	gp_presenter_pause(&t.presenter);
	gp_presenter_end_all(&t.presenter);
	gp_presenter_disable(&t.presenter, 0);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 0, true));
	gp_presenter_resume(&t.presenter);
	assert_null(t.client.buffer);
	assert_non_null(fake_client_revoke_one(&t.client));
	assert_null(fake_client_revoke_one(&t.client));
	fake_client_finish(&t.client);
	gp_presenter_disconnected(&t.presenter);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_revoke),
		TEST(test_revoke_and_wait),
		TEST(test_revoke_stuck),
		TEST(test_reply_stuck),
		TEST(test_revoke_and_disconnect),
		TEST(test_revoke_own_file),
		TEST(test_end),
		TEST(test_pause),
		TEST(test_pause_file),
		TEST(test_pause_stuck),
		TEST(test_pause_unreadable),
		TEST(test_pause_host_copy),
		TEST(test_pause_deferred),
		TEST(test_pause_halves),
		TEST(test_pause_before_flush),
		TEST(test_pause_disconnected),
		TEST(test_pause_restored),
		TEST(test_pause_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
