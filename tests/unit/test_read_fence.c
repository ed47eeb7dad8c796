/*
 * Waits until a descriptor can be written to, as a dma-buf can when it was read. A pipe plays it:
 * it has no sync files, as dma-bufs of old kernels. Real ones: tests/hostvm/test_fences.c.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <wayland-server-core.h>

#include "common/fd.h"
#include "compositor/memory/read_fence.h"

static const struct gp_read_points no_points;
static struct wl_event_loop *loop;
static struct gp_read_fence fence;
static int n_done;
static int ends[2]; // of a pipe

static void handle_done(struct gp_read_fence *done) {
	assert_ptr_equal(done, &fence);
	assert_false(gp_read_fence_is_waiting(done));
	n_done++;
}

static int setup(void **state) {
	n_done = 0;
	loop = wl_event_loop_create();
	gp_read_fence_init(&fence, handle_done);
	return pipe2(ends, O_CLOEXEC | O_NONBLOCK);
}

static int teardown(void **state) {
	gp_read_fence_finish(&fence);
	wl_event_loop_destroy(loop);
	gp_fd_close(&ends[0]);
	gp_fd_close(&ends[1]);
	return 0;
}

static void fill(void) {
	static const char bytes[4096];
	while (write(ends[1], bytes, sizeof(bytes)) > 0) {
	}
}

static void drain(void) {
	char bytes[4096];
	while (read(ends[0], bytes, sizeof(bytes)) > 0) {
	}
}

static void run(void) {
	wl_event_loop_dispatch(loop, 0);
	wl_event_loop_dispatch(loop, 0);
}

static void test_at_once(void **state) {
	assert_false(gp_read_fence_wait(&fence, loop, ends[1], &no_points));
	assert_false(gp_read_fence_is_waiting(&fence));
	run();
	assert_int_equal(n_done, 0);
}

static void test_wait(void **state) {
	fill();
	assert_true(gp_read_fence_wait(&fence, loop, ends[1], &no_points));
	run();
	assert_int_equal(n_done, 0);
	assert_true(gp_read_fence_is_waiting(&fence));
	drain();
	run();
	assert_int_equal(n_done, 1);
	run();
	assert_int_equal(n_done, 1);
}

/* The dma-buf may be closed meanwhile. */
static void test_closed(void **state) {
	fill();
	assert_true(gp_read_fence_wait(&fence, loop, ends[1], &no_points));
	gp_fd_close(&ends[1]);
	run();
	assert_int_equal(n_done, 0);
	drain();
	run();
	assert_int_equal(n_done, 1);
}

static void test_ended(void **state) {
	fill();
	assert_true(gp_read_fence_wait(&fence, loop, ends[1], &no_points));
	gp_read_fence_finish(&fence);
	assert_false(gp_read_fence_is_waiting(&fence));
	drain();
	run();
	assert_int_equal(n_done, 0);
}

/* A wait replaces the one before. */
static void test_again(void **state) {
	fill();
	assert_true(gp_read_fence_wait(&fence, loop, ends[1], &no_points));
	assert_true(gp_read_fence_wait(&fence, loop, ends[1], &no_points));
	drain();
	assert_false(gp_read_fence_wait(&fence, loop, ends[1], &no_points));
	run();
	assert_int_equal(n_done, 0);
	fill();
	assert_true(gp_read_fence_wait(&fence, loop, ends[1], &no_points));
	drain();
	run();
	assert_int_equal(n_done, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
	};
	return cmocka_run_group_tests_name("read_fence", tests, NULL, NULL);
}
