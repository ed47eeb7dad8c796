#include "vmm-bridge/input/device.h"

#include <endian.h>
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

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

static size_t rig_available_buffers(void *data, size_t wanted) {
	assert_true(wanted <= rig.max);
	return rig.available_buffers;
}

static size_t rig_queue_size(void *data) {
	return rig.max;
}

static bool rig_put_event(void *data, const struct virtio_input_event *event) {
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
	.available_buffers = rig_available_buffers,
	.queue_size = rig_queue_size,
	.put_event = rig_put_event,
	.leds = rig_leds,
};

static void rig_start(enum gp_input_kind kind, size_t n) {
	memset(&rig, 0, sizeof(rig));
	rig.available_buffers = n;
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

static void set_buffers(size_t n) {
	rig.available_buffers = n;
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
	set_buffers(5);
	ASSERT_LOG({EV_ABS, ABS_X, 1}, {EV_ABS, ABS_Y, 2}, SYN);
	key(BTN_LEFT, 1);
	ASSERT_LOG(KEY(BTN_LEFT, 1), SYN);
	key(BTN_LEFT, 0);
	assert_int_equal(rig.n, 0);
	set_buffers(64);
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
	set_buffers(64);
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
	set_buffers(64);
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
		set_buffers(4);
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
	set_buffers(64);
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
	set_buffers(1024);
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
	set_buffers(3); // one is too few for the rest
	ASSERT_LOG(KEY(KEY_A, 0), SYN);
	set_buffers(64);
	ASSERT_LOG(KEY(KEY_B, 1), SYN);

	rig_start(GP_INPUT_TABLET, 0);
	for (int i = 0; i < 1000; i++) {
		key(BTN_LEFT, 1);
		motion(i, 2 * i);
		key(BTN_LEFT, 0);
	}
	set_buffers(1024);
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
		set_buffers(4);
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
	set_buffers(64);
	ASSERT_LOG(KEY(KEY_A, 0), SYN, KEY(KEY_C, 1), SYN);

	gp_input_device_reset(&rig.device);
	set_buffers(64);
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
		cmocka_unit_test(test_no_touch),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_whole_groups),
		cmocka_unit_test(test_coalescing),
		cmocka_unit_test(test_two_wheels),
		cmocka_unit_test(test_release_all),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_small_queue),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_leds),
		cmocka_unit_test(test_config_access),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
