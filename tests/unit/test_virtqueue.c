#include "vmm-bridge/virtio/virtqueue.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

/**
 * The guest: three regions. LOW and its neighbour HIGH are two files; FAR stands alone. The rings
 * are at the start of LOW. The guest's side of the rings is played by hand.
 */
#define KIB 1024u
#define SIZE 8u // of the queue
#define LOW 0x0u
#define HIGH (64 * KIB)
#define FAR (1024 * KIB)
#define REGION (64 * KIB)
#define DESC 0x0u
#define AVAIL 0x4000u
#define USED 0x8000u
#define DATA 0xa000u
#define TABLE 0xc000u // indirect

#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

static struct gp_guest_memory memory;
static struct gp_virtqueue queue;
static struct gp_chain *chain;

static uint8_t *at(uint64_t gpa) {
	struct iovec iov;
	assert_int_equal(gp_guest_memory_map(&memory, gpa, 1, &iov, 1), 1);
	return iov.iov_base;
}

static void add_region(uint64_t gpa, uint64_t size) {
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(gp_guest_memory_add(&memory, fd, gpa, gpa, size, 0), 0);
}

static struct vring_avail *avail(void) {
	return (struct vring_avail *)(void *)at(AVAIL);
}

static struct vring_used *used(void) {
	return (struct vring_used *)(void *)at(USED);
}

static uint16_t *used_event(void) {
	return &avail()->ring[queue.size];
}

static uint16_t *avail_event(void) {
	return (uint16_t *)(void *)&used()->ring[queue.size];
}

static void start(uint16_t base, bool event_idx) {
	avail()->idx = used()->idx = base;
	assert_true(gp_virtqueue_start(
		&queue, SIZE, at(DESC), at(AVAIL), at(USED), base, event_idx, true));
}

static int setup(void **state) {
	gp_guest_memory_init(&memory);
	add_region(LOW, REGION);
	add_region(HIGH, REGION);
	add_region(FAR, REGION);
	chain = malloc(sizeof(*chain));
	start(0, false);
	return 0;
}

static int teardown(void **state) {
	free(chain);
	gp_guest_memory_finish(&memory);
	return 0;
}

static void put_desc(uint64_t table, uint16_t index, uint64_t gpa, uint32_t length, uint16_t flags,
	uint16_t next) {
	struct vring_desc desc = {.addr = gpa, .len = length, .flags = flags, .next = next};
	memcpy(at(table + index * sizeof(desc)), &desc, sizeof(desc));
}

static void offer(uint16_t head) {
	avail()->ring[avail()->idx % queue.size] = head;
	avail()->idx++;
}

static int pop(void) {
	return gp_virtqueue_pop(&queue, &memory, chain);
}

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

static void put_indirect(uint64_t table, uint32_t count) {
	for (uint16_t i = 0; i < count; i++) {
		bool last = i + 1u == count;
		put_desc(table, i, DATA + i * 8, 8, last ? WRITE : NEXT, i + 1);
	}
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

/* Hostile rings. Each row is the guest's preparation and a word of what is said of it. */

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
	const char *said;
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
			strstr(queue.broken, hostile[i].said) == NULL) {
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

static void test_start_goes_on(void **state) {
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

/* On an empty ring the device says at which index it wants to be told. */
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

/* Buffers that the guest has put there for later are counted, and awaited where they are few. */
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_start_checks),
		TEST(test_ring_bytes),
		TEST(test_chain),
		TEST(test_chain_crosses_regions),
		TEST(test_indirect),
		TEST(test_indirect_after_plain),
		TEST(test_indirect_crosses_regions),
		TEST(test_hostile_chains),
		TEST(test_head_out_of_range),
		TEST(test_indirect_not_negotiated),
		TEST(test_chain_segment_limit),
		TEST(test_available_jumps),
		TEST(test_too_many_in_flight),
		TEST(test_push_out_of_order),
		TEST(test_indices_wrap),
		TEST(test_start_goes_on),
		TEST(test_interrupt_flag),
		TEST(test_interrupt_event),
		TEST(test_interrupt_event_wraps),
		TEST(test_notification_armed),
		TEST(test_offered),
		TEST(test_descriptors_are_read_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
