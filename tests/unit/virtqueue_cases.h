#ifndef GP_TESTS_UNIT_VIRTQUEUE_CASES_H
#define GP_TESTS_UNIT_VIRTQUEUE_CASES_H

#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm-bridge/virtio/virtqueue.h"

/* What the tests of virtqueues share. After setjmp.h and cmocka.h. */

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

static inline uint8_t *at(uint64_t gpa) {
	struct iovec iov;
	assert_int_equal(gp_guest_memory_map(&memory, gpa, 1, &iov, 1), 1);
	return iov.iov_base;
}

static inline void add_region(uint64_t gpa, uint64_t size) {
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(gp_guest_memory_add(&memory, fd, gpa, gpa, size, 0), 0);
}

static inline struct vring_avail *avail(void) {
	return (struct vring_avail *)(void *)at(AVAIL);
}

static inline struct vring_used *used(void) {
	return (struct vring_used *)(void *)at(USED);
}

static inline uint16_t *used_event(void) {
	return &avail()->ring[queue.size];
}

static inline uint16_t *avail_event(void) {
	return (uint16_t *)(void *)&used()->ring[queue.size];
}

static inline void start(uint16_t base, bool event_idx) {
	avail()->idx = used()->idx = base;
	assert_true(gp_virtqueue_start(
		&queue, SIZE, at(DESC), at(AVAIL), at(USED), base, event_idx, true));
}

static inline int setup(void **state) {
	gp_guest_memory_init(&memory);
	add_region(LOW, REGION);
	add_region(HIGH, REGION);
	add_region(FAR, REGION);
	chain = malloc(sizeof(*chain));
	start(0, false);
	return 0;
}

static inline int teardown(void **state) {
	free(chain);
	gp_guest_memory_finish(&memory);
	return 0;
}

static inline void put_desc(uint64_t table, uint16_t index, uint64_t gpa, uint32_t length,
	uint16_t flags, uint16_t next) {
	struct vring_desc desc = {.addr = gpa, .len = length, .flags = flags, .next = next};
	memcpy(at(table + index * sizeof(desc)), &desc, sizeof(desc));
}

static inline void offer(uint16_t head) {
	avail()->ring[avail()->idx % queue.size] = head;
	avail()->idx++;
}

static inline int pop(void) {
	return gp_virtqueue_pop(&queue, &memory, chain);
}

static inline void put_indirect(uint64_t table, uint32_t count) {
	for (uint16_t i = 0; i < count; i++) {
		bool last = i + 1u == count;
		put_desc(table, i, DATA + i * 8, 8, last ? WRITE : NEXT, i + 1);
	}
}

#endif
