#include <endian.h>
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "vmm-bridge/input/device.h"

/* The configuration space, as a driver reads it. */

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

/* Translation. */

static void test_absolute(void **state) {
	static const struct {
		int32_t position;
		uint32_t offset, length;
		int32_t value;
	} rows[] = {
		{0, 0, 1280, 0},
		{-1, 0, 1280, 0},
		{INT32_MIN, 0, 1280, 0},
		{1 << 8, 0, 32768, 1},
		{640 << 8, 0, 1280, 16384},
		{1 << 8, 0, 1280, 26}, // 25.6
		{1280 << 8, 0, 1280, 32767},
		{INT32_MAX, 0, 1, 32767},
		{(1280 << 8) - 1, 0, 1280, 32767},
		{0, 1280, 2560, 16384},
		{-256, 1280, 2560, 16372}, // the last pixel of the head before: 16371.2
		{0, 16384, 16384, 32767},
		{0, UINT32_MAX, UINT32_MAX, 32767},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int32_t value = gp_evdev_absolute(rows[i].position, rows[i].offset, rows[i].length);
		if (value != rows[i].value) {
			fail_msg("row %zu: %d", i, value);
		}
	}
}

/* Each pixel of each head of usual desktops is found again as libinput does it. */
static void test_absolute_is_exact(void **state) {
	static const uint32_t lengths[] = {
		1, 2, 3, 480, 600, 640, 768, 800, 1080, 1280, 1366, 1920, 2560, 3840, 7680, 16384};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (uint32_t heads = 1; heads <= 2; heads++) {
			uint32_t length = lengths[i], whole = length * heads;
			uint32_t offset = whole - length;
			for (uint32_t pixel = 0; pixel < length; pixel++) {
				int32_t v = gp_evdev_absolute((int32_t)pixel << 8, offset, whole);
				uint64_t found = (uint64_t)v * whole / 32768;
				if (found != offset + pixel) {
					fail_msg("pixel %u of %u", pixel, whole);
				}
			}
		}
	}
}

static void test_wheel(void **state) {
	static const struct {
		bool horizontal;
		int32_t amount; // in 1/256 of a 120th
		int32_t fine, coarse; // summed up over three turns
	} rows[] = {
		{false, 120 << 8, -360, -3},
		{false, -120 * 256, 360, 3},
		{true, 120 << 8, 360, 3},
		{true, -120 * 256, -360, -3},
		{false, 40 << 8, -120, -1},
		{false, 30 << 8, -90, 0},
		{true, 128, 1, 0}, // three halves
		{true, 0, 0, 0},
		{true, 85, 0, 0},
		{true, 86, 1, 0}, // 258 / 256
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gp_wheel wheel = {0};
		int32_t fine = 0, coarse = 0;
		for (int turn = 0; turn < 3; turn++) {
			struct gp_input_event events[2];
			size_t n =
				gp_evdev_turn(&wheel, rows[i].horizontal, rows[i].amount, events);
			if (n > 0) {
				assert_int_equal(events[0].code,
					rows[i].horizontal ? REL_HWHEEL_HI_RES : REL_WHEEL_HI_RES);
				fine += events[0].value;
			}
			if (n > 1) {
				assert_int_equal(events[1].code,
					rows[i].horizontal ? REL_HWHEEL : REL_WHEEL);
				coarse += events[1].value;
			}
		}
		if (fine != rows[i].fine || coarse != rows[i].coarse) {
			fail_msg("row %zu: %d, %d", i, fine, coarse);
		}
	}
}

static void test_relative(void **state) {
	int32_t rest = 0;
	assert_int_equal(gp_evdev_relative(&rest, 384), 1); // 1.5
	assert_int_equal(gp_evdev_relative(&rest, 128), 1); // 0.5 + 0.5
	assert_int_equal(gp_evdev_relative(&rest, -64), 0);
	assert_int_equal(gp_evdev_relative(&rest, -192), -1);
	assert_int_equal(rest, 0);
	gp_evdev_relative(&rest, INT32_MAX);
	gp_evdev_relative(&rest, INT32_MIN);
}

/* A device before a guest that has so much room; what was given is written down. */

#define LOG_MAX 4096
static struct {
	struct gp_input_device device;
	size_t available_buffers, max;
	struct gp_input_event log[LOG_MAX];
	size_t n;
	uint32_t leds;
	unsigned n_leds;
} rig;

static size_t rig_room(void *data, size_t wanted) {
	assert_true(wanted <= rig.max);
	return rig.available_buffers;
}

static size_t rig_room_max(void *data) {
	return rig.max;
}

static bool rig_put(void *data, const struct virtio_input_event *event) {
	assert_true(rig.available_buffers > 0 && rig.n < LOG_MAX);
	rig.available_buffers--;
	rig.log[rig.n++] = (struct gp_input_event){
		le16toh(event->type), le16toh(event->code), (int32_t)le32toh(event->value)};
	return true;
}

static void rig_leds(void *data, uint32_t leds) {
	rig.leds = leds;
	rig.n_leds++;
}

static const struct gp_input_ops rig_ops = {
	.available_buffers = rig_room,
	.queue_size = rig_room_max,
	.put_event = rig_put,
	.leds = rig_leds,
};

static void rig_start(enum gp_input_kind kind, size_t available_buffers) {
	memset(&rig, 0, sizeof(rig));
	rig.available_buffers = available_buffers;
	rig.max = 64;
	gp_input_device_init(&rig.device, kind, GP_INPUT_ALL_SCANOUTS, &rig_ops, NULL);
	gp_input_device_flush(&rig.device);
}

static void key(uint16_t code, int32_t value) {
	gp_input_device_send(&rig.device, &(struct gp_input_event){EV_KEY, code, value}, 1, 1);
}

static void motion(int32_t x, int32_t y) {
	const struct gp_input_event events[] = {{EV_ABS, ABS_X, x}, {EV_ABS, ABS_Y, y}};
	gp_input_device_send(&rig.device, events, 2, 1);
}

static void relative(int32_t x, int32_t y) {
	const struct gp_input_event events[] = {{EV_REL, REL_X, x}, {EV_REL, REL_Y, y}};
	gp_input_device_send(&rig.device, events, 2, 1);
}

static void give_room(size_t available_buffers) {
	rig.available_buffers = available_buffers;
	gp_input_device_flush(&rig.device);
}

static void assert_log(const struct gp_input_event *events, size_t n) {
	for (size_t i = 0; i < n && i < rig.n; i++) {
		if (memcmp(&rig.log[i], &events[i], sizeof(events[i])) != 0) {
			fail_msg("event %zu is %u %u %d, not %u %u %d", i, rig.log[i].type,
				rig.log[i].code, rig.log[i].value, events[i].type, events[i].code,
				events[i].value);
		}
	}
	assert_int_equal(rig.n, n);
	rig.n = 0;
}
#define ASSERT_LOG(...)                                                                            \
	do {                                                                                       \
		const struct gp_input_event expected[] = {__VA_ARGS__};                            \
		assert_log(expected, sizeof(expected) / sizeof(expected[0]));                      \
	} while (0)
#define SYN {EV_SYN, SYN_REPORT, 0}
#define KEY(code, value) {EV_KEY, code, value}

/* A tablet has BTN_TOUCH, but it is never pressed. */
static void test_no_touch(void **state) {
	rig_start(GP_INPUT_TABLET, 64);
	key(BTN_TOUCH, 1);
	key(BTN_LEFT, 1);
	ASSERT_LOG(KEY(BTN_LEFT, 1), SYN);
}

static void test_keys(void **state) {
	rig_start(GP_INPUT_KEYBOARD, 64);
	key(KEY_A, 1);
	key(KEY_A, 0);
	ASSERT_LOG(KEY(KEY_A, 1), SYN, KEY(KEY_A, 0), SYN);
	key(KEY_B, 1);
	key(KEY_B, 1); // of another keyboard
	key(KEY_B, 0);
	key(KEY_B, 0);
	ASSERT_LOG(KEY(KEY_B, 1), SYN, KEY(KEY_B, 0), SYN);
	key(BTN_LEFT, 1); // the device does not have it
	key(KEY_MAX, 1);
	key(UINT16_MAX, 1);
	assert_int_equal(rig.n, 0);
	assert_int_equal(rig.device.queue.counters.groups, 4);
	assert_true(rig.device.latency_ns > 0);
}

/* A group arrives whole or not at all. */
static void test_whole_groups(void **state) {
	rig_start(GP_INPUT_TABLET, 2);
	motion(1, 2);
	assert_int_equal(rig.n, 0);
	give_room(5);
	ASSERT_LOG({EV_ABS, ABS_X, 1}, {EV_ABS, ABS_Y, 2}, SYN);
	key(BTN_LEFT, 1);
	ASSERT_LOG(KEY(BTN_LEFT, 1), SYN);
	key(BTN_LEFT, 0);
	assert_int_equal(rig.n, 0);
	give_room(64);
	ASSERT_LOG(KEY(BTN_LEFT, 0), SYN);
}

/* Motion that waits is put together, and never moved past a button. */
static void test_coalescing(void **state) {
	rig_start(GP_INPUT_TABLET, 0);
	motion(1, 1);
	motion(2, 2);
	key(BTN_LEFT, 1);
	motion(3, 3);
	motion(4, 5);
	key(BTN_LEFT, 0);
	give_room(64);
	ASSERT_LOG({EV_ABS, ABS_X, 2}, {EV_ABS, ABS_Y, 2}, SYN, KEY(BTN_LEFT, 1), SYN,
		{EV_ABS, ABS_X, 4}, {EV_ABS, ABS_Y, 5}, SYN, KEY(BTN_LEFT, 0), SYN);
	assert_int_equal(rig.device.queue.counters.coalesced, 2);

	rig_start(GP_INPUT_MOUSE, 0);
	relative(1, -1);
	relative(2, -2);
	const struct gp_input_event turn[] = {
		{EV_REL, REL_WHEEL_HI_RES, 120}, {EV_REL, REL_WHEEL, 1}};
	gp_input_device_send(&rig.device, turn, 1, 0);
	gp_input_device_send(&rig.device, turn, 2, 0);
	relative(INT32_MAX, INT32_MIN);
	relative(1, -1);
	give_room(64);
	ASSERT_LOG({EV_REL, REL_X, 3}, {EV_REL, REL_Y, -3}, SYN, {EV_REL, REL_WHEEL_HI_RES, 240},
		{EV_REL, REL_WHEEL, 1}, SYN, {EV_REL, REL_X, INT32_MAX}, {EV_REL, REL_Y, INT32_MIN},
		SYN);
}

/* Two wheels at once are two groups: together they would not fit into QEMU's small queue. */
static void test_two_wheels(void **state) {
	rig_start(GP_INPUT_TABLET, 0);
	rig.max = 4;
	for (int i = 0; i < 2; i++) {
		const struct gp_input_event down[] = {
			{EV_REL, REL_WHEEL_HI_RES, -120}, {EV_REL, REL_WHEEL, -1}};
		const struct gp_input_event right[] = {
			{EV_REL, REL_HWHEEL_HI_RES, 120}, {EV_REL, REL_HWHEEL, 1}};
		gp_input_device_send(&rig.device, down, 2, 1);
		gp_input_device_send(&rig.device, down, 2, 1);
		gp_input_device_send(&rig.device, right, 2, 1);
	}
	for (int i = 0; i < 4; i++) {
		give_room(4);
	}
	ASSERT_LOG({EV_REL, REL_WHEEL_HI_RES, -240}, {EV_REL, REL_WHEEL, -2}, SYN,
		{EV_REL, REL_HWHEEL_HI_RES, 120}, {EV_REL, REL_HWHEEL, 1}, SYN,
		{EV_REL, REL_WHEEL_HI_RES, -240}, {EV_REL, REL_WHEEL, -2}, SYN,
		{EV_REL, REL_HWHEEL_HI_RES, 120}, {EV_REL, REL_HWHEEL, 1}, SYN);
	assert_int_equal(rig.device.queue.counters.dropped, 0);
}

static void test_release_all(void **state) {
	rig_start(GP_INPUT_KEYBOARD, 64);
	key(KEY_LEFTSHIFT, 1);
	key(KEY_A, 1);
	rig.n = 0;
	gp_input_device_release_all(&rig.device);
	ASSERT_LOG(KEY(KEY_A, 0), SYN, KEY(KEY_LEFTSHIFT, 0), SYN);
	assert_int_equal(rig.device.queue.counters.released, 2);
	gp_input_device_release_all(&rig.device);
	key(KEY_A, 0); // late
	assert_int_equal(rig.n, 0);

	/* Behind what waits. */
	rig.available_buffers = 0;
	key(KEY_C, 1);
	gp_input_device_release_all(&rig.device);
	give_room(64);
	ASSERT_LOG(KEY(KEY_C, 1), SYN, KEY(KEY_C, 0), SYN);
}

/* Of a key in the log; -1: none. */
static int32_t last_value(uint16_t code) {
	int32_t value = -1;
	for (size_t i = 0; i < rig.n; i++) {
		if (rig.log[i].type == EV_KEY && rig.log[i].code == code) {
			value = rig.log[i].value;
		}
	}
	return value;
}

/* A guest that gives no buffers: nothing grows, and in the end no key hangs. */
static void test_overflow(void **state) {
	rig_start(GP_INPUT_KEYBOARD, 4);
	key(KEY_A, 1);
	key(KEY_B, 1);
	rig.n = 0;
	for (int i = 0; i < 1000; i++) {
		key(KEY_Z, 1);
		key(KEY_Z, 0);
	}
	key(KEY_A, 0);
	key(KEY_C, 1);
	assert_int_equal(rig.n, 0);
	give_room(1024);
	assert_true(rig.n <= 2 * GP_EVENT_GROUPS_MAX);
	assert_true(rig.device.queue.counters.dropped > 1000);
	assert_int_equal(last_value(KEY_A), 0);
	assert_int_equal(last_value(KEY_B), -1); // is still held
	assert_int_equal(last_value(KEY_C), 1);
	assert_int_equal(last_value(KEY_Z), 0);

	/* The one that was released while there was no room, and the one that was pressed. */
	rig_start(GP_INPUT_KEYBOARD, 2);
	key(KEY_A, 1);
	rig.n = 0;
	key(KEY_A, 0);
	key(KEY_B, 1);
	gp_event_queue_drop(&rig.device.queue);
	give_room(3); // one is too few for the rest
	ASSERT_LOG(KEY(KEY_A, 0), SYN);
	give_room(64);
	ASSERT_LOG(KEY(KEY_B, 1), SYN);

	rig_start(GP_INPUT_TABLET, 0);
	for (int i = 0; i < 1000; i++) {
		key(BTN_LEFT, 1);
		motion(i, 2 * i);
		key(BTN_LEFT, 0);
	}
	give_room(1024);
	ASSERT_LOG({EV_ABS, ABS_X, 999}, {EV_ABS, ABS_Y, 1998}, SYN);
}

/* Many keys at once do not need more room than QEMU's small queue has. */
static void test_small_queue(void **state) {
	rig_start(GP_INPUT_KEYBOARD, 0);
	rig.max = 4;
	for (uint16_t code = KEY_1; code < KEY_1 + 100; code++) {
		key(code, 1);
	}
	for (int i = 0; i < 1000; i++) {
		key(KEY_ESC, 1);
		key(KEY_ESC, 0);
	}
	for (int i = 0; i < 50; i++) {
		give_room(4);
	}
	unsigned pressed = 0;
	for (size_t i = 0; i < rig.n; i++) {
		pressed += rig.log[i].type == EV_KEY && rig.log[i].value == 1;
	}
	assert_int_equal(pressed, 100);
	assert_false(rig.device.queue.out_of_step);

	rig_start(GP_INPUT_TABLET, 2);
	rig.max = 2;
	motion(1, 1); // never fits
	key(BTN_LEFT, 1);
	ASSERT_LOG(KEY(BTN_LEFT, 1), SYN);
}

/* What is typed while nobody listens is for nobody, but what is held is seen later. */
static void test_pause(void **state) {
	rig_start(GP_INPUT_KEYBOARD, 64);
	key(KEY_A, 1);
	rig.n = 0;
	rig.max = 0;
	gp_input_device_pause(&rig.device);
	key(KEY_A, 0);
	key(KEY_B, 1);
	key(KEY_B, 0);
	key(KEY_C, 1);
	assert_int_equal(rig.n, 0);
	rig.max = 64;
	give_room(64);
	ASSERT_LOG(KEY(KEY_A, 0), SYN, KEY(KEY_C, 1), SYN);

	gp_input_device_reset(&rig.device);
	give_room(64);
	key(KEY_C, 0);
	assert_int_equal(rig.n, 0); // the new guest has not seen it pressed
}

static void status(uint16_t type, uint16_t code, uint32_t value) {
	gp_input_device_handle_status(&rig.device,
		&(struct virtio_input_event){htole16(type), htole16(code), htole32(value)});
}

static void test_leds(void **state) {
	rig_start(GP_INPUT_KEYBOARD, 64);
	status(EV_LED, LED_CAPSL, 1);
	assert_int_equal(rig.leds, 1 << LED_CAPSL);
	status(EV_LED, LED_CAPSL, 1);
	status(EV_SYN, SYN_REPORT, 0);
	status(EV_LED, LED_MAX, 1);
	status(EV_LED, UINT16_MAX, 1);
	status(UINT16_MAX, 0, 1);
	assert_int_equal(rig.n_leds, 1);
	status(EV_LED, LED_NUML, UINT32_MAX);
	assert_int_equal(rig.leds, 1 << LED_CAPSL | 1 << LED_NUML);
	status(EV_LED, LED_CAPSL, 0);
	assert_int_equal(rig.leds, 1 << LED_NUML);
	gp_input_device_reset(&rig.device);
	assert_int_equal(rig.leds, 0);

	rig_start(GP_INPUT_MOUSE, 64);
	status(EV_LED, LED_CAPSL, 1);
	assert_int_equal(rig.n_leds, 0);
}

/* The driver writes select and subsel alone, or QEMU the whole space. */
static void test_config_access(void **state) {
	uint8_t bytes[256];
	rig_start(GP_INPUT_TABLET, 0);
	gp_input_device_set_config(
		&rig.device, 0, 2, (const uint8_t[]){VIRTIO_INPUT_CFG_ABS_INFO, ABS_Y});
	gp_input_device_get_config(&rig.device, 0, sizeof(bytes), bytes);
	assert_int_equal(bytes[0], VIRTIO_INPUT_CFG_ABS_INFO);
	assert_int_equal(bytes[1], ABS_Y);
	assert_int_equal(bytes[2], 20);
	gp_input_device_get_config(&rig.device, 2, 1, bytes);
	assert_int_equal(bytes[0], 20);
	memset(bytes, 0xff, sizeof(bytes));
	gp_input_device_get_config(&rig.device, UINT32_MAX - 8, 8, bytes);
	assert_int_equal(bytes[0], 0);
	gp_input_device_set_config(&rig.device, 1, 1, (const uint8_t[]){ABS_X});
	gp_input_device_set_config(&rig.device, 100, 1, (const uint8_t[]){1});
	assert_int_equal(rig.device.select, VIRTIO_INPUT_CFG_ABS_INFO);
	assert_int_equal(rig.device.subsel, ABS_X);
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = VIRTIO_INPUT_CFG_ID_NAME;
	gp_input_device_set_config(&rig.device, 0, 136, bytes);
	gp_input_device_get_config(&rig.device, 0, 136, bytes);
	assert_string_equal((char *)bytes + 8, "Guestpane Tablet");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_bits),
		cmocka_unit_test(test_config_words),
		cmocka_unit_test(test_config_contact),
		cmocka_unit_test(test_config_nothing),
		cmocka_unit_test(test_config_access),
		cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_absolute_is_exact),
		cmocka_unit_test(test_wheel),
		cmocka_unit_test(test_relative),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_no_touch),
		cmocka_unit_test(test_whole_groups),
		cmocka_unit_test(test_coalescing),
		cmocka_unit_test(test_two_wheels),
		cmocka_unit_test(test_release_all),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_small_queue),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_leds),
	};
	return cmocka_run_group_tests_name("input", tests, NULL, NULL);
}
