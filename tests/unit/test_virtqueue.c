#include "vmm-bridge/virtio/virtqueue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/virtqueue_cases.h"

static void test_start_checks(void **state) {
	static const uint16_t sizes[] = {0, 3, 6, 255, 1023, 1025, 2048, 32768, 65535};
	struct gp_virtqueue q = {0};
	uint8_t *rings = at(LOW);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_false(gp_virtqueue_start(
			&q, sizes[i], rings, rings + 0x4000, rings + 0x8000, 0, true, true));
	}
	assert_false(gp_virtqueue_start(&q, 8, rings + 8, rings + 0x4000, rings + 0x8000, 0, 1, 1));
	assert_false(gp_virtqueue_start(&q, 8, rings, rings + 0x4001, rings + 0x8000, 0, 1, 1));
	assert_false(gp_virtqueue_start(&q, 8, rings, rings + 0x4000, rings + 0x8002, 0, 1, 1));
	assert_int_equal(q.size, 0);
	for (uint16_t size = 1; size <= GP_VIRTQUEUE_SIZE_MAX; size *= 2) {
		assert_true(gp_virtqueue_start(
			&q, size, rings, rings + 0x4000, rings + 0x8000, 5, true, true));
		assert_int_equal(q.last_avail, 5);
	}
	gp_virtqueue_stop(&q);
	assert_int_equal(q.last_avail, 5);
	assert_int_equal(gp_virtqueue_pop(&q, &memory, chain), 0);
	gp_virtqueue_push(&q, 0, 0); // nothing to write to
	assert_false(gp_virtqueue_should_interrupt(&q));
}

static void test_ring_bytes(void **state) {
	assert_int_equal(gp_virtqueue_desc_bytes(256), 4096);
	assert_int_equal(gp_virtqueue_avail_bytes(256), 2 + 2 + 512 + 2);
	assert_int_equal(gp_virtqueue_used_bytes(256), 2 + 2 + 2048 + 2);
}

static void test_chain(void **state) {
	uint8_t bytes[64];
	memcpy(at(DATA), "hello, ", 7);
	memcpy(at(DATA + 0x100), "world", 5);
	put_desc(DESC, 3, DATA, 7, NEXT, 6);
	put_desc(DESC, 6, DATA + 0x100, 5, NEXT, 0);
	put_desc(DESC, 0, DATA + 0x200, 4, NEXT | WRITE, 1);
	put_desc(DESC, 1, DATA + 0x300, 4, WRITE, 0);
	assert_int_equal(pop(), 0);
	offer(3);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain->head, 3);
	assert_int_equal(chain->n_out, 2);
	assert_int_equal(chain->n_in, 2);
	assert_int_equal(chain->out_size, 12);
	assert_int_equal(chain->in_size, 8);
	assert_int_equal(queue.in_flight, 1);

	assert_int_equal(gp_chain_read(chain, 0, bytes, sizeof(bytes)), 12);
	assert_memory_equal(bytes, "hello, world", 12);
	assert_int_equal(gp_chain_read(chain, 5, bytes, 4), 4);
	assert_memory_equal(bytes, ", wo", 4);
	assert_int_equal(gp_chain_read(chain, 12, bytes, 4), 0);
	assert_int_equal(gp_chain_read(chain, UINT64_MAX, bytes, 4), 0);
	assert_int_equal(gp_chain_write(chain, 0, "abcdefghij", 10), 8);
	assert_memory_equal(at(DATA + 0x200), "abcd", 4);
	assert_memory_equal(at(DATA + 0x300), "efgh", 4);
	assert_int_equal(gp_chain_write(chain, 3, "XY", 2), 2);
	assert_memory_equal(at(DATA + 0x200), "abcX", 4);
	assert_memory_equal(at(DATA + 0x300), "Yfgh", 4);

	gp_virtqueue_push(&queue, 3, 8);
	assert_int_equal(queue.in_flight, 0);
	assert_int_equal(used()->idx, 1);
	assert_int_equal(used()->ring[0].id, 3);
	assert_int_equal(used()->ring[0].len, 8);
	assert_int_equal(pop(), 0);
}

/* A3: a buffer in two neighbouring regions comes as two segments; ends of regions are exact. */
static void test_chain_crosses_regions(void **state) {
	put_desc(DESC, 0, HIGH - 8, 24, NEXT, 1);
	put_desc(DESC, 1, FAR + REGION - 4, 4, WRITE, 0);
	offer(0);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain->n_out, 2);
	assert_int_equal(chain->out[0].iov_len, 8);
	assert_ptr_equal(chain->out[0].iov_base, at(HIGH - 8));
	assert_int_equal(chain->out[1].iov_len, 16);
	assert_ptr_equal(chain->out[1].iov_base, at(HIGH));
	assert_int_equal(chain->out_size, 24);
	assert_int_equal(chain->n_in, 1);
}

static void test_indirect(void **state) {
	put_indirect(TABLE, 40); // more than the queue is long
	put_desc(DESC, 5, TABLE, 40 * 16, INDIRECT, 0);
	offer(5);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain->head, 5);
	assert_int_equal(chain->n_out, 39);
	assert_int_equal(chain->n_in, 1);
}

/* 2.7.5.3.2: plain descriptors may come before the indirect one, whose write flag is ignored. */
static void test_indirect_after_plain(void **state) {
	put_indirect(TABLE, 2);
	put_desc(DESC, 0, DATA, 16, NEXT, 1);
	put_desc(DESC, 1, TABLE, 2 * 16, INDIRECT | WRITE, 0);
	offer(0);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain->n_out, 2);
	assert_int_equal(chain->n_in, 1);
}

/* A table may lie anywhere, across regions and not aligned. */
static void test_indirect_crosses_regions(void **state) {
	uint64_t table = HIGH - 24;
	for (uint16_t i = 0; i < 3; i++) {
		struct vring_desc desc = {
			.addr = DATA, .len = 4, .flags = i < 2 ? NEXT : 0, .next = i + 1};
		for (size_t b = 0; b < sizeof(desc); b++) {
			*at(table + i * sizeof(desc) + b) = ((uint8_t *)&desc)[b];
		}
	}
	put_desc(DESC, 0, table, 3 * 16, INDIRECT, 0);
	offer(0);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain->n_out, 3);
}

static void test_push_out_of_order(void **state) {
	static const uint16_t order[] = {2, 0, 1};
	for (uint16_t i = 0; i < 3; i++) {
		put_desc(DESC, i, DATA + i * 16, 16, WRITE, 0);
		offer(i);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pop(), 1);
	}
	assert_int_equal(queue.in_flight, 3);
	for (unsigned i = 0; i < 3; i++) {
		gp_virtqueue_push(&queue, order[i], order[i] + 100u);
	}
	assert_int_equal(used()->idx, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(used()->ring[i].id, order[i]);
		assert_int_equal(used()->ring[i].len, order[i] + 100u);
	}
	assert_int_equal(queue.in_flight, 0);
}

static void test_indices_wrap(void **state) {
	start(65530, false);
	put_desc(DESC, 1, DATA, 4, WRITE, 0);
	for (unsigned i = 0; i < 20; i++) {
		offer(1);
		assert_int_equal(pop(), 1);
		gp_virtqueue_push(&queue, 1, i);
		assert_int_equal(used()->ring[(65530 + i) % SIZE].len, i);
	}
	assert_int_equal(queue.last_avail, (uint16_t)(65530 + 20));
	assert_int_equal(used()->idx, (uint16_t)(65530 + 20));
}

static void test_start_continues(void **state) {
	used()->idx = 40;
	avail()->idx = 41;
	avail()->ring[40 % SIZE] = 2;
	put_desc(DESC, 2, DATA, 4, WRITE, 0);
	assert_true(
		gp_virtqueue_start(&queue, SIZE, at(DESC), at(AVAIL), at(USED), 40, false, true));
	assert_int_equal(pop(), 1);
	assert_int_equal(chain->head, 2);
	gp_virtqueue_push(&queue, 2, 4);
	assert_int_equal(used()->idx, 41);
	assert_int_equal(used()->ring[40 % SIZE].id, 2);
}

static void take_and_push(unsigned count) {
	put_desc(DESC, 0, DATA, 4, WRITE, 0);
	for (unsigned i = 0; i < count; i++) {
		offer(0);
		assert_int_equal(pop(), 1);
		gp_virtqueue_push(&queue, 0, 4);
	}
}

static void test_interrupt_flag(void **state) {
	assert_false(gp_virtqueue_should_interrupt(&queue)); // nothing was pushed
	take_and_push(1);
	assert_true(gp_virtqueue_should_interrupt(&queue));
	assert_false(gp_virtqueue_should_interrupt(&queue));
	avail()->flags = VRING_AVAIL_F_NO_INTERRUPT;
	take_and_push(1);
	assert_false(gp_virtqueue_should_interrupt(&queue));
	avail()->flags = 0;
	take_and_push(1);
	assert_true(gp_virtqueue_should_interrupt(&queue));
	avail()->flags = 0;
}

static void test_interrupt_event(void **state) {
	start(0, true);
	*used_event() = 100;
	take_and_push(1);
	assert_true(gp_virtqueue_should_interrupt(&queue)); // the first, to be safe
	take_and_push(3);
	assert_false(gp_virtqueue_should_interrupt(&queue)); // 1 to 4
	*used_event() = 5;
	take_and_push(1);
	assert_false(gp_virtqueue_should_interrupt(&queue)); // index 4
	take_and_push(1);
	assert_true(gp_virtqueue_should_interrupt(&queue)); // index 5
	avail()->flags = VRING_AVAIL_F_NO_INTERRUPT; // means nothing with the event index
	*used_event() = 6;
	take_and_push(1);
	assert_true(gp_virtqueue_should_interrupt(&queue));
	avail()->flags = 0;
}

/* The wish and the index pass 65535 apart from each other. */
static void test_interrupt_event_wraps(void **state) {
	start(65533, true);
	*used_event() = 65533;
	take_and_push(1);
	assert_true(gp_virtqueue_should_interrupt(&queue));
	*used_event() = 65535;
	take_and_push(1);
	assert_false(gp_virtqueue_should_interrupt(&queue)); // wrote 65534
	take_and_push(1);
	assert_true(gp_virtqueue_should_interrupt(&queue)); // wrote 65535, index is 0
	*used_event() = 1;
	take_and_push(1);
	assert_false(gp_virtqueue_should_interrupt(&queue)); // wrote 0
	take_and_push(4);
	assert_true(gp_virtqueue_should_interrupt(&queue)); // passed 1
}

/* On an empty ring the device writes at which index it wants a notification. */
static void test_notification_armed(void **state) {
	start(65535, true);
	*avail_event() = 0x1234;
	take_and_push(1);
	assert_int_equal(*avail_event(), 0x1234); // not while there is work
	assert_int_equal(pop(), 0);
	assert_int_equal(*avail_event(), 0);
	start(0, false);
	*avail_event() = 0x1234;
	assert_int_equal(pop(), 0);
	assert_int_equal(*avail_event(), 0x1234); // not without the feature
}

/* Buffers for later are counted, and notifications armed if they are few. */
static void test_offered(void **state) {
	start(65534, true);
	*avail_event() = 0x1234;
	assert_int_equal(gp_virtqueue_offered(&queue, 1), 0);
	assert_int_equal(*avail_event(), 65534);
	offer(0);
	offer(1);
	offer(2);
	*avail_event() = 0x1234;
	assert_int_equal(gp_virtqueue_offered(&queue, 3), 3);
	assert_int_equal(*avail_event(), 0x1234); // enough
	assert_int_equal(gp_virtqueue_offered(&queue, 4), 3);
	assert_int_equal(*avail_event(), 1); // the next one brings a kick
	assert_int_equal(queue.last_avail, 65534); // nothing was taken
	avail()->idx = (uint16_t)(65534 + SIZE + 1);
	assert_int_equal(gp_virtqueue_offered(&queue, 1), 0);
	assert_non_null(queue.broken);
	gp_virtqueue_stop(&queue);
	assert_int_equal(gp_virtqueue_offered(&queue, 1), 0);
}

/**
 * The chain is a copy: what the guest writes into its descriptors after the pop changes nothing.
 */
static void test_descriptors_are_read_once(void **state) {
	put_desc(DESC, 0, DATA, 4, 0, 0);
	offer(0);
	assert_int_equal(pop(), 1);
	put_desc(DESC, 0, 0x40000000, 0xffffffff, 0, 0);
	avail()->ring[0] = 7;
	assert_int_equal(chain->head, 0);
	assert_int_equal(chain->out_size, 4);
	assert_ptr_equal(chain->out[0].iov_base, at(DATA));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_start_checks),
		TEST(test_ring_bytes),
		TEST(test_chain),
		TEST(test_chain_crosses_regions),
		TEST(test_indirect),
		TEST(test_indirect_after_plain),
		TEST(test_indirect_crosses_regions),
		TEST(test_push_out_of_order),
		TEST(test_indices_wrap),
		TEST(test_start_continues),
		TEST(test_interrupt_flag),
		TEST(test_interrupt_event),
		TEST(test_interrupt_event_wraps),
		TEST(test_notification_armed),
		TEST(test_offered),
		TEST(test_descriptors_are_read_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
