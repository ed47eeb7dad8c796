/* The compositor's seat for QEMU's input devices (behaviour F7). */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "tests/unit/qemu_cases.h"

#define SEAT (&t.qemu.seat)
#define EVENTS gp_qemu_seat_events

/* A console with a picture; what was released at the start is forgotten. */
static int setup_seat(void **state) {
	setup(state);
	int fd = make_file(SIZE, 1);
	scanout_map(fd);
	close(fd);
	turns();
	t.fake.log[0] = '\0';
	return 0;
}

static void assert_log(const char *expected) {
	turns();
	assert_string_equal(t.fake.log, expected);
	t.fake.log[0] = '\0';
}

static void test_keys(void **state) {
	EVENTS.key(SEAT, 0, KEY_A, true);
	EVENTS.key(SEAT, 0, KEY_A, false);
	EVENTS.key(SEAT, 0, KEY_RIGHTCTRL, true);
	EVENTS.key(SEAT, 0, KEY_BRL_DOT1, true);
	EVENTS.key(SEAT, 0, UINT32_MAX, true);
	EVENTS.key(SEAT, 0, KEY_UP, true);
	assert_log("1 Keyboard.Press 30\n1 Keyboard.Release 30\n1 Keyboard.Press 157\n"
		   "1 Keyboard.Press 200\n");
	assert_int_equal(t.qemu.seat.n_dropped, 1);
	EVENTS.keyboard_leave(SEAT);
	assert_log("1 Keyboard.Release 157\n1 Keyboard.Release 200\n");
	EVENTS.keyboard_leave(SEAT);
	assert_log("");
}

/* Whatever an earlier bridge has left pressed. */
static void test_attach(void **state) {
	WAIT(strstr(t.fake.log, "1 Keyboard.Release 29\n") != NULL);
	WAIT(strstr(t.fake.log, "1 Keyboard.Release 219\n") != NULL);
	assert_null(strstr(t.fake.log, "Press"));
}

static void test_absolute(void **state) {
	EVENTS.pointer_motion(SEAT, 0, 0, 10 * 256, 20 * 256 + 255);
	assert_log("1 SetAbsPosition 10 20\n");
	/* Only the last one of a turn counts, but before a button it does. */
	EVENTS.pointer_motion(SEAT, 0, 0, 11 * 256, 20 * 256);
	EVENTS.pointer_motion(SEAT, 0, 0, 12 * 256, 20 * 256);
	EVENTS.pointer_button(SEAT, 0, BTN_LEFT, true);
	EVENTS.pointer_motion(SEAT, 0, 0, -5, 1000000);
	EVENTS.pointer_button(SEAT, 0, BTN_LEFT, false);
	assert_log("1 SetAbsPosition 12 20\n1 Mouse.Press 0\n1 SetAbsPosition 0 31\n"
		   "1 Mouse.Release 0\n");
	EVENTS.pointer_motion(SEAT, 0, 7, 0, 0); // no such scanout
	assert_log("");
}

static void test_relative(void **state) {
	fake_qemu_set_absolute(&t.fake, false);
	WAIT(!t.qemu.seat.absolute);
	EVENTS.pointer_motion(SEAT, 0, 0, 10 * 256, 10 * 256);
	assert_log("");
	EVENTS.pointer_motion(SEAT, 0, 0, 12 * 256 + 128, 9 * 256);
	assert_log("1 RelMotion 2 -1\n");
	EVENTS.pointer_motion(SEAT, 0, 0, 13 * 256, 9 * 256);
	assert_log("1 RelMotion 1 0\n");
	EVENTS.pointer_locked(SEAT, true);
	EVENTS.pointer_motion(SEAT, 0, 0, 50 * 256, 9 * 256);
	assert_log("");
	EVENTS.pointer_relative(SEAT, 0, -512, 128);
	EVENTS.pointer_relative(SEAT, 0, -512, 128);
	assert_log("1 RelMotion -4 1\n");
	for (unsigned i = 0; i < 64; i++) {
		EVENTS.pointer_relative(SEAT, 0, INT32_MAX, INT32_MIN);
	}
	assert_log("1 RelMotion 16384 -16384\n");
}

/* A game in a guest whose pointer knows only positions. */
static void test_locked_absolute(void **state) {
	EVENTS.pointer_motion(SEAT, 0, 0, 10 * 256, 10 * 256);
	EVENTS.pointer_locked(SEAT, true);
	EVENTS.pointer_relative(SEAT, 0, 5 * 256, -3 * 256);
	assert_log("1 SetAbsPosition 15 7\n");
	EVENTS.pointer_relative(SEAT, 0, INT32_MAX, INT32_MIN);
	assert_log("1 SetAbsPosition 63 0\n");
}

static void test_buttons(void **state) {
	static const uint32_t codes[] = {
		BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, BTN_SIDE, BTN_EXTRA, BTN_TASK};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		EVENTS.pointer_button(SEAT, 0, codes[i], true);
	}
	assert_log("1 Mouse.Press 0\n1 Mouse.Press 1\n1 Mouse.Press 2\n1 Mouse.Press 5\n"
		   "1 Mouse.Press 6\n");
	EVENTS.pointer_button(SEAT, 0, BTN_MIDDLE, false);
	EVENTS.pointer_leave(SEAT);
	assert_log("1 Mouse.Release 1\n1 Mouse.Release 0\n1 Mouse.Release 2\n1 Mouse.Release 5\n"
		   "1 Mouse.Release 6\n");
	EVENTS.pointer_leave(SEAT);
	assert_log("");
}

static void test_wheel(void **state) {
	EVENTS.pointer_axis(SEAT, 0, false, 60 * 256);
	assert_log("");
	EVENTS.pointer_axis(SEAT, 0, false, 60 * 256);
	assert_log("1 Mouse.Press 4\n1 Mouse.Release 4\n");
	EVENTS.pointer_axis(SEAT, 0, false, -240 * 256);
	assert_log("1 Mouse.Press 3\n1 Mouse.Release 3\n1 Mouse.Press 3\n1 Mouse.Release 3\n");
	EVENTS.pointer_axis(SEAT, 0, true, 240 * 256);
	assert_log("");
	EVENTS.pointer_axis(SEAT, 0, false, INT32_MIN);
	turns();
	assert_true(strlen(t.fake.log) <= 16 * strlen("1 Mouse.Press 3\n1 Mouse.Release 3\n"));
}

static void test_touch(void **state) {
	EVENTS.touch_down(SEAT, 0, 77, 0, 3 * 256, 4 * 256);
	EVENTS.touch_down(SEAT, 0, 78, 0, 5 * 256, 6 * 256);
	EVENTS.touch_down(SEAT, 0, 78, 0, 0, 0); // it is down
	EVENTS.touch_motion(SEAT, 0, 78, 0, 7 * 256, 8 * 256);
	EVENTS.touch_motion(SEAT, 0, 5, 0, 0, 0); // it is not
	EVENTS.touch_frame(SEAT);
	EVENTS.touch_up(SEAT, 0, 77);
	assert_log("1 SendEvent 0 0 3.0 4.0\n1 SendEvent 0 1 5.0 6.0\n1 SendEvent 1 1 7.0 8.0\n"
		   "1 SendEvent 2 0 3.0 4.0\n");
	EVENTS.touch_cancel(SEAT);
	assert_log("1 SendEvent 3 1 7.0 8.0\n");
	for (int32_t i = 0; i < 12; i++) {
		EVENTS.touch_down(SEAT, 0, i, 0, 0, 0);
	}
	turns();
	assert_non_null(strstr(t.fake.log, "SendEvent 0 9 "));
	assert_null(strstr(t.fake.log, "SendEvent 0 10 "));
}

static void test_leds(void **state) {
	fake_qemu_set_modifiers(&t.fake, 1 << 2);
	WAIT(t.leds == 1u << LED_CAPSL);
	fake_qemu_set_modifiers(&t.fake, 1 << 0 | 1 << 1);
	WAIT(t.leds == (1u << LED_SCROLLL | 1u << LED_NUML));
	fake_qemu_set_modifiers(&t.fake, 0);
	WAIT(t.leds == 0);
}

/* A QEMU that stands still must not make us keep all that was typed; motion waits, and is one. */
static void test_backlog(void **state) {
	for (unsigned i = 0; i < 200000; i++) {
		EVENTS.pointer_motion(SEAT, 0, 0, (int32_t)(i % W) * 256, 0);
		EVENTS.key(SEAT, 0, KEY_A, i % 2 == 0);
		gp_qemu_end_turn(&t.qemu);
	}
	assert_true(gp_bus_backlog(&t.qemu.endpoint.main) <= 1100);
	assert_true(t.qemu.seat.moved);
	WAIT(!t.qemu.seat.moved);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_seat, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		CASE(test_keys),
		cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
		CASE(test_absolute),
		CASE(test_relative),
		CASE(test_locked_absolute),
		CASE(test_buttons),
		CASE(test_wheel),
		CASE(test_touch),
		CASE(test_leds),
		CASE(test_backlog),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
