/* Keys of evdev as QEMU numbers them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <linux/input-event-codes.h>

#include "vmm-bridge/qemu/keymap.h"

/* Up to the keypad evdev took the scan codes of XT as they are. */
static void test_plain(void **state) {
	for (uint32_t code = KEY_ESC; code <= KEY_KPDOT; code++) {
		assert_int_equal(gp_qemu_key(code), code);
	}
	assert_int_equal(gp_qemu_key(KEY_F11), 0x57);
	assert_int_equal(gp_qemu_key(KEY_F12), 0x58);
	assert_int_equal(gp_qemu_key(KEY_102ND), 0x56);
}

/* IBM's enhanced keyboard: those that have the prefix 0xe0. */
static void test_extended(void **state) {
	static const struct {
		uint32_t code, scan;
	} rows[] = {
		{KEY_KPENTER, 0x1c},
		{KEY_RIGHTCTRL, 0x1d},
		{KEY_KPSLASH, 0x35},
		{KEY_RIGHTALT, 0x38},
		{KEY_HOME, 0x47},
		{KEY_UP, 0x48},
		{KEY_PAGEUP, 0x49},
		{KEY_LEFT, 0x4b},
		{KEY_RIGHT, 0x4d},
		{KEY_END, 0x4f},
		{KEY_DOWN, 0x50},
		{KEY_PAGEDOWN, 0x51},
		{KEY_INSERT, 0x52},
		{KEY_DELETE, 0x53},
		{KEY_LEFTMETA, 0x5b},
		{KEY_RIGHTMETA, 0x5c},
		{KEY_COMPOSE, 0x5d},
		{KEY_POWER, 0x5e},
		{KEY_SLEEP, 0x5f},
		{KEY_WAKEUP, 0x63},
		{KEY_MUTE, 0x20},
		{KEY_VOLUMEDOWN, 0x2e},
		{KEY_VOLUMEUP, 0x30},
		{KEY_NEXTSONG, 0x19},
		{KEY_PREVIOUSSONG, 0x10},
		{KEY_PLAYPAUSE, 0x22},
		{KEY_STOPCD, 0x24},
		{KEY_CALC, 0x21},
		{KEY_PAUSE, 0x46},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(gp_qemu_key(rows[i].code), 0x80 | rows[i].scan);
	}
}

static void test_languages(void **state) {
	assert_int_equal(gp_qemu_key(KEY_SYSRQ), 0x54);
	assert_int_equal(gp_qemu_key(KEY_RO), 0x73);
	assert_int_equal(gp_qemu_key(KEY_YEN), 0x7d);
	assert_int_equal(gp_qemu_key(KEY_HENKAN), 0x79);
	assert_int_equal(gp_qemu_key(KEY_MUHENKAN), 0x7b);
	assert_int_equal(gp_qemu_key(KEY_KATAKANAHIRAGANA), 0x70);
	assert_int_equal(gp_qemu_key(KEY_HANGEUL), 0x72);
	assert_int_equal(gp_qemu_key(KEY_HANJA), 0x71);
}

/* A number that two keys had would be the wrong key for one of them. */
static void test_unique(void **state) {
	uint32_t users[256] = {0};
	unsigned n = 0;
	for (uint32_t code = 0; code < KEY_CNT; code++) {
		uint32_t number = gp_qemu_key(code);
		assert_uint_in_range(number, 0, 255);
		if (number != 0) {
			assert_int_equal(users[number], 0);
			users[number] = code;
			n++;
		}
	}
	assert_int_equal(n, 230);
	assert_int_equal(gp_qemu_key(0), 0);
	assert_int_equal(gp_qemu_key(BTN_LEFT), 0);
	assert_int_equal(gp_qemu_key(UINT32_MAX), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_extended),
		cmocka_unit_test(test_languages),
		cmocka_unit_test(test_unique),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
