/* Touch screens and pens: states become packets, whatever room the guest has. */

#include <endian.h>
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmm-bridge/input/device.h"

#define LOG_MAX 8192
#define SMALL 4 // buffers of QEMU's vhost-user-input-pci

static struct {
	struct gp_input_device device;
	size_t available_buffers, max;
	struct gp_input_event log[LOG_MAX];
	size_t n;
	struct gp_input_state now; // of the user's hands
	/* What the guest makes of it, as Linux' evdev and libevdev do. */
	unsigned slot;
	struct gp_contact open[GP_TOUCH_SLOTS], seen[GP_TOUCH_SLOTS];
	int32_t abs[ABS_CNT];
	bool keys[KEY_CNT];
} rig;

static size_t rig_available_buffers(void *data, size_t wanted) {
	return rig.available_buffers;
}

static size_t rig_queue_size(void *data) {
	return rig.max;
}

static void see_axis(uint16_t code, int32_t value) {
	struct gp_contact *contact = &rig.open[rig.slot];
	switch (code) {
	case ABS_MT_SLOT:
		assert_true(value >= 0 && value < GP_TOUCH_SLOTS);
		assert_int_not_equal(value, rig.slot); // would be no news
		rig.slot = (unsigned)value;
		break;
	case ABS_MT_TRACKING_ID:
		/* One ends before another begins, and the guest has seen that. */
		assert_int_equal(value == -1, contact->tracking != 0);
		assert_true(value == -1 || rig.seen[rig.slot].tracking == 0);
		contact->tracking = (uint32_t)(value + 1);
		break;
	case ABS_MT_POSITION_X:
		assert_int_not_equal(contact->tracking, 0);
		contact->x = value;
		break;
	case ABS_MT_POSITION_Y:
		assert_int_not_equal(contact->tracking, 0);
		contact->y = value;
		break;
	default:
		rig.abs[code] = value;
	}
}

static bool rig_put_event(void *data, const struct virtio_input_event *wire) {
	const struct gp_input_event event = {
		le16toh(wire->type), le16toh(wire->code), (int32_t)le32toh(wire->value)};
	assert_true(rig.available_buffers > 0 && rig.n < LOG_MAX);
	rig.available_buffers--;
	rig.log[rig.n++] = event;
	if (event.type == EV_ABS) {
		see_axis(event.code, event.value);
	} else if (event.type == EV_KEY) {
		assert_int_not_equal(rig.keys[event.code], event.value);
		rig.keys[event.code] = event.value != 0;
	} else {
		memcpy(rig.seen, rig.open, sizeof(rig.seen));
	}
	return true;
}

static void rig_leds(void *data, uint32_t leds) {
	fail();
}

static const struct gp_input_ops rig_ops = {
	.available_buffers = rig_available_buffers,
	.queue_size = rig_queue_size,
	.put_event = rig_put_event,
	.leds = rig_leds,
};

static void start(enum gp_input_kind kind, size_t n, size_t max) {
	memset(&rig, 0, sizeof(rig));
	rig.available_buffers = n;
	rig.max = max;
	gp_input_device_init(&rig.device, kind, GP_INPUT_ALL_SCANOUTS, &rig_ops, NULL);
	gp_input_device_flush(&rig.device);
	assert_int_equal(rig.n, 0);
}

static void send(void) {
	gp_input_device_set_state(&rig.device, &rig.now, 1);
}

/* tracking 0: lifted. */
static void touch(unsigned slot, uint32_t tracking, int32_t x, int32_t y) {
	rig.now.touch.contacts[slot] = (struct gp_contact){tracking, x, y};
}

static void set_buffers(size_t n) {
	rig.available_buffers = n;
	gp_input_device_flush(&rig.device);
}

static void give_all_room(void) {
	for (int i = 0; i < 1000; i++) {
		set_buffers(rig.max);
	}
}

static void assert_seen(void) {
	bool touching = false;
	for (unsigned i = 0; i < GP_TOUCH_SLOTS; i++) {
		const struct gp_contact *wanted = &rig.now.touch.contacts[i];
		assert_int_equal(rig.seen[i].tracking, wanted->tracking);
		if (wanted->tracking != 0) {
			assert_int_equal(rig.seen[i].x, wanted->x);
			assert_int_equal(rig.seen[i].y, wanted->y);
			touching = true;
		}
	}
	assert_int_equal(rig.keys[BTN_TOUCH], touching);
	assert_int_equal(gp_state_queue_packet(&rig.device.states), 0);
}

static void assert_log(const struct gp_input_event *events, size_t n) {
	for (size_t i = 0; i < n && i < rig.n; i++) {
		if (memcmp(&rig.log[i], &events[i], sizeof(events[i])) != 0) {
			fail_msg("event %zu is %u %#x %d, not %u %#x %d", i, rig.log[i].type,
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
#define ABS(code, value) {EV_ABS, ABS_##code, value}

static void test_touch(void **state) {
	start(GP_INPUT_TOUCH, 64, 64);
	touch(0, 1, 10, 0);
	send();
	ASSERT_LOG(ABS(MT_TRACKING_ID, 0), ABS(MT_POSITION_X, 10), ABS(MT_POSITION_Y, 0),
		KEY(BTN_TOUCH, 1), SYN);
	touch(1, 2, 30, 40);
	touch(0, 1, 10, 21);
	send();
	ASSERT_LOG(ABS(MT_POSITION_Y, 21), ABS(MT_SLOT, 1), ABS(MT_TRACKING_ID, 1),
		ABS(MT_POSITION_X, 30), ABS(MT_POSITION_Y, 40), SYN);
	send(); // no news
	assert_int_equal(rig.n, 0);
	touch(0, 0, 0, 0);
	send();
	ASSERT_LOG(ABS(MT_SLOT, 0), ABS(MT_TRACKING_ID, -1), SYN);
	touch(0, 3, 10, 21); // where the one before was: sent again
	touch(1, 0, 0, 0);
	send();
	ASSERT_LOG(ABS(MT_TRACKING_ID, 2), ABS(MT_POSITION_X, 10), ABS(MT_POSITION_Y, 21),
		ABS(MT_SLOT, 1), ABS(MT_TRACKING_ID, -1), SYN);
	assert_seen();
	assert_int_equal(gp_input_device_counters(&rig.device)->groups, 4);
	gp_input_device_release_all(&rig.device);
	ASSERT_LOG(ABS(MT_SLOT, 0), ABS(MT_TRACKING_ID, -1), KEY(BTN_TOUCH, 0), SYN);
	assert_int_equal(gp_input_device_counters(&rig.device)->released, 1);
	assert_true(rig.device.latency_ns > 0);
}

/* A packet that fits is whole or not there; one that never fits comes piece by piece. */
static void test_room(void **state) {
	start(GP_INPUT_TOUCH, 4, 64);
	touch(0, 1, 10, 20);
	send();
	assert_int_equal(rig.n, 0);
	set_buffers(5);
	assert_int_equal(rig.n, 5);
	assert_seen();

	start(GP_INPUT_TOUCH, 3, SMALL);
	touch(0, 1, 10, 20);
	send();
	assert_int_equal(rig.n, 3);
	assert_int_equal(rig.seen[0].tracking, 0); // not yet
	set_buffers(1);
	assert_int_equal(rig.seen[0].tracking, 0);
	set_buffers(1);
	assert_seen();
	rig.n = 0;
	set_buffers(3);
	touch(0, 1, 11, 21);
	send(); // fits
	ASSERT_LOG(ABS(MT_POSITION_X, 11), ABS(MT_POSITION_Y, 21), SYN);
	for (unsigned i = 0; i < GP_TOUCH_SLOTS; i++) {
		touch(i, 10 + i, 100, 100);
	}
	send();
	give_all_room();
	assert_seen();
}

/* Motion that waits is put together; taps are not. */
static void test_coalescing(void **state) {
	start(GP_INPUT_TOUCH, 0, SMALL);
	touch(0, 1, 1, 1);
	send();
	for (int i = 2; i < 500; i++) {
		touch(0, 1, i, i);
		send();
	}
	touch(1, 2, 5, 5);
	send();
	for (int i = 0; i < 500; i++) {
		touch(i % 2, 1 + (uint32_t)i % 2, i, i);
		send();
	}
	touch(0, 0, 0, 0);
	touch(1, 0, 0, 0);
	send();
	touch(0, 3, 7, 7);
	send();
	touch(0, 0, 0, 0);
	send();
	assert_int_equal(gp_input_device_waiting(&rig.device), 5);
	assert_int_equal(gp_input_device_counters(&rig.device)->dropped, 0);
	assert_int_equal(gp_input_device_counters(&rig.device)->coalesced, 998);
	give_all_room();
	assert_seen();
	unsigned begun = 0;
	for (size_t i = 0; i < rig.n; i++) {
		begun += rig.log[i].code == ABS_MT_TRACKING_ID && rig.log[i].value >= 0;
	}
	assert_int_equal(begun, 3);
}

/* A guest that gives no buffers: nothing grows, and in the end no finger hangs. */
static void test_overflow(void **state) {
	start(GP_INPUT_TOUCH, 3, SMALL); // in the midst of a packet
	for (uint32_t i = 0; i < 1000; i++) {
		touch(0, 1 + 2 * i, (int32_t)i, 1);
		send();
		touch(0, 0, 0, 0);
		send();
	}
	touch(0, 5000, 7, 8);
	touch(5, 5001, 9, 10);
	send();
	assert_true(gp_input_device_counters(&rig.device)->dropped > 1000);
	assert_true(gp_input_device_waiting(&rig.device) <= GP_STATES_MAX);
	give_all_room();
	assert_seen();
	assert_true(rig.n < 16 * GP_STATES_MAX);
}

/* The guest stops in the midst of a packet, and continues. */
static void test_pause(void **state) {
	start(GP_INPUT_TOUCH, 2, SMALL);
	touch(3, 1, 10, 20);
	send();
	rig.max = 0;
	gp_input_device_pause(&rig.device);
	touch(3, 0, 0, 0);
	send();
	touch(3, 2, 30, 40); // takes the place of the first one
	send();
	rig.max = SMALL;
	give_all_room();
	assert_seen();

	rig.n = 0;
	gp_input_device_reset(&rig.device);
	memset(rig.seen, 0, sizeof(rig.seen));
	memset(rig.open, 0, sizeof(rig.open));
	memset(rig.keys, 0, sizeof(rig.keys));
	rig.slot = 0;
	give_all_room();
	assert_int_equal(rig.n, 0); // the new guest knows of no finger
	memset(&rig.now, 0, sizeof(rig.now));
	touch(0, 9, 1, 1);
	send();
	give_all_room();
	assert_seen();
}

static void test_pen(void **state) {
	struct gp_pen_state *pen = &rig.now.pen;
	start(GP_INPUT_PEN, 64, 64);
	pen->tool = GP_PEN_TIP;
	pen->axes[GP_PEN_X] = 10;
	pen->axes[GP_PEN_Y] = 20;
	send();
	ASSERT_LOG(ABS(X, 10), ABS(Y, 20), KEY(BTN_TOOL_PEN, 1), SYN);
	pen->axes[GP_PEN_PRESSURE] = 30000;
	pen->axes[GP_PEN_TILT_Y] = -4500;
	pen->buttons[GP_PEN_TOUCH] = true;
	pen->buttons[GP_PEN_STYLUS2] = true;
	send();
	ASSERT_LOG(ABS(PRESSURE, 30000), ABS(TILT_Y, -4500), KEY(BTN_TOUCH, 1), KEY(BTN_STYLUS2, 1),
		SYN);

	/* The other end of it. */
	pen->tool = GP_PEN_RUBBER;
	pen->axes[GP_PEN_PRESSURE] = 0;
	pen->buttons[GP_PEN_TOUCH] = pen->buttons[GP_PEN_STYLUS2] = false;
	send();
	ASSERT_LOG(KEY(BTN_TOUCH, 0), KEY(BTN_STYLUS2, 0), ABS(PRESSURE, 0), KEY(BTN_TOOL_PEN, 0),
		SYN, KEY(BTN_TOOL_RUBBER, 1), SYN);
	gp_input_device_release_all(&rig.device);
	ASSERT_LOG(KEY(BTN_TOOL_RUBBER, 0), SYN);
	gp_input_device_release_all(&rig.device);
	assert_int_equal(rig.n, 0);
}

/* In QEMU's small queue; what waits is put together unless something is pressed in between. */
static void test_pen_waits(void **state) {
	struct gp_pen_state *pen = &rig.now.pen;
	start(GP_INPUT_PEN, 0, SMALL);
	pen->tool = GP_PEN_TIP;
	for (int i = 0; i < 100; i++) {
		for (int axis = 0; axis < GP_PEN_AXES; axis++) {
			pen->axes[axis] = i;
		}
		send();
	}
	pen->buttons[GP_PEN_TOUCH] = true;
	send();
	pen->buttons[GP_PEN_TOUCH] = false;
	send();
	assert_int_equal(gp_input_device_waiting(&rig.device), 3);
	give_all_room();
	ASSERT_LOG(ABS(X, 99), ABS(Y, 99), ABS(PRESSURE, 99), ABS(TILT_X, 99), ABS(TILT_Y, 99),
		KEY(BTN_TOOL_PEN, 1), SYN, KEY(BTN_TOUCH, 1), SYN, KEY(BTN_TOUCH, 0), SYN);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_touch),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_coalescing),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_pen),
		cmocka_unit_test(test_pen_waits),
	};
	return cmocka_run_group_tests_name("input_state", tests, NULL, NULL);
}
