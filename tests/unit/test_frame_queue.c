/* D1: frames are counted when they are on screen, whatever order and gaps reports have. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compositor/output/frame_queue.h"

static struct gp_view *const view = (struct gp_view *)&view;
static struct gp_view *const other = (struct gp_view *)&other;

static void push(struct gp_frame_queue *queue, uint32_t commit_seq, struct gp_view *of) {
	struct gp_frame *frame = gp_frame_queue_push(queue, commit_seq);
	assert_int_equal(frame->commit_seq, commit_seq);
	assert_null(frame->view);
	assert_int_equal(frame->trace_id, 0);
	frame->view = of;
	frame->trace_id = commit_seq;
}

static void test_order(void **state) {
	struct gp_frame_queue queue = {0};
	struct gp_frame frame;
	assert_false(gp_frame_queue_pop(&queue, 1, &frame));
	push(&queue, 1, view);
	push(&queue, 3, other);
	push(&queue, 4, view);

	assert_false(gp_frame_queue_pop(&queue, 0, &frame));
	assert_true(gp_frame_queue_pop(&queue, 1, &frame));
	assert_ptr_equal(frame.view, view);
	assert_false(gp_frame_queue_pop(&queue, 1, &frame));
	assert_false(gp_frame_queue_pop(&queue, 2, &frame));
	assert_int_equal(queue.count, 2);
	/* Without a report of 3, that of 4 is the last word on it. */
	assert_true(gp_frame_queue_pop(&queue, 4, &frame));
	assert_int_equal(frame.trace_id, 4);
	assert_int_equal(queue.count, 0);
}

static void test_wrap(void **state) {
	struct gp_frame_queue queue = {0};
	struct gp_frame frame;
	push(&queue, UINT32_MAX, view);
	push(&queue, 0, other);
	assert_true(gp_frame_queue_pop(&queue, UINT32_MAX, &frame));
	assert_ptr_equal(frame.view, view);
	assert_true(gp_frame_queue_pop(&queue, 0, &frame));
	assert_ptr_equal(frame.view, other);
}

static void test_full(void **state) {
	struct gp_frame_queue queue = {0};
	struct gp_frame frame;
	for (uint32_t i = 0; i < 3 * GP_FRAME_QUEUE_SIZE; i++) {
		push(&queue, i, view);
	}
	assert_int_equal(queue.count, GP_FRAME_QUEUE_SIZE);
	assert_false(gp_frame_queue_pop(&queue, 2 * GP_FRAME_QUEUE_SIZE - 1, &frame));
	assert_true(gp_frame_queue_pop(&queue, 2 * GP_FRAME_QUEUE_SIZE, &frame));
	assert_true(gp_frame_queue_pop(&queue, 3 * GP_FRAME_QUEUE_SIZE - 1, &frame));
	assert_int_equal(queue.count, 0);
}

static void test_forget_view(void **state) {
	struct gp_frame_queue queue = {0};
	struct gp_frame frame;
	push(&queue, 1, view);
	push(&queue, 2, other);
	gp_frame_queue_forget_view(&queue, view);
	assert_true(gp_frame_queue_pop(&queue, 1, &frame));
	assert_null(frame.view);
	assert_true(gp_frame_queue_pop(&queue, 2, &frame));
	assert_ptr_equal(frame.view, other);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_forget_view),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
