/*
 * The bridge is to end while a VMM is connected, which might not survive that: its keeper stays, and
 * another bridge takes over from it, or from one that works.
 */

#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"
#include "tests/harness/gpu_wire.h"
#include "vmm-bridge/vhost/message.h"

static const struct gp_rect whole = {0, 0, W, H};
static const char *const lingering[] = {"--linger", "60", NULL};

static void terminate(const struct program *program) {
	assert_int_equal(pidfd_send_signal(program->pidfd, SIGTERM, NULL, 0), 0);
}

/* The bridge stays as a stub: its worker has ended, and the compositor has lost it. */
static void end_worker(struct vm *vm, uint32_t shown) {
	terminate(vm->bridge);
	vm_assert_status_screen(vm, OUTPUT, shown);
	host_sleep_ms(100);
	assert_true(host_alive(vm->bridge));
}

static bool log_has(const struct program *program, const char *text) {
	char line[512];
	bool found = false;
	FILE *file = fopen(program->log, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		found |= strstr(line, text) != NULL;
	}
	fclose(file);
	return found;
}

/* Another bridge at the same socket; the first one ends, and is no longer the VM's. */
static void take_over(struct vm *vm, struct host *host) {
	struct program *old = vm->bridge;
	assert_true(host_start_bridge(host, 1,
		(const char *[]){"--export", vm_export, "--socket-path", host->vhost_sockets[0],
			"--name", "vm0", NULL}));
	assert_true(program_ended_within(old, WAIT_MS));
	assert_int_equal(host_stop(old), 0);
	vm->bridge = &host->bridges[1];
	assert_true(host_wait_string(vm->bridge, "display", "connected", WAIT_MS));
}

/* The picture that an earlier bridge has shown, and the guest goes on. */
static void assert_goes_on(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t color) {
	vm_assert_color(vm, OUTPUT, color);
	assert_int_equal(host_status_number(vm->bridge, "resources"), 1);
	gg_fill(blob->pixels, W, &whole, GREEN);
	vm_flush(vm, id, 0, 0, W, H);
	vm_assert_color(vm, OUTPUT, GREEN);
	assert_int_equal(vm_counter(vm, "guest_errors"), 0);
}

/* All that a VMM may ask gets a reply, until it ends, and so does the bridge. */
static void test_stub(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	uint64_t value;
	uint32_t config[4], state[2];
	vm_start(&vm, host, 0, lingering);
	vm_show_new(&vm, &red, 1, RED);
	end_worker(&vm, RED);
	assert_true(log_has(vm.bridge, "for 60 seconds at most"));
	assert_true(fe_get_u64(&vm.fe, GP_VHOST_GET_FEATURES, &value));
	assert_true((value & 1ull << VIRTIO_GPU_F_RESOURCE_BLOB) != 0);
	assert_true((value & 1ull << VIRTIO_F_VERSION_1) != 0);
	assert_true(fe_get_u64(&vm.fe, GP_VHOST_GET_PROTOCOL_FEATURES, &value));
	assert_true((value & 1ull << 9) != 0);
	assert_true(fe_get_u64(&vm.fe, GP_VHOST_GET_QUEUE_NUM, &value));
	assert_int_equal(value, 2);
	assert_true(fe_get_u64(&vm.fe, GP_VHOST_GET_MAX_MEM_SLOTS, &value));
	assert_true(fe_get_config(&vm.fe, 0, sizeof(config), config));
	assert_int_equal(config[2], 1); // num_scanouts
	const uint32_t no_queue[] = {7, 0};
	assert_int_equal(
		fe_send_ack(&vm.fe, GP_VHOST_SET_VRING_ENABLE, (uint32_t[]){0, 0}, 8, NULL, 0), 0);
	assert_true(fe_send(
		&vm.fe, GP_VHOST_GET_VRING_BASE, GP_VHOST_VERSION, (uint32_t[]){0, 0}, 8, NULL, 0));
	assert_int_equal(
		fe_reply(&vm.fe, GP_VHOST_GET_VRING_BASE, state, sizeof(state), WAIT_MS), 8);
	assert_int_equal(state[0], 0);
	assert_true(state[1] > 0); // the commands so far
	assert_int_equal(fe_send_ack(&vm.fe, 99, no_queue, sizeof(no_queue), NULL, 0), 1);
	assert_int_equal(fe_send_ack(&vm.fe, GP_VHOST_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	assert_true(host_alive(vm.bridge));
	assert_true(access(host->vhost_sockets[0], F_OK) != 0); // nobody else is to connect
	vm_disconnect(&vm);
	assert_true(program_ended_within(vm.bridge, WAIT_MS));
	assert_int_equal(host_stop(vm.bridge), 0);
	char path[128];
	snprintf(path, sizeof(path), "%s.keeper", host->vhost_sockets[0]);
	assert_true(access(path, F_OK) != 0);
	vm_finish(&vm);
}

static void test_limit(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, (const char *[]){"--linger", "1", NULL});
	vm_show_new(&vm, &red, 1, RED);
	end_worker(&vm, RED);
	assert_true(program_ended_within(vm.bridge, WAIT_MS));
	assert_true(log_has(vm.bridge, "ended while a VM is connected"));
	assert_int_equal(host_stop(vm.bridge), 0);
	vm_finish(&vm);

	/* Who asks twice means it. */
	vm_start(&vm, host, 0, lingering);
	vm_show_new(&vm, &red, 1, BLUE);
	end_worker(&vm, BLUE);
	terminate(vm.bridge);
	assert_true(program_ended_within(vm.bridge, WAIT_MS));
	assert_int_equal(host_stop(vm.bridge), 0);
	vm_finish(&vm);
}

static void test_after_stub(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, lingering);
	vm_show_new(&vm, &red, 1, RED);
	end_worker(&vm, RED);
	take_over(&vm, host);
	assert_goes_on(&vm, &red, 1, RED);
	vm_finish(&vm);
}

/* An upgrade under a running VM. */
static void test_running(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	take_over(&vm, host);
	assert_goes_on(&vm, &red, 1, RED);
	/* What takes over can crash as well, and serves the next VMM. */
	assert_int_equal(kill(vm_worker(&vm)->pid, SIGSEGV), 0);
	vm_assert_color(&vm, OUTPUT, GREEN);
	vm_disconnect(&vm);
	vm_assert_status_screen(&vm, OUTPUT, GREEN);
	vm_connect(&vm);
	vm_show_new(&vm, &blue, 1, BLUE);
	vm_finish(&vm);
}

static void test_refused(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	char *output;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	const char *const argv[] = {getenv("GUESTPANE_BRIDGE"), "--socket-path",
		host->vhost_sockets[0], "--name", "vm0", "--scanouts", "2", "--display",
		host->bridge_socket, NULL};
	assert_int_equal(host_run(host, argv, &output), 1);
	assert_non_null(strstr(output,
		"does not hand over to this one: its --socket-path, "
		"--input or --scanouts are different"));
	free(output);
	assert_goes_on(&vm, &red, 1, RED);
	vm_finish(&vm);
}

/* C9 over it: the guest stands still or is reset while nobody serves it. */
static void test_stopped(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_start(&vm, host, 0, lingering);
	vm_show_new(&vm, &red, 1, RED);
	end_worker(&vm, RED);
	assert_true(fe_stop(&vm.fe));
	take_over(&vm, host);
	assert_string_equal(host_status_string(vm.bridge, "vmm"), "paused");
	assert_true(fe_restart(&vm.fe, false));
	assert_true(host_wait_string(vm.bridge, "vmm", "running", WAIT_MS));
	assert_goes_on(&vm, &red, 1, RED);
	vm_finish(&vm);
	assert_int_equal(host_stop(vm.bridge), 0);

	vm_start(&vm, host, 0, lingering);
	vm_show_new(&vm, &red, 1, RED);
	end_worker(&vm, RED);
	assert_true(fe_stop(&vm.fe));
	assert_true(fe_restart(&vm.fe, false)); // within the stub's time
	take_over(&vm, host);
	assert_goes_on(&vm, &red, 1, RED);
	vm_finish(&vm);
	assert_int_equal(host_stop(vm.bridge), 0);

	vm_start(&vm, host, 0, lingering);
	vm_show_new(&vm, &red, 1, RED);
	end_worker(&vm, RED);
	assert_true(fe_stop(&vm.fe));
	assert_true(fe_restart(&vm.fe, true)); // a reset
	take_over(&vm, host);
	vm_assert_status_screen(&vm, OUTPUT, RED);
	assert_int_equal(host_status_number(vm.bridge, "resources"), 0);
	vm_show_new(&vm, &blue, 1, BLUE);
	vm_finish(&vm);
}

/* A worker that is asked to end by somebody else than its keeper is not missed. */
static void test_worker_asked(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	assert_int_equal(kill(vm_worker(&vm)->pid, SIGTERM), 0);
	assert_true(host_wait_number(vm.bridge, "counters.restarts", 1, WAIT_MS));
	assert_goes_on(&vm, &red, 1, RED);
	vm_finish(&vm);
}

static const struct host_case cases[] = {
	{"a stub for the VMM", test_stub, 1},
	{"for so long", test_limit, 1},
	{"another takes over from a stub", test_after_stub, 1},
	{"another takes over", test_running, 1},
	{"another that does not fit", test_refused, 1},
	{"pause and reset meanwhile", test_stopped, 1},
	{"a worker that is asked to end", test_worker_asked, 1},
};

int main(int argc, char **argv) {
	return vm_main("stay", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
