/*
 * D14: who has the keys and the pointer, by what is in front.
 */

#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/e2e/seat_case.h"

/* A key and the pointer still reach the guest that is in front and off. */
static void assert_reached(struct seat_case *c) {
	assert_string_equal(host_status_string(&c->vm.host->compositor, "seat.focus"), "vm0");
	assert_true(fake_seat_key(&c->seat, KEY_B, true));
	input_expect_group(&c->keyboard, EV_KEY, KEY_B, 1);
	assert_true(fake_seat_key(&c->seat, KEY_B, false));
	input_expect_group(&c->keyboard, EV_KEY, KEY_B, 0);
	/* Where it was last, a point is the same. */
	assert_true(fake_seat_point(&c->seat, 100, 50, W, H));
	input_expect_pixel(&c->tablet, 100, 50, W, H);
	assert_true(fake_seat_button(&c->seat, BTN_LEFT, true));
	input_expect_group(&c->tablet, EV_KEY, BTN_LEFT, 1);
	assert_true(fake_seat_button(&c->seat, BTN_LEFT, false));
	input_expect_group(&c->tablet, EV_KEY, BTN_LEFT, 0);
	assert_true(fake_seat_point(&c->seat, 200, 150, W, H));
	input_expect_pixel(&c->tablet, 200, 150, W, H);
}

/* D14: the guest's scanout is off. It keeps the focus, and what is pressed, and can be woken. */
static void test_off(struct host *host) {
	struct seat_case c;
	seat_case_start(&c, host);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	vm_switch_off(&c.vm);
	assert_true(host_wait_string(&host->compositor, "outputs.0.showing", "off", WAIT_MS));
	input_expect_nothing(&c.keyboard);
	assert_reached(&c);
	vm_assert_off(&c.vm, OUTPUT, RED);
	assert_reached(&c);
	vm_show(&c.vm, 0, 1);
	vm_assert_color(&c.vm, OUTPUT, RED);
	input_expect_nothing(&c.keyboard);
	assert_true(fake_seat_key(&c.seat, KEY_A, false));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	seat_case_finish(&c);
}

/* A guest without a picture that the user has chosen: its monitor is where the pointer is. */
static void test_no_picture(struct host *host) {
	struct seat_case c;
	char *text;
	seat_start_compositor(host, 1);
	input_init(&c.keyboard, host, "keyboard", 0);
	input_init(&c.tablet, host, "tablet", 0);
	vm_start(&c.vm, host, 0,
		(const char *[]){"--input", c.keyboard.option, "--input", c.tablet.option, NULL});
	input_start(&c.keyboard, INPUT_BUFFERS);
	input_start(&c.tablet, INPUT_BUFFERS);
	seat_connect(&c.seat, host);
	assert_string_equal(host_status_string(&host->compositor, "seat.focus"), "");
	const char *argv[] = {
		getenv("GUESTPANECTL"), "--socket", host->compositor.control, "show", "vm0", NULL};
	assert_int_equal(host_run(host, argv, &text), 0);
	free(text);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	assert_string_equal(
		host_status_string(&host->compositor, "outputs.0.showing"), "no-picture");
	input_skip(&c.tablet);
	assert_reached(&c);
	vm_show_new(&c.vm, &c.blob, 1, RED);
	assert_reached(&c);
	seat_case_finish(&c);
}

/* Another VM with a keyboard. It shows nothing yet. */
static void start_other(struct vm *other, struct input_device *keyboard, struct host *host) {
	input_init(keyboard, host, "keyboard", 1);
	vm_start(other, host, 1, (const char *[]){"--input", keyboard->option, NULL});
	input_start(keyboard, INPUT_BUFFERS);
}

/* The same with another guest behind, which gets neither the output nor a key. */
static void test_off_before_another(struct host *host) {
	struct seat_case c;
	struct vm other;
	struct gg_blob blob;
	struct input_device keyboard;
	seat_case_start(&c, host);
	start_other(&other, &keyboard, host);
	vm_blob(&other, &blob, 1, BLUE);
	vm_show(&other, 0, 1);
	vm_switch_off(&c.vm);
	vm_show(&other, 0, 1);
	assert_true(host_wait_string(&host->compositor, "outputs.0.showing", "off", WAIT_MS));
	assert_reached(&c);
	vm_assert_off(&c.vm, OUTPUT, BLUE);
	vm_show(&other, 0, 1);
	assert_reached(&c);
	input_expect_nothing(&keyboard);
	vm_show(&c.vm, 0, 1);
	vm_assert_color(&c.vm, OUTPUT, RED);
	fe_finish(&keyboard.fe);
	vm_finish(&other);
	seat_case_finish(&c);
}

/*
 * A guest that is not shown does all that it can to be seen: a look-alike of a login screen would have
 * the next password. Also while the user holds a button in the other guest.
 */
static void test_take_over(struct host *host) {
	struct seat_case c;
	struct vm other;
	struct gg_blob blob;
	struct input_device keyboard;
	seat_case_start(&c, host);
	start_other(&other, &keyboard, host);
	vm_blob(&other, &blob, 1, BLUE);
	for (int round = 0; round < 6; round++) {
		bool held = round % 2 == 1;
		if (held) {
			assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
			input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
		}
		if (round >= 4) {
			/* It begins another life. */
			assert_true(fe_stop(&other.fe));
			assert_true(fe_restart(&other.fe, true));
			vm_blob(&other, &blob, 1, BLUE);
		}
		vm_switch_off(&other);
		vm_show(&other, 0, 1);
		vm_flush(&other, 1, 0, 0, W, H);
		host_sleep_ms(50);
		assert_string_equal(host_status_string(&host->compositor, "seat.focus"), "vm0");
		assert_true(fake_seat_key(&c.seat, KEY_X, true));
		input_expect_group(&c.keyboard, EV_KEY, KEY_X, 1);
		assert_true(fake_seat_key(&c.seat, KEY_X, false));
		input_expect_group(&c.keyboard, EV_KEY, KEY_X, 0);
		if (held) {
			assert_true(fake_seat_button(&c.seat, BTN_LEFT, false));
			input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 0);
		}
	}
	input_expect_nothing(&keyboard);
	vm_assert_color(&c.vm, OUTPUT, RED);
	fe_finish(&keyboard.fe);
	vm_finish(&other);
	seat_case_finish(&c);
}

/* The guest in front ends while the user types: the one behind waits until no key is held. */
static void test_end_while_held(struct host *host) {
	struct seat_case c;
	struct vm other;
	struct gg_blob blob;
	struct input_device keyboard;
	seat_case_start(&c, host);
	start_other(&other, &keyboard, host);
	vm_blob(&other, &blob, 1, BLUE);
	vm_show(&other, 0, 1);
	assert_true(fake_seat_key(&c.seat, KEY_P, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_P, 1);
	vm_disconnect(&c.vm);
	assert_true(
		host_wait_string(&host->compositor, "outputs.0.showing", "disconnected", WAIT_MS));
	vm_show(&other, 0, 1);
	vm_assert_status_screen(&c.vm, OUTPUT, BLUE);
	assert_string_equal(host_status_string(&host->compositor, "seat.focus"), "");
	input_expect_nothing(&keyboard);
	assert_true(fake_seat_key(&c.seat, KEY_P, false));
	vm_assert_color(&other, OUTPUT, BLUE);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm1", WAIT_MS));
	input_expect_nothing(&keyboard);
	fe_finish(&keyboard.fe);
	vm_finish(&other);
	seat_case_finish(&c);
}

/* The bridge of the guest in front is killed, with another guest behind. */
static void lose_bridge(struct seat_case *c, struct input_device *other) {
	host_kill(c->vm.bridge);
	fe_finish(&c->keyboard.fe);
	fe_finish(&c->tablet.fe);
	vm_finish(&c->vm);
	assert_true(host_wait_string(
		&c->vm.host->compositor, "outputs.0.showing", "disconnected", WAIT_MS));
	assert_string_equal(host_status_string(&c->vm.host->compositor, "seat.focus"), "");
	/* What the user types goes to nobody: least of all to the guest behind. */
	assert_true(fake_seat_key(&c->seat, KEY_P, true));
	assert_true(fake_seat_key(&c->seat, KEY_P, false));
	input_expect_nothing(other);
}

/* It is started again, with a VM whose driver is up and has shown nothing yet. */
static void return_bridge(struct seat_case *c, struct host *host) {
	vm_start(&c->vm, host, 0,
		(const char *[]){"--input", c->keyboard.option, "--input", c->tablet.option, NULL});
	input_start(&c->keyboard, INPUT_BUFFERS);
	input_start(&c->tablet, INPUT_BUFFERS);
}

/* D14: a bridge that crashes and is started again does not cost its guest the front. */
static void test_crash(struct host *host) {
	struct seat_case c;
	struct vm other;
	struct gg_blob blob;
	struct input_device keyboard;
	seat_case_start(&c, host);
	start_other(&other, &keyboard, host);
	vm_blob(&other, &blob, 1, BLUE);
	vm_show(&other, 0, 1);
	vm_assert_color(&c.vm, OUTPUT, RED);

	for (int round = 0; round < 2; round++) {
		lose_bridge(&c, &keyboard);
		return_bridge(&c, host);
		assert_true(host_wait_string(&host->compositor, "outputs.0.guest", "vm0", WAIT_MS));
		assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
		vm_show_new(&c.vm, &c.blob, 1, RED);
		vm_assert_color(&c.vm, OUTPUT, RED);
		input_skip(&c.keyboard);
		assert_true(fake_seat_key(&c.seat, KEY_A, true));
		input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
		assert_true(fake_seat_key(&c.seat, KEY_A, false));
		input_expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	}

	/* The user has switched meanwhile: that stays. */
	lose_bridge(&c, &keyboard);
	seat_press_hotkey(&c.seat, KEY_TAB);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm1", WAIT_MS));
	return_bridge(&c, host);
	vm_blob(&c.vm, &c.blob, 1, RED);
	vm_show(&c.vm, 0, 1);
	vm_assert_color(&other, OUTPUT, BLUE);
	assert_string_equal(host_status_string(&host->compositor, "seat.focus"), "vm1");
	seat_press_hotkey(&c.seat, KEY_TAB);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	input_skip(&keyboard);

	/* It does not return: the one behind comes after a while, which is not the user's to wait. */
	uint64_t begin = host_now_ms();
	lose_bridge(&c, &keyboard);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm1", WAIT_MS));
	printf("# the guest behind after %u ms\n", (unsigned)(host_now_ms() - begin));
	assert_true(host_now_ms() - begin >= 2500);
	vm_assert_color(&other, OUTPUT, BLUE);
	return_bridge(&c, host);
	vm_blob(&c.vm, &c.blob, 1, RED);
	vm_show(&c.vm, 0, 1);
	vm_assert_color(&other, OUTPUT, BLUE);

	/* One that ends in order while its VM goes on: another bridge may take the VM over. */
	seat_press_hotkey(&c.seat, KEY_TAB);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	assert_int_equal(host_stop(c.vm.bridge), 0);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm1", WAIT_MS));
	fe_finish(&keyboard.fe);
	vm_finish(&other);
	seat_case_finish(&c);
}

/* Two VMs on one output: the hotkey switches, and only one of them gets the keys. */
static void test_switch(struct host *host) {
	struct seat_case c;
	struct vm other;
	struct gg_blob blob;
	struct input_device keyboard;
	seat_case_start(&c, host);
	start_other(&other, &keyboard, host);
	vm_blob(&other, &blob, 1, BLUE);
	vm_show(&other, 0, 1);
	assert_string_equal(host_status_string(&host->compositor, "seat.focus"), "vm0");
	seat_press_hotkey(&c.seat, KEY_TAB);
	vm_assert_color(&other, OUTPUT, BLUE);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm1", WAIT_MS));
	input_skip(&c.keyboard);
	input_skip(&keyboard);
	assert_true(fake_seat_key(&c.seat, KEY_X, true));
	input_expect_group(&keyboard, EV_KEY, KEY_X, 1);
	input_expect_nothing(&c.keyboard);

	assert_true(fake_seat_key(&c.seat, KEY_LEFTCTRL, true));
	input_expect_group(&keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	assert_true(fake_seat_key(&c.seat, KEY_LEFTMETA, true));
	input_expect_group(&keyboard, EV_KEY, KEY_LEFTMETA, 1);
	assert_true(fake_seat_key(&c.seat, KEY_TAB, true));
	vm_assert_color(&c.vm, OUTPUT, RED);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	input_expect_group(&keyboard, EV_KEY, KEY_LEFTCTRL, 0);
	input_expect_group(&keyboard, EV_KEY, KEY_X, 0);
	input_expect_group(&keyboard, EV_KEY, KEY_LEFTMETA, 0);
	input_expect_group(&c.keyboard, EV_KEY, KEY_X, 1);
	input_expect_group(&c.keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	input_expect_group(&c.keyboard, EV_KEY, KEY_LEFTMETA, 1);
	assert_true(fake_seat_key(&c.seat, KEY_TAB, false)); // the compositor's
	assert_true(fake_seat_key(&c.seat, KEY_LEFTMETA, false));
	input_expect_group(&c.keyboard, EV_KEY, KEY_LEFTMETA, 0);
	input_expect_nothing(&keyboard);
	assert_true(fake_seat_key(&c.seat, KEY_LEFTCTRL, false));
	assert_true(fake_seat_key(&c.seat, KEY_X, false));

	/* The hotkey reaches a guest that is off, and the next key wakes it. */
	vm_switch_off(&other);
	seat_press_hotkey(&c.seat, KEY_TAB);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm1", WAIT_MS));
	assert_true(host_wait_string(&host->compositor, "outputs.0.showing", "off", WAIT_MS));
	input_skip(&keyboard);
	assert_true(fake_seat_key(&c.seat, KEY_Z, true));
	input_expect_group(&keyboard, EV_KEY, KEY_Z, 1);
	vm_show(&other, 0, 1);
	vm_assert_color(&other, OUTPUT, BLUE);
	fe_finish(&keyboard.fe);
	vm_finish(&other);
	seat_case_finish(&c);
}

static const struct host_case cases[] = {
	{"scanout off", test_off, 0},
	{"scanout off, another guest behind", test_off_before_another, 0},
	{"no picture yet", test_no_picture, 0},
	{"a guest behind wants the front", test_take_over, 0},
	{"end while a key is held", test_end_while_held, 0},
	{"a crash of the bridge in front", test_crash, 0},
	{"switch guest", test_switch, 0},
};

int main(int argc, char **argv) {
	return vm_main("focus", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
