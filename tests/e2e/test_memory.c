/*
 * Memory that comes and goes, and what is used up of it and of descriptors.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "tests/e2e/vm.h"

static const struct gp_rect whole = {0, 0, W, H};

/* A1: memory that goes takes its picture along before the VMM is told that it may. */
static void test_region_removed(struct host *host) {
	struct vm vm;
	struct gg_blob blue;
	const uint64_t gpa = 1ull << 32, uva = 0x7e0000000000, size = 4u << 20;
	static uint64_t pages[SIZE / 4096];
	vm_start(&vm, host, 0, NULL);
	int fd = gp_memfd_create_sealed("hotplug", size);
	assert_true(fd >= 0);
	uint32_t *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(pixels != MAP_FAILED);
	unsigned fds = host_count_fds(vm_worker(&vm));
	for (unsigned round = 0; round < 3; round++) {
		assert_true(fe_add_region(&vm.fe, fd, gpa, size, uva, 0));
		for (uint32_t i = 0; i < SIZE / 4096; i++) {
			pages[i] = gpa + i * 4096;
		}
		assert_int_equal(gg_create_blob_pages(&vm.fe, 1, SIZE, pages, SIZE / 4096), OK);
		gg_fill(pixels, W, &whole, RED);
		vm_show(&vm, 0, 1);
		vm_assert_color(&vm, OUTPUT, RED);

		assert_true(fe_remove_region(&vm.fe, gpa, size, uva));
		gg_fill(pixels, W, &whole, GREEN);
		vm_assert_status_screen(&vm, OUTPUT, RED);
		assert_false(picture_has(&vm.picture, GREEN));
		/* The guest goes on using what it has no more. Nothing breaks. */
		gg_flush(&vm.fe, 1, &whole, true);
		vm_assert_status_screen(&vm, OUTPUT, GREEN);
		gg_unref(&vm.fe, 1);
		vm_show_new(&vm, &blue, 10 + round, BLUE);
		assert_int_equal(gg_unref(&vm.fe, 10 + round), OK);
	}
	assert_true(host_wait_fds(vm_worker(&vm), fds, WAIT_MS));
	munmap(pixels, size);
	close(fd);
	vm_finish(&vm);
}

/* B13: the pixels of a 2D resource are the host's: they stay when its backing is removed. */
static void test_region_removed_2d(struct host *host) {
	struct vm vm;
	const uint64_t gpa = 1ull << 32, uva = 0x7e0000000000, size = 4u << 20;
	vm_start(&vm, host, 0, NULL);
	int fd = gp_memfd_create_sealed("hotplug", size);
	assert_true(fd >= 0);
	uint32_t *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(pixels != MAP_FAILED);
	assert_true(fe_add_region(&vm.fe, fd, gpa, size, uva, 0));
	assert_int_equal(gg_create_2d(&vm.fe, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H), OK);
	assert_int_equal(gg_attach(&vm.fe, 1, gpa, SIZE), OK);
	gg_fill(pixels, W, &whole, RED);
	assert_int_equal(gg_transfer(&vm.fe, 1, &whole, 0), OK);
	assert_int_equal(gg_set_scanout(&vm.fe, 0, 1, &whole), OK);
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_color(&vm, OUTPUT, RED);

	int64_t commits = vm_counter(&vm, "commits");
	assert_true(fe_remove_region(&vm.fe, gpa, size, uva));
	gg_fill(pixels, W, &whole, GREEN);
	host_sleep_ms(300);
	vm_assert_color(&vm, OUTPUT, RED);
	assert_int_equal(vm_counter(&vm, "commits"), commits);

	/* And when it comes back the guest need not attach it again. */
	assert_true(fe_add_region(&vm.fe, fd, gpa, size, uva, 0));
	assert_int_equal(gg_transfer(&vm.fe, 1, &whole, 0), OK);
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_color(&vm, OUTPUT, GREEN);
	munmap(pixels, size);
	close(fd);
	vm_finish(&vm);
}

/* B13: QEMU moves RAM, and the guest does not know. */
static void test_region_returns(struct host *host) {
	struct vm vm;
	const uint64_t gpa = 1ull << 32, uva = 0x7e0000000000, size = 4u << 20;
	static uint64_t pages[SIZE / 4096];
	vm_start(&vm, host, 0, NULL);
	int fd = gp_memfd_create_sealed("hotplug", size);
	assert_true(fd >= 0);
	uint32_t *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(pixels != MAP_FAILED);
	assert_true(fe_add_region(&vm.fe, fd, gpa, size, uva, 0));
	for (uint32_t i = 0; i < SIZE / 4096; i++) {
		pages[i] = gpa + i * 4096;
	}
	assert_int_equal(gg_create_blob_pages(&vm.fe, 1, SIZE, pages, SIZE / 4096), OK);
	gg_fill(pixels, W, &whole, RED);
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, OUTPUT, RED);
	unsigned fds = host_count_fds(vm_worker(&vm));
	for (unsigned round = 0; round < 3; round++) {
		assert_true(fe_remove_region(&vm.fe, gpa, size, uva));
		vm_assert_status_screen(&vm, OUTPUT, RED);
		assert_true(fe_add_region(&vm.fe, fd, gpa, size, uva, 0));
		vm_assert_color(&vm, OUTPUT, RED);
	}
	gg_fill(pixels, W, &whole, GREEN);
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_color(&vm, OUTPUT, GREEN);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 1, W, H), OK);
	assert_true(host_wait_fds(vm_worker(&vm), fds, WAIT_MS));
	munmap(pixels, size);
	close(fd);
	vm_finish(&vm);
}

/* A3: one picture in two regions that are neighbours, or that are not. */
static void test_two_regions(struct host *host) {
	struct vm vm;
	const uint64_t gpa = 1ull << 32, uva = 0x7e0000000000, size = 4u << 20;
	const uint32_t half = SIZE / 4096 / 2;
	static uint64_t pages[SIZE / 4096];
	vm_start(&vm, host, 0, NULL);
	int fd = gp_memfd_create_sealed("hotplug", size);
	assert_true(fd >= 0);
	uint32_t *pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(pixels != MAP_FAILED);
	assert_true(fe_add_region(&vm.fe, fd, gpa, size, uva, 0));
	uint64_t base = fe_alloc(&vm.fe, SIZE);
	gg_fill(fe_ptr(&vm.fe, base), W, &whole, BLUE);
	gg_fill(pixels, W, &whole, BLUE);
	for (uint32_t i = 0; i < SIZE / 4096; i++) {
		pages[i] = i < half ? base + i * 4096 : gpa + i * 4096;
	}
	assert_int_equal(gg_create_blob_pages(&vm.fe, 1, SIZE, pages, SIZE / 4096), OK);
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, OUTPUT, BLUE);
	munmap(pixels, size);
	close(fd);
	vm_finish(&vm);
}

/* B12: nothing of the host is used up by what the guest does. */
static void test_fds(struct host *host) {
	struct vm vm;
	struct gg_blob shown;
	static uint64_t pages[SIZE / 4096];
	unsigned bridge = 0, compositor = 0;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &shown, 1, RED);
	uint64_t base = fe_alloc(&vm.fe, SIZE);
	for (uint32_t i = 0; i < SIZE / 4096; i++) {
		pages[i] = base + i * 4096;
	}
	for (unsigned i = 0; i < 210; i++) {
		assert_int_equal(gg_create_blob_pages(&vm.fe, 2, SIZE, pages, SIZE / 4096), OK);
		vm_show(&vm, 0, 2);
		if (i & 1) {
			assert_int_equal(gg_detach(&vm.fe, 2), OK);
		}
		if (i & 2) {
			vm_show(&vm, 0, 1);
		}
		assert_int_equal(gg_unref(&vm.fe, 2), OK);
		if (i == 9) {
			vm_show(&vm, 0, 1);
			vm_assert_color(&vm, OUTPUT, RED);
			bridge = host_count_fds(vm_worker(&vm));
			compositor = host_count_fds(&host->compositor);
		}
	}
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, OUTPUT, RED);
	printf("# bridge %u, compositor %u descriptors\n", bridge, compositor);
	assert_true(host_wait_fds(vm_worker(&vm), bridge, WAIT_MS));
	assert_true(host_wait_fds(&host->compositor, compositor, WAIT_MS));

	/* Machines come and go. */
	vm_disconnect(&vm);
	assert_true(host_wait_string(vm.bridge, "vmm", "waiting", WAIT_MS));
	bridge = host_count_fds(vm_worker(&vm));
	for (unsigned i = 0; i < 10; i++) {
		vm_connect(&vm);
		vm_blob(&vm, &shown, 1, RED);
		vm_show(&vm, 0, 1);
		vm_disconnect(&vm);
	}
	assert_true(host_wait_string(vm.bridge, "vmm", "waiting", WAIT_MS));
	vm_assert_status_screen(&vm, OUTPUT, RED);
	assert_true(host_wait_fds(vm_worker(&vm), bridge, WAIT_MS));
	vm_finish(&vm);
}

/* A descriptor for each 2D resource: the guest must not use up those that memory comes with. */
static void test_many_resources(struct host *host) {
	struct vm vm;
	struct gg_blob shown;
	struct rlimit limit, low;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = 1024; // where a login starts
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	vm_start(&vm, host, 0, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (uint32_t id = 2; id < 1200; id++) {
		assert_int_equal(
			gg_create_2d(&vm.fe, id, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1, 1), OK);
	}
	int memory = gp_memfd_create_sealed("test", 4096);
	assert_true(fe_add_region(&vm.fe, memory, 1ull << 32, 4096, 0x6e0000000000, 0));
	gp_fd_close(&memory);
	vm_show_new(&vm, &shown, 1, RED);
	vm_finish(&vm);
}

static const struct host_case cases[] = {
	{"region removed", test_region_removed, 1},
	{"region of a 2D resource removed", test_region_removed_2d, 1},
	{"region returns", test_region_returns, 1},
	{"two regions", test_two_regions, 1},
	{"many resources", test_many_resources, 1},
	{"descriptors", test_fds, 1},
};

int main(int argc, char **argv) {
	return vm_main("memory", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
