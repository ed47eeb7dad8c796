#include "vmm-bridge/virtio/virtqueue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/virtqueue_cases.h"

/* Hostile rings. Each row is the guest's preparation and a part of the reason. */

static void loop_of_two(void) {
	put_desc(DESC, 0, DATA, 4, NEXT, 1);
	put_desc(DESC, 1, DATA, 4, NEXT, 0);
}
static void loop_to_itself(void) {
	put_desc(DESC, 0, DATA, 4, NEXT, 0);
}
static void loop_writable(void) {
	put_desc(DESC, 0, DATA, 4, NEXT | WRITE, 0);
}
static void next_out_of_range(void) {
	put_desc(DESC, 0, DATA, 4, NEXT, SIZE);
}
static void next_far_out_of_range(void) {
	put_desc(DESC, 0, DATA, 4, NEXT, 65535);
}
static void zero_length(void) {
	put_desc(DESC, 0, DATA, 0, 0, 0);
}
static void zero_length_writable(void) {
	put_desc(DESC, 0, DATA, 4, NEXT, 1);
	put_desc(DESC, 1, DATA, 0, WRITE, 0);
}
static void writable_first(void) {
	put_desc(DESC, 0, DATA, 4, NEXT | WRITE, 1);
	put_desc(DESC, 1, DATA, 4, 0, 0);
}
static void buffer_unmapped(void) {
	put_desc(DESC, 0, 0x40000000, 4, 0, 0);
}
static void buffer_before_region(void) {
	put_desc(DESC, 0, FAR - 1, 2, 0, 0);
}
static void buffer_over_end(void) {
	put_desc(DESC, 0, FAR + REGION - 4, 5, 0, 0);
}
static void buffer_after_end(void) {
	put_desc(DESC, 0, FAR + REGION, 1, WRITE, 0);
}
static void buffer_over_hole(void) {
	put_desc(DESC, 0, HIGH, FAR - HIGH + 16, 0, 0);
}
static void buffer_wraps(void) {
	put_desc(DESC, 0, UINT64_MAX - 3, 8, 0, 0);
}
static void buffer_of_4_gib(void) {
	put_desc(DESC, 0, DATA, UINT32_MAX, 0, 0);
}
static void indirect_wrong_length(void) {
	put_desc(DESC, 0, TABLE, 24, INDIRECT, 0);
}
static void indirect_empty(void) {
	put_desc(DESC, 0, TABLE, 0, INDIRECT, 0);
}
static void indirect_nested(void) {
	put_desc(TABLE, 0, TABLE, 16, INDIRECT, 0);
	put_desc(DESC, 0, TABLE, 16, INDIRECT, 0);
}
static void indirect_with_next(void) {
	put_indirect(TABLE, 1);
	put_desc(DESC, 0, TABLE, 16, INDIRECT | NEXT, 1);
}
static void indirect_unmapped(void) {
	put_desc(DESC, 0, 0x40000000, 32, INDIRECT, 0);
}
static void indirect_over_end(void) {
	put_desc(FAR + REGION - 16, 0, DATA, 4, NEXT, 1);
	put_desc(DESC, 0, FAR + REGION - 16, 32, INDIRECT, 0);
}
static void indirect_wraps(void) {
	put_desc(DESC, 0, UINT64_MAX - 15, 32, INDIRECT, 0);
}
static void indirect_loop(void) {
	put_desc(TABLE, 0, DATA, 4, NEXT, 1);
	put_desc(TABLE, 1, DATA, 4, NEXT, 0);
	put_desc(DESC, 0, TABLE, 32, INDIRECT, 0);
}
static void indirect_next_out_of_range(void) {
	put_desc(TABLE, 0, DATA, 4, NEXT, 2);
	put_desc(DESC, 0, TABLE, 32, INDIRECT, 0);
}
static void indirect_writable_first(void) {
	put_desc(TABLE, 0, DATA, 4, WRITE | NEXT, 1);
	put_desc(TABLE, 1, DATA, 4, 0, 0);
	put_desc(DESC, 0, TABLE, 32, INDIRECT, 0);
}
static void indirect_too_long(void) {
	// A loop inside a table so long that the count of its entries does not end it.
	put_desc(TABLE, 0, DATA, 4, NEXT, 0);
	put_desc(DESC, 0, TABLE, 0xfffffff0, INDIRECT, 0);
}

static const struct {
	const char *name;
	void (*prepare)(void);
	const char *reason;
} hostile[] = {
	{"loop_of_two", loop_of_two, "loop"},
	{"loop_to_itself", loop_to_itself, "loop"},
	{"loop_writable", loop_writable, "loop"},
	{"next_out_of_range", next_out_of_range, "out of range"},
	{"next_far_out_of_range", next_far_out_of_range, "out of range"},
	{"zero_length", zero_length, "zero bytes"},
	{"zero_length_writable", zero_length_writable, "zero bytes"},
	{"writable_first", writable_first, "after a writable"},
	{"buffer_unmapped", buffer_unmapped, "outside"},
	{"buffer_before_region", buffer_before_region, "outside"},
	{"buffer_over_end", buffer_over_end, "outside"},
	{"buffer_after_end", buffer_after_end, "outside"},
	{"buffer_over_hole", buffer_over_hole, "outside"},
	{"buffer_wraps", buffer_wraps, "outside"},
	{"buffer_of_4_gib", buffer_of_4_gib, "outside"},
	{"indirect_wrong_length", indirect_wrong_length, "wrong length"},
	{"indirect_empty", indirect_empty, "wrong length"},
	{"indirect_nested", indirect_nested, "inside an indirect"},
	{"indirect_with_next", indirect_with_next, "with a next"},
	{"indirect_unmapped", indirect_unmapped, "table outside"},
	{"indirect_over_end", indirect_over_end, "table outside"},
	{"indirect_wraps", indirect_wraps, "table outside"},
	{"indirect_loop", indirect_loop, "loop"},
	{"indirect_next_out_of_range", indirect_next_out_of_range, "out of range"},
	{"indirect_writable_first", indirect_writable_first, "after a writable"},
	{"indirect_too_long", indirect_too_long, "too many"},
};

static void test_hostile_chains(void **state) {
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		start(0, false);
		memset(at(DESC), 0, gp_virtqueue_desc_bytes(SIZE));
		hostile[i].prepare();
		offer(0);
		int r = pop();
		if (r != -EPROTO || queue.broken == NULL ||
			strstr(queue.broken, hostile[i].reason) == NULL) {
			fail_msg("%s: %d, %s", hostile[i].name, r,
				queue.broken != NULL ? queue.broken : "(not broken)");
		}
		assert_int_equal(chain->n_out + chain->n_in, 0);
		assert_int_equal(queue.in_flight, 0);
		assert_int_equal(queue.last_avail, 0);
		// It stays broken, whatever the guest does, until it is set up again.
		put_desc(DESC, 0, DATA, 4, 0, 0);
		assert_int_equal(pop(), -EPROTO);
		start(0, false);
		offer(0);
		assert_int_equal(pop(), 1);
	}
}

static void test_head_out_of_range(void **state) {
	offer(SIZE);
	assert_int_equal(pop(), -EPROTO);
	start(0, false);
	offer(65535);
	assert_int_equal(pop(), -EPROTO);
}

static void test_indirect_not_negotiated(void **state) {
	put_indirect(TABLE, 2);
	put_desc(DESC, 0, TABLE, 32, INDIRECT, 0);
	assert_true(
		gp_virtqueue_start(&queue, SIZE, at(DESC), at(AVAIL), at(USED), 0, false, false));
	offer(0);
	assert_int_equal(pop(), -EPROTO);
}

static void test_chain_segment_limit(void **state) {
	// 1024 entries of a table in FAR fill the chain; one more is too much.
	for (uint32_t count = GP_CHAIN_SEGMENTS_MAX; count <= GP_CHAIN_SEGMENTS_MAX + 1; count++) {
		start(0, false);
		put_indirect(FAR, count);
		put_desc(DESC, 0, FAR, count * 16, INDIRECT, 0);
		offer(0);
		assert_int_equal(pop(), count == GP_CHAIN_SEGMENTS_MAX ? 1 : -EPROTO);
	}
}

static void test_available_jumps(void **state) {
	put_desc(DESC, 0, DATA, 4, 0, 0);
	avail()->idx = SIZE + 1;
	assert_int_equal(pop(), -EPROTO);
	assert_non_null(strstr(queue.broken, "jumps"));
	start(0, false);
	avail()->idx = 65535; // backwards
	assert_int_equal(pop(), -EPROTO);
	start(0, false);
	avail()->idx = SIZE; // full is fine
	for (unsigned i = 0; i < SIZE; i++) {
		avail()->ring[i] = 0;
		assert_int_equal(pop(), 1);
	}
	assert_int_equal(pop(), 0);
}

/* The same head again and again, never waiting for its return. */
static void test_too_many_in_flight(void **state) {
	put_desc(DESC, 0, DATA, 4, 0, 0);
	for (unsigned i = 0; i < SIZE; i++) {
		offer(0);
		assert_int_equal(pop(), 1);
	}
	offer(0);
	assert_int_equal(pop(), -EPROTO);
	assert_int_equal(queue.in_flight, SIZE);
	for (unsigned i = 0; i < SIZE; i++) { // what was taken can be returned all the same
		gp_virtqueue_push(&queue, 0, 0);
	}
	assert_int_equal(used()->idx, SIZE);
	gp_virtqueue_push(&queue, 0, 0); // one too many: not the guest's ring's problem
	assert_int_equal(used()->idx, SIZE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_hostile_chains),
		TEST(test_head_out_of_range),
		TEST(test_indirect_not_negotiated),
		TEST(test_chain_segment_limit),
		TEST(test_available_jumps),
		TEST(test_too_many_in_flight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
