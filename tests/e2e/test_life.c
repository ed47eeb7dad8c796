/*
 * Beginnings and ends: of the machine, the bridge, the compositor, and of memory.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "tests/e2e/vm.h"

#define BACKEND_CONFIG_CHANGE 2 // VHOST_USER_BACKEND_CONFIG_CHANGE_MSG

static const struct gp_rect whole = {0, 0, W, H};

/* How much of the picture has the color, in percent. */
static unsigned share(const struct picture *picture, uint32_t color) {
	size_t count = 0, all = (size_t)picture->width * picture->height;
	for (size_t i = 0; i < all; i++) {
		count += picture->pixels[i] == color;
	}
	return (unsigned)(count * 100 / all);
}

/* C9: stopped, and started again where it was: everything is still there. */
static void test_pause(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	int64_t generation = host_status_number(&host->compositor, "guests.0.generation");
	assert_true(fe_stop(&vm.fe));
	assert_true(host_wait_string(vm.bridge, "vmm", "paused", WAIT_MS));
	assert_true(host_wait_string(&host->compositor, "guests.0.state", "paused", WAIT_MS));
	/* D4: for a moment it may be anything; then it is a pause. */
	uint64_t begin = host_now_ms();
	assert_true(host_grab(host, OUTPUT, &vm.picture));
	assert_true(picture_is_flat(&vm.picture) || host_now_ms() > begin + 1500);
	while (picture_is_flat(&vm.picture) && host_now_ms() < begin + WAIT_MS) {
		assert_true(host_grab(host, OUTPUT, &vm.picture));
	}
	printf("# paused: %u %% of the picture as it was\n", share(&vm.picture, RED));
	assert_uint_in_range(share(&vm.picture, RED), 80, 99);

	assert_true(fe_restart(&vm.fe, false));
	assert_true(host_wait_string(vm.bridge, "vmm", "running", WAIT_MS));
	vm_assert_color(&vm, OUTPUT, RED); // nobody has drawn anything
	gg_fill(red.pixels, W, &whole, GREEN);
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_color(&vm, OUTPUT, GREEN);
	vm_blob(&vm, &blue, 2, BLUE);
	vm_show(&vm, 0, 2);
	vm_assert_color(&vm, OUTPUT, BLUE);
	assert_int_equal(host_status_number(&host->compositor, "guests.0.generation"), generation);
	vm_finish(&vm);
}

/* C9: what the guest's memory holds after a stop is nobody's to see: it may have another owner. */
static void test_pause_rewritten(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 2, W, H), OK); // no flush follows
	assert_true(fe_stop(&vm.fe));
	gg_fill(red.pixels, W, &whole, GREEN);
	gg_fill(blue.pixels, W, &whole, GREEN);
	int64_t bytes_copied = vm_counter(&vm, "bytes_copied");
	for (unsigned round = 0; round < 2; round++) {
		host_sleep_ms(200);
		assert_true(host_wait_pixel(host, OUTPUT, 8, 8, RED, WAIT_MS, &vm.picture));
		assert_false(picture_has(&vm.picture, GREEN));
		host_kill(&host->compositor);
		assert_true(host_start_compositor(host, 1, W, H, NULL));
		assert_true(host_wait_string(vm.bridge, "display", "connected", WAIT_MS));
	}
	assert_true(host_wait_pixel(host, OUTPUT, 8, 8, RED, WAIT_MS, &vm.picture));
	assert_false(picture_has(&vm.picture, GREEN));
	assert_string_equal(host_status_string(vm.bridge, "scanouts.0.reason"), "the VM is paused");
	assert_int_equal(vm_counter(&vm, "bytes_copied"), bytes_copied);

	assert_true(fe_restart(&vm.fe, false));
	vm_flush(&vm, 2, 0, 0, W, H);
	vm_assert_color(&vm, OUTPUT, GREEN);
	/* Nor is anything left of it. */
	unsigned fds = host_count_fds(vm.bridge);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(fe_stop(&vm.fe));
		gg_fill(blue.pixels, W, &whole, BLUE);
		assert_true(fe_restart(&vm.fe, false));
		vm_assert_color(&vm, OUTPUT, BLUE); // at once, without a flush
		gg_fill(blue.pixels, W, &whole, GREEN);
		vm_flush(&vm, 2, 0, 0, W, H);
		vm_assert_color(&vm, OUTPUT, GREEN);
	}
	assert_true(host_wait_fds(vm.bridge, fds, WAIT_MS));
	vm_finish(&vm);
}

/* C9: started again at index 0: another life, and nothing of the old one is shown. */
static void test_reset(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	int64_t generation = host_status_number(&host->compositor, "guests.0.generation");
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(fe_stop(&vm.fe));
		assert_true(fe_restart(&vm.fe, true));
		vm_assert_status_screen(&vm, OUTPUT, i == 1 ? RED : BLUE);
		assert_int_equal(host_status_number(&host->compositor, "guests.0.generation"),
			generation + i);
		/* The resources are gone: their ids are free. */
		vm_show_new(&vm, &blue, 1, BLUE);
	}
	vm_finish(&vm);
}

static void test_vmm_gone(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	vm_disconnect(&vm);
	vm_assert_status_screen(&vm, OUTPUT, RED);
	vm_connect(&vm);
	vm_assert_status_screen(&vm, OUTPUT, RED);
	vm_show_new(&vm, &blue, 1, BLUE);
	/* It dies while something is in flight. */
	struct virtio_gpu_resource_flush flush = {
		.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH,
			.flags = VIRTIO_GPU_FLAG_FENCE,
			.fence_id = 77},
		.r = {.width = W, .height = H},
		.resource_id = 1,
	};
	for (unsigned i = 0; i < 8; i++) {
		assert_true(gg_send(&vm.fe, &flush, sizeof(flush)) >= 0);
	}
	vm_disconnect(&vm);
	vm_assert_status_screen(&vm, OUTPUT, BLUE);
	vm_connect(&vm);
	vm_show_new(&vm, &red, 1, RED);
	vm_finish(&vm);
}

static void test_bridge_killed(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	host_kill(vm.bridge);
	vm_assert_status_screen(&vm, OUTPUT, RED);
	vm_finish(&vm);
	/* Its socket is stale now; the next one takes its place. */
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, BLUE);
	vm_finish(&vm);
}

static void flip_for(struct vm *vm, unsigned ms, unsigned *flips) {
	uint64_t end = host_now_ms() + ms;
	while (host_now_ms() < end) {
		vm_show(vm, 0, 1 + ++*flips % 2);
	}
}

/* The guest goes on without a compositor, and a new one shows what there is. */
static void test_compositor_killed(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	unsigned flips = 0;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	vm_show_new(&vm, &blue, 2, BLUE);
	for (unsigned round = 0; round < 3; round++) {
		flip_for(&vm, 300, &flips);
		host_kill(&host->compositor);
		unsigned before = flips;
		flip_for(&vm, 1000, &flips);
		printf("# %u flips in a second without compositor\n", flips - before);
		assert_true(flips - before >= 10);
		assert_true(flips - before <= 66); // C3 (c): still at the mode's rate
		assert_true(host_start_compositor(host, 1, W, H, NULL));
		vm_assert_color(&vm, OUTPUT, flips % 2 ? BLUE : RED);
	}
	assert_true(vm_counter(&vm, "display_connections") >= 4);
	vm_finish(&vm);
}

static unsigned count_in_log(const struct program *program, const char *words) {
	char line[512];
	unsigned count = 0;
	FILE *file = fopen(program->log, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		count += strstr(line, words) != NULL;
	}
	fclose(file);
	return count;
}

/* D12: after a reset of the GPU it ends, for the service to start it again. */
static void test_renderer_lost(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_load_faults(host);
	assert_true(host_start_compositor(host, 1, W, H, NULL));
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	vm_set_fault(host, "renderer-lost", true);
	vm_show(&vm, 0, 2);
	for (uint64_t end = host_now_ms() + WAIT_MS;
		host_alive(&host->compositor) && host_now_ms() < end;) {
		host_sleep_ms(10);
	}
	assert_false(host_alive(&host->compositor));
	assert_int_equal(host_stop(&host->compositor), 1);
	assert_int_equal(count_in_log(&host->compositor, " E the GPU was reset"), 1);
	assert_true(host_start_compositor(host, 1, W, H, NULL));
	vm_assert_color(&vm, OUTPUT, BLUE);
	vm_finish(&vm);
}

/* E1: an output that refuses frames is reported, and not with each of them. */
static void test_frames_refused(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_load_faults(host);
	assert_true(host_start_compositor(host, 1, W, H, NULL));
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	assert_int_equal(count_in_log(&host->compositor, "a frame cannot be committed"), 0);
	vm_set_fault(host, "no-commit", true);
	for (unsigned i = 0; i < 20; i++) {
		vm_show(&vm, 0, 1 + i % 2);
	}
	unsigned lines = count_in_log(&host->compositor, " W output " OUTPUT ": a frame cannot be");
	assert_uint_in_range(lines, 1, 5);
	vm_set_fault(host, "no-commit", false);
	vm_show(&vm, 0, 1);
	vm_show(&vm, 0, 2);
	vm_assert_color(&vm, OUTPUT, BLUE);
	vm_finish(&vm);
}

/* With all given up that can be, the bridge finds another compositor and another VMM, and ends well. */
static void test_confined(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, (const char *[]){"--vfio", "none", NULL});
	vm_show_new(&vm, &red, 1, RED);
	host_kill(&host->compositor);
	assert_true(host_start_compositor(host, 1, W, H, NULL));
	vm_assert_color(&vm, OUTPUT, RED);
	vm_disconnect(&vm);
	vm_connect(&vm);
	vm_show_new(&vm, &red, 1, BLUE);
	vm_disconnect(&vm);
	assert_int_equal(access(host->vhost_sockets[0], F_OK), 0);
	assert_int_equal(host_stop(vm.bridge), 0);
	assert_int_not_equal(access(host->vhost_sockets[0], F_OK), 0);
	assert_int_not_equal(access(vm.bridge->control, F_OK), 0);
	vm_finish(&vm);
}

/* Is the compositor not waited for, and nothing kept for it without bound? */
static void test_compositor_stopped(struct host *host) {
	struct vm vm;
	struct gg_blob red, other;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	vm_blob(&vm, &other, 2, BLUE);
	kill(host->compositor.pid, SIGSTOP);
	/* Each round has memory revoked: not one of them may put the limit of the others off. */
	for (unsigned round = 0; round < 8; round++) {
		assert_int_equal(gg_create_blob_pages(&vm.fe, 3, 4096 * 4,
					 (uint64_t[]){other.gpa, other.gpa + 4096, other.gpa + 8192,
						 other.gpa + 12288},
					 4),
			OK);
		assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 3, 64, 64), OK);
		vm_flush(&vm, 3, 0, 0, 64, 64);
		uint64_t start_ms = host_now_ms();
		assert_int_equal(gg_unref(&vm.fe, 3), OK);
		assert_true(host_now_ms() - start_ms <= 250); // 50 (B9), and a loaded host
		host_sleep_ms(250);
	}
	assert_true(host_wait_string(vm.bridge, "display", "waiting", 100));
	kill(host->compositor.pid, SIGCONT);
	assert_true(host_wait_string(vm.bridge, "display", "connected", WAIT_MS));
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, OUTPUT, RED);

	/* A cursor that goes on moving must not fill the bridge's memory: one request per turn. */
	kill(host->compositor.pid, SIGSTOP);
	struct virtio_gpu_update_cursor move = {.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR};
	for (unsigned i = 0; i < 2000; i++) {
		for (unsigned j = 0; j < 100; j++) {
			assert_true(fe_submit(&vm.fe, 1, &move, sizeof(move), 0) >= 0);
		}
		for (unsigned j = 0; j < 100; j++) {
			assert_true(fe_wait_used(&vm.fe, 1, NULL, 0, NULL, WAIT_MS) >= 0);
		}
	}
	kill(host->compositor.pid, SIGCONT);
	vm_assert_color(&vm, OUTPUT, RED);
	vm_finish(&vm);
}

static void test_compositor_late(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &red, 1, RED);
	vm_show(&vm, 0, 1);
	assert_true(host_start_compositor(host, 1, W, H, NULL));
	vm_assert_color(&vm, OUTPUT, RED);
	vm_finish(&vm);
}

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
	unsigned fds = host_count_fds(vm.bridge);
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
	assert_true(host_wait_fds(vm.bridge, fds, WAIT_MS));
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
	unsigned fds = host_count_fds(vm.bridge);
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
	assert_true(host_wait_fds(vm.bridge, fds, WAIT_MS));
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

static uint32_t config_u32(struct vm *vm, uint32_t offset) {
	uint32_t value = 0;
	assert_true(fe_get_config(&vm->fe, offset, sizeof(value), &value));
	return value;
}

/* Reads back channel messages until the config change, for as long as one can be on its way. */
static void expect_config_change(struct vm *vm) {
	int message = fe_backend_message(&vm->fe, WAIT_MS);
	assert_int_equal(message, BACKEND_CONFIG_CHANGE);
	assert_true(config_u32(vm, offsetof(struct virtio_gpu_config, events_read)) &
		VIRTIO_GPU_EVENT_DISPLAY);
}

/* C6: the monitor of the compositor is the monitor of the guest. */
static void test_monitor(struct host *host) {
	struct vm vm;
	uint32_t width, height;
	assert_true(host_start_compositor(host, 1, 800, 600, NULL));
	vm_start(&vm, host, 0, NULL);
	assert_true(host_wait_string(vm.bridge, "scanouts.0.mode", "800x600@60.00", WAIT_MS));
	assert_true(vm_display_info(&vm, 0, &width, &height));
	assert_int_equal(width, 800);
	assert_int_equal(height, 600);
	vm_edid_size(&vm, 0, &width, &height);
	assert_int_equal(width, 800);
	assert_int_equal(height, 600);
	while (fe_backend_message(&vm.fe, 0) >= 0) {
	}

	/* Another monitor. */
	host_kill(&host->compositor);
	assert_true(host_start_compositor(host, 1, 1024, 768, NULL));
	expect_config_change(&vm);
	assert_true(host_wait_string(vm.bridge, "scanouts.0.mode", "1024x768@60.00", WAIT_MS));
	assert_true(vm_display_info(&vm, 0, &width, &height));
	assert_int_equal(width, 1024);
	assert_int_equal(height, 768);
	vm_edid_size(&vm, 0, &width, &height);
	assert_int_equal(width, 1024);
	assert_int_equal(height, 768);
	vm_finish(&vm);
}

static void test_mode_option(struct host *host) {
	struct vm vm;
	uint32_t width, height;
	vm_start(&vm, host, 0, (const char *[]){"--mode", "1280x720@50", NULL});
	assert_true(vm_display_info(&vm, 0, &width, &height));
	assert_int_equal(width, 1280);
	assert_int_equal(height, 720);
	vm_edid_size(&vm, 0, &width, &height);
	assert_int_equal(width, 1280);
	assert_int_equal(height, 720);
	assert_string_equal(host_status_string(vm.bridge, "scanouts.0.mode"), "1280x720@50.00");
	vm_finish(&vm);
}

/* A head that has no monitor is not enabled; one that has, is. */
static void test_heads(struct host *host) {
	struct vm vm;
	uint32_t width, height;
	vm_start(&vm, host, 0, (const char *[]){"--scanouts", "3", NULL});
	assert_int_equal(config_u32(&vm, offsetof(struct virtio_gpu_config, num_scanouts)), 3);
	assert_true(host_wait_string(vm.bridge, "scanouts.1.mode", "640x480@60.00", WAIT_MS));
	assert_true(vm_display_info(&vm, 0, &width, &height));
	assert_true(vm_display_info(&vm, 1, &width, &height));
	assert_int_equal(width, W);
	assert_false(vm_display_info(&vm, 2, &width, &height));
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
			bridge = host_count_fds(vm.bridge);
			compositor = host_count_fds(&host->compositor);
		}
	}
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, OUTPUT, RED);
	printf("# bridge %u, compositor %u descriptors\n", bridge, compositor);
	assert_true(host_wait_fds(vm.bridge, bridge, WAIT_MS));
	assert_true(host_wait_fds(&host->compositor, compositor, WAIT_MS));

	/* Machines come and go. */
	vm_disconnect(&vm);
	assert_true(host_wait_string(vm.bridge, "vmm", "waiting", WAIT_MS));
	bridge = host_count_fds(vm.bridge);
	for (unsigned i = 0; i < 10; i++) {
		vm_connect(&vm);
		vm_blob(&vm, &shown, 1, RED);
		vm_show(&vm, 0, 1);
		vm_disconnect(&vm);
	}
	assert_true(host_wait_string(vm.bridge, "vmm", "waiting", WAIT_MS));
	vm_assert_status_screen(&vm, OUTPUT, RED);
	assert_true(host_wait_fds(vm.bridge, bridge, WAIT_MS));
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

/* D5: nothing is done for a guest that does nothing. */
static void test_idle(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	host_sleep_ms(300);
	int64_t commits = vm_counter(&vm, "commits");
	uint64_t bridge = host_count_wakeups(vm.bridge);
	uint64_t compositor = host_count_wakeups(&host->compositor);
	host_sleep_ms(2000);
	bridge = host_count_wakeups(vm.bridge) - bridge;
	compositor = host_count_wakeups(&host->compositor) - compositor;
	printf("# wakeups in 2 s without damage: bridge %ju, compositor %ju\n", (uintmax_t)bridge,
		(uintmax_t)compositor);
	assert_true(bridge <= 3);
	assert_true(compositor <= 3);
	assert_int_equal(vm_counter(&vm, "commits"), commits);
	vm_finish(&vm);
}

/* The program for people says what the socket says. */
static void test_ctl(struct host *host) {
	struct vm vm;
	char *text;
	vm_start(&vm, host, 0, NULL);
	const char *ctl = getenv("GUESTPANECTL");
	assert_non_null(ctl);
	assert_int_equal(host_run(host,
				 (const char *[]){ctl, "--socket", vm.bridge->control, "status",
					 "--json", NULL},
				 &text),
		0);
	assert_non_null(text);
	assert_true(strstr(text, "\"vmm\"") && strstr(text, "vm0"));
	free(text);
	assert_int_equal(
		host_run(host,
			(const char *[]){ctl, "--socket", host->compositor.control, "status", NULL},
			&text),
		0);
	assert_non_null(text);
	assert_non_null(strstr(text, "HEADLESS-1"));
	assert_non_null(strstr(text, "pixman renderer, GPU -, headless backend"));
	free(text);
	assert_int_not_equal(
		host_run(host, (const char *[]){ctl, "--socket", "/nonexistent", "status", NULL},
			&text),
		0);
	free(text);
	vm_finish(&vm);
}

static const struct host_case cases[] = {
	{"pause and resume", test_pause, 1},
	{"pause, memory rewritten", test_pause_rewritten, 1},
	{"reset", test_reset, 1},
	{"VMM gone", test_vmm_gone, 1},
	{"bridge killed", test_bridge_killed, 1},
	{"compositor killed", test_compositor_killed, 1},
	{"renderer lost", test_renderer_lost, 0},
	{"frames refused", test_frames_refused, 0},
	{"confined", test_confined, 1},
	{"compositor stopped", test_compositor_stopped, 1},
	{"compositor comes late", test_compositor_late, 0},
	{"region removed", test_region_removed, 1},
	{"region of a 2D resource removed", test_region_removed_2d, 1},
	{"region returns", test_region_returns, 1},
	{"two regions", test_two_regions, 1},
	{"monitor", test_monitor, 0},
	{"option --mode", test_mode_option, 1},
	{"heads", test_heads, 2},
	{"many resources", test_many_resources, 1},
	{"descriptors", test_fds, 1},
	{"idle", test_idle, 1},
	{"guestpanectl", test_ctl, 1},
};

int main(int argc, char **argv) {
	return vm_main("life", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
