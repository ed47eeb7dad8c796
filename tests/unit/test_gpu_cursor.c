#include "vmm-bridge/gpu/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/gpu_cases.h"

static bool send_cursor(struct rig *rig, uint32_t type, uint32_t scanout, uint32_t id, int32_t x,
	int32_t y, uint32_t hot) {
	struct virtio_gpu_update_cursor wire = wire_cursor(type, scanout, id, x, y, hot, hot);
	uint64_t errors = guest_errors(rig);
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CURSOR, &wire, sizeof(wire), 0);
	assert_true(rig->replies[head].replied);
	return guest_errors(rig) == errors;
}

#define UPDATE VIRTIO_GPU_CMD_UPDATE_CURSOR
#define MOVE VIRTIO_GPU_CMD_MOVE_CURSOR

/* C5: no response buffer, signed positions. */
static void test_cursor(void **state) {
	struct rig *rig = *state;
	uint32_t *pixels = (uint32_t *)(void *)rig->ram;
	for (uint32_t i = 0; i < 64 * 64; i++) {
		pixels[i] = i;
	}
	assert_int_equal(rig_create_blob(rig, 1, 64 * 64 * 4, GPA), OK);
	assert_true(send_cursor(rig, UPDATE, 1, 1, -3, 700, 5));
	const struct rig_event *set = rig_event(rig, RIG_CURSOR_SET, 0);
	assert_true(set->visible);
	assert_int_equal(set->scanout, 1);
	assert_int_equal(set->hot_x, 5);
	assert_memory_equal(rig->cursor, pixels, sizeof(rig->cursor));
	const struct rig_event *move = rig_event(rig, RIG_CURSOR_MOVE, 0);
	assert_true(move < set);
	assert_int_equal(move->x, -3);
	assert_int_equal(move->y, 700);
	assert_true(send_cursor(rig, MOVE, 0, 12345, INT32_MIN, INT32_MAX, 0));
	move = rig_event(rig, RIG_CURSOR_MOVE, 1);
	assert_int_equal(move->x, INT32_MIN);
	assert_int_equal(move->y, INT32_MAX);
	assert_true(send_cursor(rig, UPDATE, 1, 0, 0, 0, 0));
	assert_false(rig_event(rig, RIG_CURSOR_SET, 1)->visible);
	assert_true(send_cursor(rig, UPDATE, 0, 1, 0, 0, UINT32_MAX)); // clamped
	assert_int_equal(rig_event(rig, RIG_CURSOR_SET, 2)->hot_y, 63);
}

static void test_cursor_errors(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, 64 * 64 * 4 - 1, GPA), OK);
	assert_int_equal(rig_create_blob(rig, 2, 64 * 64 * 4, 0), OK);
	assert_false(send_cursor(rig, UPDATE, 0, 1, 0, 0, 0)); // too small
	assert_false(send_cursor(rig, UPDATE, 0, 2, 0, 0, 0)); // no memory
	assert_false(send_cursor(rig, UPDATE, 0, 99, 0, 0, 0));
	assert_false(send_cursor(rig, UPDATE, 2, 0, 0, 0, 0));
	assert_false(send_cursor(rig, MOVE, 2, 0, 0, 0, 0));
	assert_int_equal(rig_count(rig, RIG_CURSOR_SET), 0);
	/* With a response buffer there is an error response. */
	struct virtio_gpu_update_cursor wire = wire_cursor(UPDATE, 0, 1, 0, 0, 0, 0);
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CURSOR, &wire, sizeof(wire), RESPONSE);
	assert_int_equal(rig_type(rig, head), BAD_PARAMETER);
}

/* C5: the size of another cursor is known from the transfer before it. */
static void test_cursor_sizes(void **state) {
	struct rig *rig = *state;
	uint32_t *pixels = (uint32_t *)(void *)rig->ram;
	for (uint32_t i = 0; i < 128 * 128; i++) {
		pixels[i] = i;
	}
	assert_int_equal(rig_create_blob(rig, 1, 128 * 128 * 4, GPA), OK);
	const struct gp_rect big = {0, 0, 128, 128}, small = {0, 0, 24, 24};
	struct virtio_gpu_transfer_to_host_2d transfer = wire_transfer(1, &big, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_true(send_cursor(rig, UPDATE, 0, 1, 0, 0, 0));
	assert_int_equal(rig->cursor[0], 0);
	assert_int_equal(rig->cursor[64], 128);
	assert_int_equal(rig->cursor[63 * 64 + 63], 63 * 128 + 63);
	/* Smaller than 64×64, in one page. */
	assert_int_equal(rig_create_blob(rig, 2, PAGE, GPA), OK);
	assert_false(send_cursor(rig, UPDATE, 0, 2, 0, 0, 0));
	transfer = wire_transfer(2, &small, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_true(send_cursor(rig, UPDATE, 0, 2, 0, 0, 0));
	assert_int_equal(rig->cursor[64 + 23], 24 + 23);
	assert_int_equal(rig->cursor[64 + 24], 0);
	assert_int_equal(rig->cursor[24 * 64], 0);
	/* A hint that does not fit the blob is none. */
	const struct gp_rect wild = {0, 0, UINT32_MAX, UINT32_MAX};
	transfer = wire_transfer(2, &wild, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_false(send_cursor(rig, UPDATE, 0, 2, 0, 0, 0));
	transfer = wire_transfer(1, &wild, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_true(send_cursor(rig, UPDATE, 0, 1, 0, 0, 0));
	assert_int_equal(rig->cursor[64], 64);
	/* A blob of 64×64 is that, even if less was transferred. */
	assert_int_equal(rig_create_blob(rig, 4, 64 * 64 * 4, GPA), OK);
	transfer = wire_transfer(4, &small, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_true(send_cursor(rig, UPDATE, 0, 4, 0, 0, 0));
	assert_int_equal(rig->cursor[64 + 24], 64 + 24);
	/* 2D, 32×16. */
	assert_int_equal(rig_create_2d(rig, 3, 32, 16), OK);
	memset(rig->ram, 0xab, 32 * 16 * 4);
	const struct gp_rect all = {0, 0, 32, 16};
	assert_int_equal(rig_attach(rig, 3, GPA, 32 * 16 * 4), OK);
	transfer = wire_transfer(3, &all, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_true(send_cursor(rig, UPDATE, 0, 3, 0, 0, 0));
	assert_int_equal(rig->cursor[15 * 64 + 31], 0xabababab);
	assert_int_equal(rig->cursor[15 * 64 + 32], 0);
	assert_int_equal(rig->cursor[16 * 64], 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, gpu_setup, gpu_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_cursor),
		TEST(test_cursor_errors),
		TEST(test_cursor_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
