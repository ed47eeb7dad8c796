#include "vmm-bridge/input/config.h"

#include <endian.h>
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm-bridge/input/pen_state.h"
#include "vmm-bridge/input/touch_state.h"

static struct virtio_input_config read_config(
	enum gp_input_kind kind, uint8_t select, uint8_t sub) {
	struct virtio_input_config config;
	memset(&config, 0xee, sizeof(config));
	gp_input_config_fill(kind, GP_INPUT_ALL_SCANOUTS, select, sub, &config);
	assert_int_equal(config.select, select);
	assert_int_equal(config.subsel, sub);
	assert_true(config.size <= sizeof(config.u));
	for (size_t i = config.size; i < sizeof(config.u); i++) {
		assert_int_equal(config.u.bitmap[i], 0);
	}
	return config;
}

static bool has_bit(enum gp_input_kind kind, uint8_t type, unsigned code) {
	struct virtio_input_config config = read_config(kind, VIRTIO_INPUT_CFG_EV_BITS, type);
	return code / 8 < config.size && (config.u.bitmap[code / 8] >> code % 8 & 1);
}

static void test_config_bits(void **state) {
	static const struct {
		enum gp_input_kind kind;
		uint8_t type;
		uint16_t code;
		bool there;
	} rows[] = {
		{GP_INPUT_KEYBOARD, EV_KEY, KEY_RESERVED, false},
		{GP_INPUT_KEYBOARD, EV_KEY, KEY_ESC, true},
		{GP_INPUT_KEYBOARD, EV_KEY, KEY_MICMUTE, true},
		{GP_INPUT_KEYBOARD, EV_KEY, 255, true},
		{GP_INPUT_KEYBOARD, EV_KEY, BTN_LEFT, false},
		{GP_INPUT_KEYBOARD, EV_KEY, BTN_TOUCH, false},
		{GP_INPUT_KEYBOARD, EV_KEY, KEY_OK, true},
		{GP_INPUT_KEYBOARD, EV_KEY, BTN_DPAD_UP, false},
		{GP_INPUT_KEYBOARD, EV_KEY, KEY_MACRO1, true},
		{GP_INPUT_KEYBOARD, EV_KEY, BTN_TRIGGER_HAPPY, false},
		{GP_INPUT_KEYBOARD, EV_LED, LED_NUML, true},
		{GP_INPUT_KEYBOARD, EV_LED, LED_SCROLLL, true},
		{GP_INPUT_KEYBOARD, EV_LED, LED_COMPOSE, false},
		{GP_INPUT_KEYBOARD, EV_REP, REP_DELAY, true},
		{GP_INPUT_KEYBOARD, EV_REL, REL_X, false},
		{GP_INPUT_TABLET, EV_ABS, ABS_X, true},
		{GP_INPUT_TABLET, EV_ABS, ABS_Y, true},
		{GP_INPUT_TABLET, EV_ABS, ABS_Z, false},
		{GP_INPUT_TABLET, EV_KEY, BTN_LEFT, true},
		{GP_INPUT_TABLET, EV_KEY, BTN_EXTRA, true},
		{GP_INPUT_TABLET, EV_KEY, BTN_TASK, true},
		{GP_INPUT_TABLET, EV_KEY, BTN_TASK + 1, false},
		{GP_INPUT_MOUSE, EV_KEY, BTN_TASK, true},
		{GP_INPUT_MOUSE, EV_KEY, BTN_TASK + 1, false},
		{GP_INPUT_TABLET, EV_KEY, BTN_TOUCH, true}, // or joydev would take it
		{GP_INPUT_TABLET, EV_KEY, KEY_A, false},
		{GP_INPUT_TABLET, EV_REL, REL_X, false},
		{GP_INPUT_TABLET, EV_REL, REL_WHEEL, true},
		{GP_INPUT_TABLET, EV_REL, REL_HWHEEL_HI_RES, true},
		{GP_INPUT_TABLET, EV_LED, LED_NUML, false},
		{GP_INPUT_MOUSE, EV_REL, REL_X, true},
		{GP_INPUT_MOUSE, EV_REL, REL_Y, true},
		{GP_INPUT_MOUSE, EV_REL, REL_Z, false},
		{GP_INPUT_MOUSE, EV_REL, REL_WHEEL_HI_RES, true},
		{GP_INPUT_MOUSE, EV_ABS, ABS_X, false},
		{GP_INPUT_MOUSE, EV_KEY, BTN_MIDDLE, true},
		{GP_INPUT_MOUSE, EV_KEY, BTN_TOUCH, false},
		{GP_INPUT_TOUCH, EV_KEY, BTN_TOUCH, true},
		{GP_INPUT_TOUCH, EV_KEY, BTN_LEFT, false},
		{GP_INPUT_TOUCH, EV_ABS, ABS_X, false},
		{GP_INPUT_TOUCH, EV_ABS, ABS_MT_SLOT, true},
		{GP_INPUT_TOUCH, EV_ABS, ABS_MT_SLOT - 1, false}, // not just all axes
		{GP_INPUT_TOUCH, EV_ABS, ABS_MT_POSITION_X, true},
		{GP_INPUT_TOUCH, EV_ABS, ABS_MT_POSITION_Y, true},
		{GP_INPUT_TOUCH, EV_ABS, ABS_MT_TRACKING_ID, true},
		{GP_INPUT_TOUCH, EV_REL, REL_WHEEL, false},
		{GP_INPUT_PEN, EV_KEY, BTN_TOOL_PEN, true},
		{GP_INPUT_PEN, EV_KEY, BTN_TOOL_RUBBER, true},
		{GP_INPUT_PEN, EV_KEY, BTN_TOOL_BRUSH, false},
		{GP_INPUT_PEN, EV_KEY, BTN_TOUCH, true},
		{GP_INPUT_PEN, EV_KEY, BTN_STYLUS, true},
		{GP_INPUT_PEN, EV_KEY, BTN_STYLUS2, true},
		{GP_INPUT_PEN, EV_KEY, BTN_STYLUS3, true},
		{GP_INPUT_PEN, EV_KEY, BTN_LEFT, false},
		{GP_INPUT_PEN, EV_ABS, ABS_X, true},
		{GP_INPUT_PEN, EV_ABS, ABS_PRESSURE, true},
		{GP_INPUT_PEN, EV_ABS, ABS_TILT_X, true},
		{GP_INPUT_PEN, EV_ABS, ABS_TILT_Y, true},
		{GP_INPUT_PEN, EV_ABS, ABS_DISTANCE, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (has_bit(rows[i].kind, rows[i].type, rows[i].code) != rows[i].there) {
			fail_msg("row %zu", i);
		}
	}
}

static void test_config_words(void **state) {
	struct virtio_input_config config =
		read_config(GP_INPUT_KEYBOARD, VIRTIO_INPUT_CFG_ID_NAME, 0);
	assert_int_equal(config.size, strlen("Guestpane Keyboard"));
	assert_string_equal(config.u.string, "Guestpane Keyboard");
	gp_input_config_fill(GP_INPUT_TABLET, 1, VIRTIO_INPUT_CFG_ID_NAME, 0, &config);
	assert_string_equal(config.u.string, "Guestpane Tablet 1");
	config = read_config(GP_INPUT_TABLET, VIRTIO_INPUT_CFG_ID_DEVIDS, 0);
	assert_int_equal(config.size, 8);
	assert_int_equal(le16toh(config.u.ids.bustype), BUS_VIRTUAL);
	config = read_config(GP_INPUT_TABLET, VIRTIO_INPUT_CFG_ABS_INFO, ABS_Y);
	assert_int_equal(config.size, 20);
	assert_int_equal(le32toh(config.u.abs.min), 0);
	assert_int_equal(le32toh(config.u.abs.max), 32767);
}

/* Screens that are touched say so; the sizes and ranges of their axes. */
static void test_config_contact(void **state) {
	static const struct {
		enum gp_input_kind kind;
		uint8_t axis;
		int32_t min, max;
		uint32_t resolution;
	} rows[] = {
		{GP_INPUT_TOUCH, ABS_MT_SLOT, 0, 15, 0},
		{GP_INPUT_TOUCH, ABS_MT_TRACKING_ID, 0, 65535, 0},
		{GP_INPUT_TOUCH, ABS_MT_POSITION_Y, 0, 32767, 0},
		{GP_INPUT_PEN, ABS_X, 0, 32767, 100},
		{GP_INPUT_PEN, ABS_PRESSURE, 0, 65535, 0},
		{GP_INPUT_PEN, ABS_TILT_Y, -9000, 9000, 5730},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct virtio_input_config config =
			read_config(rows[i].kind, VIRTIO_INPUT_CFG_ABS_INFO, rows[i].axis);
		assert_int_equal(config.size, 20);
		assert_int_equal((int32_t)le32toh(config.u.abs.min), rows[i].min);
		assert_int_equal((int32_t)le32toh(config.u.abs.max), rows[i].max);
		assert_int_equal(le32toh(config.u.abs.res), rows[i].resolution);
	}
	for (unsigned kind = 0; kind < GP_INPUT_KINDS; kind++) {
		struct virtio_input_config config =
			read_config(kind, VIRTIO_INPUT_CFG_PROP_BITS, 0);
		bool direct = kind == GP_INPUT_TOUCH || kind == GP_INPUT_PEN;
		assert_int_equal(config.size, direct ? 1 : 0);
		assert_int_equal(config.u.bitmap[0], direct ? 1 << INPUT_PROP_DIRECT : 0);
	}
}

/* What there is not has size 0, whatever is selected. */
static void test_config_nothing(void **state) {
	assert_int_equal(read_config(GP_INPUT_MOUSE, VIRTIO_INPUT_CFG_ABS_INFO, ABS_X).size, 0);
	assert_int_equal(read_config(GP_INPUT_TABLET, VIRTIO_INPUT_CFG_ABS_INFO, 255).size, 0);
	assert_int_equal(read_config(GP_INPUT_TABLET, VIRTIO_INPUT_CFG_ID_NAME, 1).size, 0);
	for (unsigned kind = 0; kind < GP_INPUT_KINDS; kind++) {
		for (unsigned select = 0; select < 256; select++) {
			for (unsigned sub = 0; sub < 256; sub++) {
				read_config(kind, (uint8_t)select, (uint8_t)sub);
			}
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_bits),
		cmocka_unit_test(test_config_words),
		cmocka_unit_test(test_config_contact),
		cmocka_unit_test(test_config_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
