/*
 * Beginnings and ends of the VM, the bridge and the compositor, and what holds between them.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"

#define BACKEND_CONFIG_CHANGE 2 // VHOST_USER_BACKEND_CONFIG_CHANGE_MSG

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

/* D5: nothing is done for a guest that does nothing. */
static void test_idle(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	host_sleep_ms(300);
	int64_t commits = vm_counter(&vm, "commits");
	uint64_t bridge = host_count_wakeups(vm_worker(&vm));
	uint64_t compositor = host_count_wakeups(&host->compositor);
	host_sleep_ms(2000);
	bridge = host_count_wakeups(vm_worker(&vm)) - bridge;
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
	{"VMM gone", test_vmm_gone, 1},
	{"bridge killed", test_bridge_killed, 1},
	{"compositor killed", test_compositor_killed, 1},
	{"renderer lost", test_renderer_lost, 0},
	{"frames refused", test_frames_refused, 0},
	{"confined", test_confined, 1},
	{"compositor stopped", test_compositor_stopped, 1},
	{"compositor comes late", test_compositor_late, 0},
	{"monitor", test_monitor, 0},
	{"option --mode", test_mode_option, 1},
	{"heads", test_heads, 2},
	{"idle", test_idle, 1},
	{"guestpanectl", test_ctl, 1},
};

int main(int argc, char **argv) {
	return vm_main("life", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
