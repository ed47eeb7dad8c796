#include "vmm-bridge/vfio/device_memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/log.h"
#include "vmm-bridge/vfio/finder.h"
#include "vmm-bridge/vfio/vfio.h"
#include "vmm-bridge/virtio/guest_memory.h"

/* A VMM that has no VFIO device. */

#define RAM_SIZE 0x10000u

static struct gp_guest_memory memory;
static struct gp_device_memory devices;
static const struct gp_vfio_events events;

static int find_vmm(void *data) {
	return eventfd(0, EFD_CLOEXEC);
}

static int find_device(void *data, uint32_t index, struct gp_vfio_found *found) {
	return 0;
}

static const struct gp_vfio_finder finder = {.find_vmm = find_vmm, .find_device = find_device};

static int setup(void **state) {
	gp_guest_memory_init(&memory);
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, RAM_SIZE), 0);
	assert_int_equal(gp_guest_memory_add(&memory, fd, 0, 0, RAM_SIZE, 0), 0);
	return 0;
}

static int teardown(void **state) {
	gp_device_memory_finish(&devices);
	gp_guest_memory_finish(&memory);
	return 0;
}

static int find(uint64_t gpa) {
	struct gp_extents extents = {0};
	int r = gp_guest_memory_extents(&memory, gpa, 16, &extents);
	gp_extents_finish(&extents);
	return r;
}

static void test_none(void **state) {
	assert_true(gp_device_memory_init(&devices, NULL, NULL, &events, NULL));
	gp_device_memory_serve(&devices, &memory);
	assert_null(memory.resolve);
	gp_device_memory_connect(&devices, true);
	assert_int_equal(find(RAM_SIZE), -EFAULT);
	gp_device_memory_end_turn(&devices);
	gp_device_memory_connect(&devices, false);
}

/* A VM whose guest uses RAM alone is never looked into. */
static void test_look_when_needed(void **state) {
	const struct gp_device_memory_settings settings = {.finder = &finder};
	assert_true(gp_device_memory_init(&devices, NULL, &settings, &events, NULL));
	gp_device_memory_serve(&devices, &memory);
	assert_int_equal(find(RAM_SIZE), -EFAULT); // nobody is there
	assert_false(devices.looked);
	gp_device_memory_connect(&devices, true);
	assert_int_equal(find(0), 0);
	assert_false(devices.looked);
	assert_int_equal(find(RAM_SIZE), -EFAULT);
	assert_true(devices.looked);
	gp_device_memory_connect(&devices, true); // the next VMM
	assert_false(devices.looked);
	gp_device_memory_connect(&devices, false);
	assert_int_equal(gp_vfio_count(devices.vfio), 0);
}

/* A VMM that the user named is looked into at once. */
static void test_early(void **state) {
	const struct gp_device_memory_settings settings = {.finder = &finder, .early = true};
	assert_true(gp_device_memory_init(&devices, NULL, &settings, &events, NULL));
	gp_device_memory_connect(&devices, true);
	assert_true(devices.looked);
}

static void test_bad_settings(void **state) {
	struct gp_vfio_found passed = {.fd = memfd_create("no device", MFD_CLOEXEC)};
	struct gp_device_memory_settings settings = {.passed = &passed, .n_passed = 1};
	assert_false(gp_device_memory_init(&devices, NULL, &settings, &events, NULL));
	assert_int_equal(passed.fd, -1);
	gp_device_memory_finish(&devices);
	settings = (struct gp_device_memory_settings){.address = "no address"};
	assert_false(gp_device_memory_init(&devices, NULL, &settings, &events, NULL));
}

/* Detached device memory is a reason to look; RAM is none. */
static void test_detached(void **state) {
	const struct gp_device_memory_settings settings = {.finder = &finder};
	struct gp_memory_object device = {.refs = 1, .kind = GP_MEMORY_VFIO, .fd = -1};
	struct gp_extents extents = {0};
	assert_true(gp_device_memory_init(&devices, NULL, &settings, &events, NULL));
	assert_true(gp_extents_append(&extents, memory.regions[0], 0, 16));
	gp_device_memory_detached(&devices, &extents);
	assert_false(devices.changed);
	assert_true(gp_extents_append(&extents, &device, 0, 16));
	gp_device_memory_detached(&devices, &extents);
	assert_true(devices.changed);
	gp_extents_finish(&extents);
	gp_device_memory_end_turn(&devices);
	assert_false(devices.changed);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_none),
		TEST(test_look_when_needed),
		TEST(test_early),
		TEST(test_bad_settings),
		TEST(test_detached),
	};
	gp_log_init("test", GP_LOG_SILENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
