/*
 * Copies of what the guest draws: their halves and damage, and which of them the compositor reads.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/presenter_cases.h"

static void test_damage(void **state) {
	struct fake_memory *first = use_memory(0);
	t.client.releases = true;
	fill(first, 1);
	show(first, &part);
	assert_shown(1); // all of it, whatever the guest says
	fill(first, 2);
	show(first, &part);
	assert_memory_equal(&t.client.damage, &part, sizeof(part));
	/* The other half had nothing yet: what the guest has not flushed is as it is on screen. */
	assert_int_equal(fake_client_read(t.client.buffer, 0), 1);
	assert_int_equal(fake_client_read(t.client.buffer, (part.y * W + part.x) * 4), 2);
	fill(first, 3);
	show(first, &part);
	assert_memory_equal(&t.client.damage, &part, sizeof(part));
	assert_int_equal(fake_client_read(t.client.buffer, 0), 1);
	assert_int_equal(fake_client_read(t.client.buffer, (part.y * W + part.x) * 4), 3);
	assert_int_equal(t.presenter.bytes_copied, 2 * SIZE + 2 * part.width * part.height * 4);
}

/* Damage that one half missed comes with the next frame in it. */
static void test_halves(void **state) {
	struct fake_memory *first = use_memory(0);
	t.client.releases = true;
	fill(first, 1);
	show(first, &whole);
	show(first, &part);
	t.presenter.bytes_copied = 0;
	fill(first, 2);
	show(first, &part);
	fill(first, 3);
	show(first, &other_part);
	assert_int_equal(fake_client_read(t.client.buffer, (part.y * W + part.x) * 4), 2);
	assert_int_equal(fake_client_read(t.client.buffer, (27 * W + 47) * 4), 3);
	assert_int_equal(fake_client_read(t.client.buffer, (10 * W + 20) * 4), 1);
	uint32_t once = part.width * part.height, then = other_part.width * other_part.height;
	assert_int_equal(t.presenter.bytes_copied, (once + once + then) * 4);
	/* Many of them become one. */
	for (uint32_t i = 0; i < 20; i++) {
		struct gp_rect bit = {3 * i, i, 2, 1};
		gp_shown_add_missing(&t.presenter.scanouts[0], &bit);
	}
	assert_true(t.presenter.scanouts[0].missing[0].n <= GP_RECTS_MAX);
}

/* What is on the screen is not written to; without a free half the guest waits for one. */
static void test_screen_is_not_written(void **state) {
	struct fake_memory *first = use_memory(0);
	fill(first, 1);
	assert_false(show(first, &whole));
	struct gp_client_buffer *on_screen = t.client.buffer;
	fill(first, 2);
	assert_false(show(first, &whole));
	struct gp_client_buffer *next = t.client.buffer;
	assert_ptr_not_equal(on_screen, next);
	fill(first, 3);
	assert_true(show(first, &part));
	assert_true(show(first, &other_part));
	assert_true(gp_presenter_end_turn(&t.presenter)); // and does not ask again
	assert_int_equal(fake_client_read(on_screen, 0), 1);
	assert_int_equal(fake_client_read(next, 0), 2);
	assert_int_equal(t.client.n_shown, 2);
	assert_int_equal(t.n_released, 0);
	release(on_screen);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.client.n_shown, 3);
	assert_int_equal(t.n_released, 2);
	assert_ptr_equal(t.client.buffer, on_screen);
	assert_int_equal(fake_client_read(on_screen, 0), 2);
	assert_int_equal(fake_client_read(on_screen, (part.y * W + part.x) * 4), 3);
	assert_int_equal(fake_client_read(on_screen, (27 * W + 47) * 4), 3);
	assert_int_equal(fake_client_read(next, 0), 2);
}

/* A frame that waits and is dropped is owed nothing any more. */
static void test_wait_ends(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	show(first, &whole);
	show(first, &whole);
	assert_true(show(first, &whole));
	show(second, &whole);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 1);
	show(second, &whole);
	assert_true(show(second, &whole));
	gp_presenter_visibility(&t.presenter, 0, false);
	gp_presenter_end_turn(&t.presenter);
	assert_int_equal(t.n_released, 2);
}

/* What is flushed and is the same is not copied, not committed, and needs no free half. */
static void test_same_frame(void **state) {
	struct fake_memory *first = use_memory(0);
	first->base.ops = &compared_ops;
	fill(first, 1);
	show(first, &whole);
	for (unsigned i = 0; i < 5; i++) {
		assert_false(show(first, &whole));
	}
	assert_int_equal(t.client.n_shown, 1);
	assert_int_equal(t.presenter.bytes_copied, SIZE);
	/* Two rows differ: all that is between them, as damage is one rectangle. */
	t.client.releases = true;
	memset(first->bytes + 10 * W * 4, 2, W * 4);
	memset(first->bytes + 19 * W * 4, 2, 4);
	show(first, &whole);
	const struct gp_client_rect damage = {0, 10, W, 10};
	assert_int_equal(t.client.n_shown, 2);
	assert_memory_equal(&t.client.damage, &damage, sizeof(damage));
	assert_int_equal(fake_client_read(t.client.buffer, 10 * W * 4), 2);
	assert_int_equal(fake_client_read(t.client.buffer, 15 * W * 4), 1);
	assert_int_equal(fake_client_read(t.client.buffer, 19 * W * 4), 2);
	uint64_t copied = t.presenter.bytes_copied;
	memset(first->bytes + 30 * W * 4, 3, 4);
	show(first, &whole);
	assert_int_equal(
		t.presenter.bytes_copied - copied, 3 * W * 4); // one, and two that it lacks
	assert_int_equal(fake_client_read(t.client.buffer, 19 * W * 4), 2);
	assert_int_equal(fake_client_read(t.client.buffer, 30 * W * 4), 3);
	/* Not with the frame that is lost, nor with one of before a disconnect. */
	gp_presenter_disconnected(&t.presenter);
	fake_client_finish(&t.client);
	t.client.buffer = NULL;
	gp_presenter_connected(&t.presenter);
	assert_non_null(t.client.buffer);
}

/* What the guest paints while another part is copied is shown with its own flush, not without damage. */
static void test_painted_meanwhile(void **state) {
	struct fake_memory *first = use_memory(0);
	first->base.ops = &compared_ops;
	t.client.releases = true;
	fill(first, 1);
	show(first, &whole);
	memset(first->bytes + 10 * W * 4, 2, W * 4);
	first->painted = 20;
	show(first, &whole);
	const struct gp_client_rect damage = {0, 10, W, 1}, later = {0, 20, W, 1};
	assert_memory_equal(&t.client.damage, &damage, sizeof(damage));
	assert_int_equal(fake_client_read(t.client.buffer, 10 * W * 4), 2);
	assert_int_equal(fake_client_read(t.client.buffer, 20 * W * 4), 1);
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 3);
	assert_memory_equal(&t.client.damage, &later, sizeof(later));
	assert_int_equal(fake_client_read(t.client.buffer, 10 * W * 4), 2);
	assert_int_equal(fake_client_read(t.client.buffer, 20 * W * 4), 9);
}

/* A moving picture is compared now and then only; what is small never is. */
static void test_moving(void **state) {
	struct fake_memory *first = use_memory(0);
	first->base.ops = &compared_ops;
	t.client.releases = true;
	for (unsigned i = 0; i < 200; i++) {
		fill(first, (uint8_t)i);
		show(first, &whole);
		gp_presenter_end_turn(&t.presenter);
		t.presenter.scanouts[0].budget_ns = 0;
	}
	assert_int_equal(t.client.n_shown, 200);
	assert_true(first->n_comparisons >= 200 / 16 && first->n_comparisons <= 20);
	/* It stops. */
	unsigned shown = t.client.n_shown;
	for (unsigned i = 0; i < 100; i++) {
		show(first, &whole);
		t.presenter.scanouts[0].budget_ns = 0;
	}
	assert_true(t.client.n_shown - shown <= 16);
	unsigned compared = first->n_comparisons;
	for (unsigned i = 0; i < 5; i++) {
		show(first, &part);
		t.presenter.scanouts[0].budget_ns = 0;
	}
	assert_int_equal(first->n_comparisons, compared);
}

/* Two scanouts of the same pixels do not wait for each other for ever. */
static void test_mirrored(void **state) {
	struct fake_memory *first = use_memory(0);
	for (uint32_t i = 0; i < 2; i++) {
		gp_presenter_set(&t.presenter, i, &first->base, &t.layout, &whole);
		gp_presenter_flush(&t.presenter, i, &whole);
	}
	for (uint8_t value = 1; value < 5; value++) {
		fill(first, value);
		for (uint32_t i = 0; i < 2; i++) {
			struct gp_client_buffer *replaced = t.presenter.scanouts[i].buffer;
			assert_false(gp_presenter_flush(&t.presenter, i, &whole));
			assert_shown(value);
			release(replaced);
		}
	}
}

/* The frame before was of another buffer, though it was not flushed: damage is against that. */
static void test_set_away_and_back(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	fill(first, 1);
	show(first, &whole);
	gp_presenter_set(&t.presenter, 0, &second->base, &t.layout, &whole);
	fill(first, 3);
	show(first, &part);
	assert_shown(3);
}

/* What the compositor has on screen is older than the frame before, which it never got. */
static void test_lost_frame(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	show(first, &whole);
	fill(second, 5);
	t.client.full = true;
	show(second, &whole);
	assert_int_equal(t.client.n_shown, 1);
	t.client.full = false;
	show(second, &part);
	assert_int_equal(t.client.n_shown, 2);
	assert_shown(5);
	assert_memory_equal(&t.client.damage, &whole, sizeof(whole));
	show(second, &part);
	assert_memory_equal(&t.client.damage, &part, sizeof(part));
}

/* Two scanouts show one copy, which each brings up to date for itself. */
static void test_shared(void **state) {
	struct fake_memory *first = use_memory(0);
	struct gp_rect left = {0, 0, W / 2, H}, right = {W / 2, 0, W / 2, H};
	gp_presenter_set(&t.presenter, 0, &first->base, &t.layout, &left);
	gp_presenter_set(&t.presenter, 1, &first->base, &t.layout, &right);
	fill(first, 7);
	gp_presenter_flush(&t.presenter, 0, &part);
	gp_presenter_flush(&t.presenter, 1, &part);
	assert_shown(7);
	assert_memory_equal(&t.client.source, &right, sizeof(right));
	assert_int_equal(t.client.n_blobs, 1);
}

/* The copy is what the compositor maps: it must be sealed. */
static void test_copy_is_sealed(void **state) {
	show(use_memory(0), &whole);
	int seals = fcntl(t.client.buffer->blob->fd, F_GET_SEALS);
	assert_int_equal(seals & (F_SEAL_SHRINK | F_SEAL_GROW), F_SEAL_SHRINK | F_SEAL_GROW);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
}

static void test_copy_without_memory(void **state) {
	struct fake_memory *first = use_memory(0);
	first->base.size = UINT64_MAX / 2;
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 0);
	first->base.size = SIZE;
	show(first, &whole);
	assert_int_equal(t.client.n_shown, 1);
}

/* Once its memory is taken back a copy stays, until the scanout has something else. */
static void test_copy_outlives_memory(void **state) {
	struct fake_memory *first = use_memory(0), *second = use_memory(1);
	fill(first, 4);
	show(first, &whole);
	assert_true(gp_presenter_revoke(&t.presenter, &first->base, 1, false));
	assert_null(fake_client_revoke_one(&t.client));
	assert_shown(4);
	show(second, &whole);
	void *user = fake_client_revoke_one(&t.client);
	assert_non_null(user);
	gp_presenter_revoked(&t.presenter, user);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_damage),
		TEST(test_set_away_and_back),
		TEST(test_lost_frame),
		TEST(test_shared),
		TEST(test_halves),
		TEST(test_screen_is_not_written),
		TEST(test_wait_ends),
		TEST(test_same_frame),
		TEST(test_painted_meanwhile),
		TEST(test_moving),
		TEST(test_mirrored),
		TEST(test_copy_is_sealed),
		TEST(test_copy_without_memory),
		TEST(test_copy_outlives_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
