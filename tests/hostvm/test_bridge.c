/*
 * The bridge with a device's memory: this process has the device and is the VMM, so the bridge has
 * to find the device in it (A2). The compositor composes with the CPU and refuses such memory (B6).
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"
#include "tests/hostvm/vfio_host.h"

#define PAGE 4096u
#define PAGES ((uint32_t)(SIZE / PAGE))
#define CYCLES 1000

struct assigned_vm {
	struct vm vm;
	struct vfio_host device;
	uint64_t gpas[PAGES]; // of the picture's pages: in the BAR, from the last to the first
};

static void start_with(
	struct assigned_vm *assigned_vm, struct host *host, const char *const *args) {
	assert_true(vfio_host_find(&assigned_vm->device, 0));
	assert_true(vfio_host_open(&assigned_vm->device));
	assert_true(host_start_compositor(host, 1, W, H, NULL));
	vm_start(&assigned_vm->vm, host, 0, args);
	for (uint32_t i = 0; i < PAGES; i++) {
		assigned_vm->gpas[i] =
			assigned_vm->device.bar_gpa + (uint64_t)(PAGES - 1 - i) * PAGE;
	}
}

static void start(struct assigned_vm *assigned_vm, struct host *host) {
	start_with(assigned_vm, host, NULL);
}

static void paint(const struct assigned_vm *assigned_vm, uint32_t color) {
	uint32_t *pixels = (uint32_t *)assigned_vm->device.bar;
	for (uint64_t i = 0; i < SIZE / 4; i++) {
		pixels[i] = color;
	}
}

static void create(struct assigned_vm *assigned_vm, uint32_t id) {
	assert_int_equal(
		gg_create_blob_pages(&assigned_vm->vm.fe, id, SIZE, assigned_vm->gpas, PAGES), OK);
}

static void finish(struct assigned_vm *assigned_vm) {
	vm_finish(&assigned_vm->vm);
	vfio_host_close(&assigned_vm->device);
}

static void test_pages(struct host *host) {
	struct assigned_vm assigned_vm;
	struct vm *vm = &assigned_vm.vm;
	start(&assigned_vm, host);
	assert_string_equal(host_status_string(vm->bridge, "devices.0.pci"), "");
	for (uint32_t i = 0; i < SIZE / 4; i++) {
		uint32_t color = vm_pattern(i % W, i / W), page = PAGES - 1 - i * 4 / PAGE;
		memcpy(assigned_vm.device.bar + page * PAGE + i * 4 % PAGE, &color, sizeof(color));
	}
	create(&assigned_vm, 1);
	vm_show(vm, 0, 1);
	vm_assert_pattern(vm, OUTPUT, 0, 0);

	assert_string_equal(
		host_status_string(vm->bridge, "devices.0.pci"), assigned_vm.device.pci);
	assert_string_equal(host_status_string(vm->bridge, "scanouts.0.exporter"), "copy");
	assert_non_null(strstr(host_status_string(vm->bridge, "scanouts.0.reason"),
		"the compositor refused vfio"));
	assert_int_equal(vm_counter(vm, "imports_failed"), 1);
	paint(&assigned_vm, GREEN);
	vm_flush(vm, 1, 0, 0, W, H);
	vm_assert_color(vm, OUTPUT, GREEN);
	/* It is known by now that it is no use. */
	create(&assigned_vm, 2);
	vm_show(vm, 0, 2);
	assert_int_equal(vm_counter(vm, "imports_failed"), 1);
	finish(&assigned_vm);
}

/* B5, B8: reading it faults, then the BAR is gone; new backing is shown without a new SET_SCANOUT. */
static void test_decode(struct host *host) {
	struct assigned_vm assigned_vm;
	struct vm *vm = &assigned_vm.vm;
	start(&assigned_vm, host);
	paint(&assigned_vm, RED);
	create(&assigned_vm, 1);
	vm_show(vm, 0, 1);
	vm_assert_color(vm, OUTPUT, RED);
	vfio_host_set_decode(&assigned_vm.device, false);
	vm_flush(vm, 1, 0, 0, W, H);
	vm_flush(vm, 1, 0, 0, W, H);
	assert_true(vm_counter(vm, "memory_faults") > 0);
	vfio_host_set_decode(&assigned_vm.device, true);
	paint(&assigned_vm, BLUE);
	assert_int_equal(gg_detach(&vm->fe, 1), OK);
	assert_int_equal(gg_attach_pages(&vm->fe, 1, assigned_vm.gpas, PAGES), OK);
	vm_flush(vm, 1, 0, 0, W, H);
	vm_assert_color(vm, OUTPUT, BLUE);
	finish(&assigned_vm);
}

/* The VMM lets go of the device, and the bridge with it: it can be opened again. */
static void test_ends(struct host *host) {
	struct assigned_vm assigned_vm;
	start(&assigned_vm, host);
	paint(&assigned_vm, RED);
	create(&assigned_vm, 1);
	vm_show(&assigned_vm.vm, 0, 1);
	vm_assert_color(&assigned_vm.vm, OUTPUT, RED);
	vm_disconnect(&assigned_vm.vm);
	assert_true(host_wait_string(assigned_vm.vm.bridge, "vmm", "waiting", WAIT_MS));
	assert_string_equal(host_status_string(assigned_vm.vm.bridge, "devices.0.pci"), "");
	vfio_host_close(&assigned_vm.device);
	assert_true(vfio_host_open(&assigned_vm.device));
	finish(&assigned_vm);
}

/* B12. */
static void test_cycles(struct host *host) {
	struct assigned_vm assigned_vm;
	struct vm *vm = &assigned_vm.vm;
	unsigned fds = 0;
	start(&assigned_vm, host);
	paint(&assigned_vm, RED);
	create(&assigned_vm, 1);
	vm_show(vm, 0, 1);
	for (int i = 0; i < CYCLES; i++) {
		if (i == 20) {
			fds = host_count_fds(vm_worker(vm));
		}
		create(&assigned_vm, 2);
		if (i % 10 == 0) {
			vm_show(vm, 0, 2);
		}
		assert_int_equal(gg_detach(&vm->fe, 2), OK);
		assert_int_equal(gg_attach_pages(&vm->fe, 2, assigned_vm.gpas, PAGES), OK);
		if (i % 10 == 0) {
			vm_flush(vm, 2, 0, 0, W, H);
			vm_show(vm, 0, 1);
		}
		assert_int_equal(gg_unref(&vm->fe, 2), OK);
	}
	assert_true(host_wait_fds(vm_worker(vm), fds, WAIT_MS));
	assert_int_equal(host_status_number(vm->bridge, "resources"), 1);
	finish(&assigned_vm);
}

/* The next worker finds the device again, and the picture in it. */
static void test_crash(struct host *host) {
	struct assigned_vm assigned_vm;
	struct vm *vm = &assigned_vm.vm;
	start(&assigned_vm, host);
	paint(&assigned_vm, RED);
	create(&assigned_vm, 1);
	vm_show(vm, 0, 1);
	vm_assert_color(vm, OUTPUT, RED);
	assert_int_equal(kill((pid_t)host_status_number(vm->bridge, "worker_pid"), SIGSEGV), 0);
	assert_true(host_wait_number(vm->bridge, "counters.restarts", 1, WAIT_MS));
	vm_assert_color(vm, OUTPUT, RED);
	assert_string_equal(
		host_status_string(vm->bridge, "devices.0.pci"), assigned_vm.device.pci);
	paint(&assigned_vm, GREEN);
	vm_flush(vm, 1, 0, 0, W, H);
	vm_assert_color(vm, OUTPUT, GREEN);
	finish(&assigned_vm);
}

static const struct host_case cases[] = {
	{"pages of a BAR", test_pages, 0},
	{"memory decode off and on", test_decode, 0},
	{"the VMM ends", test_ends, 0},
	{"1000 cycles", test_cycles, 0},
	{"a crash of the bridge", test_crash, 0},
};

int main(int argc, char **argv) {
	vm_export = "auto";
	return cases_run(
		"bridge", cases, sizeof(cases) / sizeof(cases[0]), argc > 2 ? argv[2] : NULL);
}
