#include "compositor/config/hotkeys.h"

#include <linux/input-event-codes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void test_parse(void **state) {
	static const struct {
		const char *text;
		bool good;
		size_t n;
		uint16_t last;
	} rows[] = {
		{"none", true, 0, 0},
		{"LeftCtrl+LeftMeta", true, 2, KEY_LEFTMETA},
		{"ScrollLock", true, 1, KEY_SCROLLLOCK},
		{"LeftCtrl+LeftAlt+LeftShift+Pause", true, 4, KEY_PAUSE},
		{"LeftCtrl+LeftAlt+LeftShift+Pause+Menu", false, 0, 0},
		{"", false, 0, 0},
		{"+", false, 0, 0},
		{"LeftCtrl+", false, 0, 0},
		{"+LeftCtrl", false, 0, 0},
		{"leftctrl", false, 0, 0},
		{"LeftCtr", false, 0, 0},
		{"LeftCtrl LeftAlt", false, 0, 0},
		{"none+Pause", false, 0, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_hotkey hotkey;
		bool good = gp_hotkey_parse(&hotkey, rows[i].text);
		if (good != rows[i].good || (good && hotkey.n != rows[i].n) ||
			(good && hotkey.n > 0 && hotkey.keys[hotkey.n - 1] != rows[i].last)) {
			fail_msg("row %zu", i);
		}
	}
}

static void test_find(void **state) {
	struct gp_hotkey hotkey;
	uint8_t held[KEY_CNT] = {0};
	assert_true(gp_hotkey_parse(&hotkey, "LeftCtrl+LeftMeta"));
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_TAB), GP_HOTKEY_NONE);
	held[KEY_LEFTCTRL] = 1;
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_TAB), GP_HOTKEY_NONE);
	held[KEY_LEFTMETA] = 2; // on two keyboards
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_TAB), GP_HOTKEY_NEXT_GUEST);
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_L), GP_HOTKEY_LOCK_POINTER);
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_G), GP_HOTKEY_GRAB);
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_F), GP_HOTKEY_FULLSCREEN);
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_Q), GP_HOTKEY_QUIT);
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_H), GP_HOTKEY_HUD);
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_A), GP_HOTKEY_NONE);
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_LEFTMETA), GP_HOTKEY_NONE);
	assert_true(gp_hotkey_parse(&hotkey, "none"));
	assert_int_equal(gp_hotkey_find(&hotkey, held, KEY_TAB), GP_HOTKEY_NONE);
}

static void test_print(void **state) {
	static const char *const texts[] = {
		GP_HOTKEY_DEFAULT,
		"ScrollLock",
		"RightShift+RightShift+RightShift+ScrollLock",
	};
	struct gp_hotkey hotkey;
	char text[GP_HOTKEY_TEXT_MAX];
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(gp_hotkey_parse(&hotkey, texts[i]));
		gp_hotkey_print(&hotkey, text);
		assert_string_equal(text, texts[i]);
	}
	assert_true(gp_hotkey_parse(&hotkey, "none"));
	gp_hotkey_print(&hotkey, text);
	assert_string_equal(text, "");
}

static void test_vt(void **state) {
	static const struct {
		uint32_t code;
		unsigned vt;
	} rows[] = {{KEY_F1, 1}, {KEY_F2, 2}, {KEY_F10, 10}, {KEY_F11, 11}, {KEY_F12, 12},
		{KEY_NUMLOCK, 0}, {KEY_F13, 0}, {KEY_LEFTALT, 0}, {KEY_1, 0}};
	static const uint16_t ctrls[] = {KEY_LEFTCTRL, KEY_RIGHTCTRL};
	static const uint16_t alts[] = {KEY_LEFTALT, KEY_RIGHTALT};
	for (int sides = 0; sides < 4; sides++) {
		uint8_t held[KEY_CNT] = {0};
		uint16_t ctrl = ctrls[sides & 1], alt = alts[sides >> 1];
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			held[ctrl] = 1;
			held[alt] = 0;
			assert_int_equal(gp_hotkey_find_vt(held, rows[i].code), 0);
			held[alt] = 1;
			assert_int_equal(gp_hotkey_find_vt(held, rows[i].code), rows[i].vt);
			held[ctrl] = 0;
			assert_int_equal(gp_hotkey_find_vt(held, rows[i].code), 0);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_vt),
		cmocka_unit_test(test_print),
	};
	return cmocka_run_group_tests_name("hotkey", tests, NULL, NULL);
}
