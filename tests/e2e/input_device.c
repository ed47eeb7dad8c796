#include "tests/e2e/input_device.h"

#include <endian.h>
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"

void input_init(struct input_device *device, struct host *host, const char *kind, unsigned vm) {
	snprintf(device->path, sizeof(device->path), "%s/%u-%s", host->dir, vm, kind);
	snprintf(device->option, sizeof(device->option), "%s=%s", kind, device->path);
	device->fe.socket = -1;
}

void input_give_buffers(struct input_device *device, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		assert_true(fe_submit(&device->fe, INPUT_EVENTS, NULL, 0,
				    sizeof(struct virtio_input_event)) >= 0);
	}
}

void input_start(struct input_device *device, unsigned buffers) {
	assert_true(fe_connect(&device->fe, device->path, -1));
	assert_true(fe_negotiate(&device->fe, 0));
	assert_true(fe_start(&device->fe));
	input_give_buffers(device, buffers);
}

bool input_next(struct input_device *device, struct virtio_input_event *event, int timeout_ms) {
	uint32_t written = 0;
	if (fe_wait_used(&device->fe, INPUT_EVENTS, event, sizeof(*event), &written, timeout_ms) <
		0) {
		return false;
	}
	assert_int_equal(written, sizeof(*event));
	input_give_buffers(device, 1);
	return true;
}

void input_expect(struct input_device *device, uint16_t type, uint16_t code, int32_t value) {
	struct virtio_input_event event;
	if (!input_next(device, &event, WAIT_MS)) {
		fail_msg("no event, for %u %u %d", type, code, value);
	}
	if (le16toh(event.type) != type || le16toh(event.code) != code ||
		(int32_t)le32toh(event.value) != value) {
		fail_msg("%u %u %d, not %u %u %d", le16toh(event.type), le16toh(event.code),
			(int32_t)le32toh(event.value), type, code, value);
	}
}

void input_expect_group(struct input_device *device, uint16_t type, uint16_t code, int32_t value) {
	input_expect(device, type, code, value);
	input_expect(device, EV_SYN, SYN_REPORT, 0);
}

void input_expect_nothing(struct input_device *device) {
	struct virtio_input_event event;
	if (input_next(device, &event, INPUT_SOON_MS)) {
		fail_msg("%u %u %d, not nothing", le16toh(event.type), le16toh(event.code),
			(int32_t)le32toh(event.value));
	}
}

/* Takes what there is. */
void input_skip(struct input_device *device) {
	struct virtio_input_event event;
	while (input_next(device, &event, INPUT_SOON_MS)) {
	}
}

/* The pixel of a tablet's event, as libinput finds it. */
static uint32_t read_pixel(struct input_device *device, uint16_t axis, uint32_t length) {
	struct virtio_input_event event;
	assert_true(input_next(device, &event, WAIT_MS));
	assert_int_equal(le16toh(event.type), EV_ABS);
	assert_int_equal(le16toh(event.code), axis);
	return (uint32_t)((uint64_t)le32toh(event.value) * length / 32768);
}

void input_expect_pixel(
	struct input_device *device, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
	assert_int_equal(read_pixel(device, ABS_X, w), x);
	assert_int_equal(read_pixel(device, ABS_Y, h), y);
	input_expect(device, EV_SYN, SYN_REPORT, 0);
}
