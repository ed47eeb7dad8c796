/* A queue that continues in another process: what a crash leaves between any two stores. */

#include "vmm-bridge/virtio/virtqueue.h"

#include <linux/virtio_ring.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define SIZE 8u
#define BYTES 0x10000u
#define DESC 0x0u
#define AVAIL 0x4000u
#define USED 0x8000u
#define DATA 0xa000u
#define SET (UINT64_C(1) << 32)

static struct gp_guest_memory memory;
static struct gp_virtqueue queue;
static struct gp_ring_checkpoint checkpoint;
static struct gp_chain *chain;

static uint8_t *at(uint64_t gpa) {
	struct iovec iov;
	assert_int_equal(gp_guest_memory_map(&memory, gpa, 1, &iov, 1), 1);
	return iov.iov_base;
}

static struct vring_avail *avail(void) {
	return (struct vring_avail *)(void *)at(AVAIL);
}

static struct vring_used *used(void) {
	return (struct vring_used *)(void *)at(USED);
}

static void start(uint16_t base) {
	assert_true(
		gp_virtqueue_start(&queue, SIZE, at(DESC), at(AVAIL), at(USED), base, false, true));
}

static int setup(void **state) {
	gp_guest_memory_init(&memory);
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	assert_int_equal(gp_guest_memory_add(&memory, fd, 0, 0, BYTES, 0), 0);
	chain = malloc(sizeof(*chain));
	for (uint16_t i = 0; i < SIZE; i++) {
		struct vring_desc desc = {.addr = DATA + i * 16u, .len = 16};
		desc.flags = VRING_DESC_F_WRITE;
		memcpy(at(DESC + i * sizeof(desc)), &desc, sizeof(desc));
	}
	start(0);
	gp_virtqueue_set_checkpoint(&queue, &checkpoint);
	return 0;
}

static int teardown(void **state) {
	free(chain);
	gp_guest_memory_finish(&memory);
	return 0;
}

static void offer(uint16_t head) {
	avail()->ring[avail()->idx % SIZE] = head;
	avail()->idx++;
}

static int pop(void) {
	return gp_virtqueue_pop(&queue, &memory, chain);
}

static void crash_and_resume(void) {
	start(checkpoint.last_avail);
	gp_virtqueue_resume(&queue, &checkpoint);
}

/* Heads that are recovered, in a string, with a ! behind the one that was running. */
static const char *recover(void) {
	static char heads[64];
	size_t n = 0;
	uint16_t place = 0;
	bool was_running;
	while (gp_virtqueue_recover(&queue, &memory, &place, chain, &was_running)) {
		assert_int_equal(chain->in_size, 16);
		heads[n++] = (char)('0' + chain->head);
		if (was_running) {
			heads[n++] = '!';
		}
		gp_virtqueue_push(&queue, chain->head, 0);
	}
	heads[n] = '\0';
	return heads;
}

static void test_nothing(void **state) {
	crash_and_resume();
	assert_string_equal(recover(), "");
	assert_int_equal(queue.in_flight, 0);
	offer(3);
	assert_int_equal(pop(), 1);
	assert_int_equal(chain->head, 3);
}

static void test_in_flight(void **state) {
	const uint16_t heads[] = {5, 0, 7, 2};
	for (size_t i = 0; i < 4; i++) {
		offer(heads[i]);
		assert_int_equal(pop(), 1);
	}
	gp_virtqueue_push(&queue, 0, 0);
	assert_int_equal(pop(), 0); // done with the last
	offer(1);
	crash_and_resume();
	assert_int_equal(queue.in_flight, 3);
	assert_string_equal(recover(), "257");
	assert_int_equal(queue.in_flight, 0);
	assert_int_equal(used()->idx, 4);
	/* What was offered and not taken comes as ever. */
	assert_int_equal(pop(), 1);
	assert_int_equal(chain->head, 1);
	assert_int_equal(pop(), 0);
}

static void test_in_hand(void **state) {
	offer(4);
	offer(6);
	assert_int_equal(pop(), 1);
	assert_int_equal(pop(), 1);
	crash_and_resume();
	assert_string_equal(recover(), "46!");
	/* Again: the second process has crashed, too, and had returned them. */
	crash_and_resume();
	assert_string_equal(recover(), "");
	offer(6);
	assert_int_equal(pop(), 1);
	gp_virtqueue_push(&queue, 6, 0);
	crash_and_resume();
	assert_string_equal(recover(), "");
}

/* Between the stores of a pop. */
static void test_while_taking(void **state) {
	offer(4);
	checkpoint.taking = SET | 0u << 16 | 4; // nothing else yet
	crash_and_resume();
	assert_string_equal(recover(), "");
	assert_int_equal(pop(), 1); // taken now
	assert_int_equal(chain->head, 4);
	gp_virtqueue_push(&queue, 4, 0);

	offer(2);
	checkpoint.taking = SET | 1u << 16 | 2;
	checkpoint.last_avail = 2; // but not in flight
	crash_and_resume();
	assert_string_equal(recover(), "2!");
	assert_int_equal(pop(), 0);
}

/* Between the stores of a push. */
static void test_while_returning(void **state) {
	offer(4);
	offer(5);
	assert_int_equal(pop(), 1);
	assert_int_equal(pop(), 1);
	assert_int_equal(pop(), 0);
	checkpoint.returning = SET | 0u << 16 | 4; // the guest does not have it
	crash_and_resume();
	assert_int_equal(queue.in_flight, 2);
	checkpoint.returning = SET | 0u << 16 | 4;
	used()->ring[0].id = 4;
	used()->idx = 1; // it has
	crash_and_resume();
	assert_string_equal(recover(), "5");
	assert_int_equal(used()->idx, 2);
}

/* Of the one in hand: each state that a crash in the midst of a push can leave. */
static void test_while_returning_in_hand(void **state) {
	struct gp_ring_checkpoint states[4];
	offer(3);
	assert_int_equal(pop(), 1);
	checkpoint.returning = SET | 0u << 16 | 3;
	states[0] = checkpoint; // with the used index that is stored next, and before
	checkpoint.taking = 0;
	states[1] = checkpoint;
	checkpoint.in_flight[3] = 0;
	states[2] = checkpoint;
	checkpoint.returning = 0;
	states[3] = checkpoint;
	used()->ring[0].id = 3;
	used()->idx = 1;
	for (size_t i = 0; i < 4; i++) {
		checkpoint = states[i];
		crash_and_resume();
		assert_string_equal(recover(), "");
		assert_int_equal(used()->idx, 1);
	}
	used()->idx = 0;
	checkpoint = states[0];
	crash_and_resume();
	assert_string_equal(recover(), "3!");
}

/* A process that crashes may have written anything. */
static void test_nonsense(void **state) {
	srand(1);
	for (int i = 0; i < 2000; i++) {
		uint8_t *bytes = (uint8_t *)&checkpoint;
		for (size_t j = 0; j < sizeof(checkpoint); j++) {
			bytes[j] = (uint8_t)rand();
		}
		crash_and_resume();
		assert_true(queue.in_flight <= SIZE);
		recover();
		assert_int_equal(queue.in_flight, 0);
		for (uint16_t head = 0; head < SIZE; head++) {
			assert_int_equal(checkpoint.in_flight[head], 0);
		}
	}
}

/* A chain that the guest has spoilt meanwhile is returned without a look at it. */
static void test_spoilt(void **state) {
	offer(3);
	assert_int_equal(pop(), 1);
	struct vring_desc desc = {.addr = UINT64_MAX - 8, .len = 16, .flags = VRING_DESC_F_WRITE};
	memcpy(at(DESC + 3 * sizeof(desc)), &desc, sizeof(desc));
	crash_and_resume();
	uint16_t place = 0;
	bool was_running;
	assert_true(gp_virtqueue_recover(&queue, &memory, &place, chain, &was_running));
	assert_int_equal(chain->head, 3);
	assert_int_equal(chain->n_in, 0);
	assert_null(queue.broken);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_in_flight),
		TEST(test_in_hand),
		TEST(test_while_taking),
		TEST(test_while_returning),
		TEST(test_while_returning_in_hand),
		TEST(test_nonsense),
		TEST(test_spoilt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
