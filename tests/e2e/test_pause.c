/*
 * C9: a stop of the rings, and what comes after it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"

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
	unsigned fds = host_count_fds(vm_worker(&vm));
	for (unsigned i = 0; i < 5; i++) {
		assert_true(fe_stop(&vm.fe));
		gg_fill(blue.pixels, W, &whole, BLUE);
		assert_true(fe_restart(&vm.fe, false));
		vm_assert_color(&vm, OUTPUT, BLUE); // at once, without a flush
		gg_fill(blue.pixels, W, &whole, GREEN);
		vm_flush(&vm, 2, 0, 0, W, H);
		vm_assert_color(&vm, OUTPUT, GREEN);
	}
	assert_true(host_wait_fds(vm_worker(&vm), fds, WAIT_MS));
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

static const struct host_case cases[] = {
	{"pause and resume", test_pause, 1},
	{"pause, memory rewritten", test_pause_rewritten, 1},
	{"reset", test_reset, 1},
};

int main(int argc, char **argv) {
	return vm_main("pause", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
