#include "vmm-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/log.h"
#include "tests/harness/gpu_rig.h"
#include "tests/harness/gpu_wire.h"

/*
 * The host is out of memory: a session is run again and again, each time with another allocation
 * of the device failing. Every command has a reply, nothing leaks and nothing is shown that is
 * not there (the rig sees to that).
 */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void *__real_reallocarray(void *pointer, size_t n, size_t size);
void *__wrap_reallocarray(void *pointer, size_t n, size_t size);

static bool counting;
static unsigned seen, failing; // the failing-th allocation of the session fails, from 1

static bool fails(void) {
	return counting && ++seen == failing;
}

void *__wrap_calloc(size_t n, size_t size) {
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *pointer, size_t size) {
	return fails() ? NULL : __real_realloc(pointer, size);
}

void *__wrap_reallocarray(void *pointer, size_t n, size_t size) {
	return fails() ? NULL : __real_reallocarray(pointer, n, size);
}

static void around(bool before) {
	counting = before;
}

#define W 64u
#define H 32u
#define SIZE (W * H * 4)

/* Commands may fail, but in no other way than these. */
static void check(uint32_t type) {
	assert_true(type == VIRTIO_GPU_RESP_OK_NODATA ||
		type == VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY ||
		type == VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID ||
		type == VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static void check_held(struct rig *rig, uint16_t head) {
	if (!rig->replies[head].in_flight) {
		check(rig_type(rig, head));
	}
}

static void session(struct rig *rig) {
	rig->owe_release = true;
	rig->revoke_later = true;
	check(rig_create_2d(rig, 1, W, H));
	check(rig_attach(rig, 1, RIG_GPA, SIZE));
	check(rig_set_scanout(rig, 0, 1, W, H));
	check(rig_create_blob(rig, 2, SIZE, RIG_GPA));
	check(rig_set_scanout_blob(rig, 1, 2, W, H));
	check_held(rig, rig_flush(rig, 1, W, H, 1));
	check_held(rig, rig_flush(rig, 2, W, H, 0));
	check_held(rig, rig_flush(rig, 2, W, H, 2));
	struct virtio_gpu_resource_unref wire =
		wire_id(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 2, 3);
	check_held(rig, rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), sizeof(wire.hdr)));
	check(rig_attach(rig, 2, RIG_GPA + SIZE, SIZE));
	wire = wire_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 2, 4);
	check_held(rig, rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), sizeof(wire.hdr)));
	gp_gpu_drain(rig->gpu, GP_GPU_QUEUE_CONTROL);
	for (size_t i = 0; i < RIG_HEADS; i++) {
		assert_false(rig->replies[i].in_flight);
	}
}

static void test_every_allocation(void **state) {
	unsigned n = 0;
	do {
		struct rig *rig = rig_create(2);
		rig->around = around;
		seen = 0;
		failing = ++n;
		session(rig);
		rig->around = NULL;
		rig_destroy(rig);
	} while (seen >= failing);
	assert_true(n > 10);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_allocation),
	};
	gp_log_init("test", GP_LOG_SILENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
