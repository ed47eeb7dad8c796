/*
 * Input as on a real machine: the kernel's devices, udev, libinput, and a monitor on KMS.
 */

#include <endian.h>
#include <linux/input.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/e2e/input_device.h"
#include "tests/e2e/vm.h"
#include "tests/hostvm/kms.h"
#include "tests/hostvm/uinput.h"

/* For its first pen libinput reads what libwacom knows, which is slow on an emulated machine. */
#define CREATE_MS 120000

struct seat_case {
	struct vm vm;
	struct gg_blob blob;
	struct input_device keyboard, tablet, touch, pen;
	char config[96];
};

static void write_config(const struct seat_case *c, const char *transform, const char *more) {
	FILE *file = fopen(c->config, "we");
	assert_non_null(file);
	fprintf(file, "output %s {\n\ttransform %s\n}\n%s", kms_output(0), transform, more);
	assert_int_equal(fclose(file), 0);
}

static void case_start(struct seat_case *c, struct host *host) {
	struct input_device *const devices[] = {&c->keyboard, &c->tablet, &c->touch, &c->pen};
	static const char *const kinds[] = {"keyboard", "tablet", "touch", "pen"};
	const char *args[9] = {0};
	for (int i = 0; i < 4; i++) {
		input_init(devices[i], host, kinds[i], 0);
		args[2 * i] = "--input";
		args[2 * i + 1] = devices[i]->option;
	}
	snprintf(c->config, sizeof(c->config), "%s/config", host->dir);
	assert_true(kms_choose(KMS_BOCHS));
	write_config(c, "normal", "");
	host->backend = "libinput,drm";
	assert_true(host_start_compositor(
		host, 1, W, H, (const char *[]){"--config", c->config, NULL}));
	vm_start(&c->vm, host, 0, args);
	vm_blob(&c->vm, &c->blob, 1, RED);
	vm_show(&c->vm, 0, 1);
	for (int i = 0; i < 4; i++) {
		input_start(devices[i], INPUT_BUFFERS);
	}
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	input_skip(&c->tablet);
}

static void case_finish(struct seat_case *c) {
	fe_finish(&c->keyboard.fe);
	fe_finish(&c->tablet.fe);
	fe_finish(&c->touch.fe);
	fe_finish(&c->pen.fe);
	vm_finish(&c->vm);
}

static int create(struct seat_case *c, enum uinput_kind kind, const char *name) {
	struct host *host = c->vm.host;
	int64_t before = host_status_number(&host->compositor, "seat.devices");
	int fd = uinput_create(kind, name);
	assert_true(fd >= 0);
	assert_true(host_wait_number(&host->compositor, "seat.devices", before + 1, CREATE_MS));
	return fd;
}

static void send(int fd, uint16_t type, uint16_t code, int32_t value) {
	assert_true(uinput_send(fd, type, code, value));
}

static void end(int fd) {
	assert_true(uinput_end(fd));
}

/* The value of the axis in the next group; the others are dropped. */
static int32_t read_axis(struct input_device *device, uint16_t axis) {
	struct virtio_input_event event;
	int32_t value = -1;
	do {
		assert_true(input_next(device, &event, WAIT_MS));
		if (le16toh(event.type) == EV_ABS && le16toh(event.code) == axis) {
			value = (int32_t)le32toh(event.value);
		}
	} while (le16toh(event.type) != EV_SYN || value < 0);
	return value;
}

static uint32_t pixel(int32_t value, uint32_t length) {
	return (uint32_t)((uint64_t)value * length / 32768);
}

/* The device is pulled out with a key down. */
static void test_keyboard(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	int fd = create(&c, UINPUT_KEYBOARD, "Test Keyboard");
	send(fd, EV_KEY, KEY_A, 1);
	end(fd);
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	send(fd, EV_KEY, KEY_A, 0);
	send(fd, EV_KEY, KEY_LEFTSHIFT, 1);
	end(fd);
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	input_expect_group(&c.keyboard, EV_KEY, KEY_LEFTSHIFT, 1);
	close(fd);
	input_expect_group(&c.keyboard, EV_KEY, KEY_LEFTSHIFT, 0);
	case_finish(&c);
}

static void test_mouse(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	int fd = create(&c, UINPUT_MOUSE, "Test Mouse");
	send(fd, EV_REL, REL_X, 5);
	end(fd);
	assert_true(read_axis(&c.tablet, ABS_X) > 0); // libinput accelerates
	input_skip(&c.tablet);
	send(fd, EV_REL, REL_WHEEL_HI_RES, -120);
	send(fd, EV_REL, REL_WHEEL, -1);
	end(fd);
	input_expect(&c.tablet, EV_REL, REL_WHEEL_HI_RES, -120);
	input_expect_group(&c.tablet, EV_REL, REL_WHEEL, -1);
	send(fd, EV_REL, REL_HWHEEL_HI_RES, 120);
	send(fd, EV_REL, REL_HWHEEL, 1);
	end(fd);
	input_expect(&c.tablet, EV_REL, REL_HWHEEL_HI_RES, 120);
	input_expect_group(&c.tablet, EV_REL, REL_HWHEEL, 1);
	send(fd, EV_KEY, BTN_LEFT, 1);
	end(fd);
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	close(fd);
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 0);
	case_finish(&c);
}

static void put_finger(int fd, int32_t slot, int32_t id, int32_t x, int32_t y) {
	send(fd, EV_ABS, ABS_MT_SLOT, slot);
	send(fd, EV_ABS, ABS_MT_TRACKING_ID, id);
	send(fd, EV_ABS, ABS_MT_POSITION_X, x);
	send(fd, EV_ABS, ABS_MT_POSITION_Y, y);
	send(fd, EV_KEY, BTN_TOUCH, 1);
	end(fd);
}

static void test_touch(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	int fd = create(&c, UINPUT_TOUCH, "Test Touch Screen");
	put_finger(fd, 0, 7, 100, 50);
	input_expect(&c.touch, EV_ABS, ABS_MT_TRACKING_ID, 0);
	struct virtio_input_event event;
	assert_true(input_next(&c.touch, &event, WAIT_MS));
	assert_int_equal(le16toh(event.code), ABS_MT_POSITION_X);
	assert_int_equal(pixel((int32_t)le32toh(event.value), W), 100);
	assert_int_equal(pixel(read_axis(&c.touch, ABS_MT_POSITION_Y), H), 50);
	put_finger(fd, 1, 8, 639, 479);
	assert_int_equal(pixel(read_axis(&c.touch, ABS_MT_POSITION_X), W), 639);
	assert_int_equal(host_status_number(&host->compositor, "seat.touches"), 2);
	close(fd); // pulled out with two fingers on it
	input_expect(&c.touch, EV_ABS, ABS_MT_SLOT, 0);
	input_expect(&c.touch, EV_ABS, ABS_MT_TRACKING_ID, -1);
	case_finish(&c);
}

/* On a monitor that is turned: the finger is on the pixel that is seen there. */
static void test_turned(struct host *host) {
	struct seat_case c;
	struct gg_blob blob;
	case_start(&c, host);
	int fd = create(&c, UINPUT_TOUCH, "Test Touch Screen");
	write_config(&c, "90", "");
	assert_int_equal(kill(host->compositor.pid, SIGHUP), 0);
	assert_int_equal(gg_create_blob(&c.vm.fe, 2, SIZE, &blob), OK);
	for (uint32_t i = 0; i < W * H; i++) {
		blob.pixels[i] = vm_pattern(i % H, i / H);
	}
	assert_int_equal(gg_set_scanout_blob(&c.vm.fe, 0, 2, H, W), OK);
	vm_flush(&c.vm, 2, 0, 0, H, W);
	assert_true(host_wait_number(&host->compositor, "guests.0.scanouts.0.width", H, WAIT_MS));
	/* libinput has no middle of a pixel: the edge on the far side is the next pixel's. */
	assert_true(kms_wait_pixel(0, &c.vm.picture, 100, 50, vm_pattern(H - 1 - 50, 100)));
	put_finger(fd, 0, 7, 100, 50);
	input_expect(&c.touch, EV_ABS, ABS_MT_TRACKING_ID, 0);
	struct virtio_input_event event;
	assert_true(input_next(&c.touch, &event, WAIT_MS));
	uint32_t x = pixel((int32_t)le32toh(event.value), H);
	assert_true(x == H - 1 - 50 || x == H - 50);
	assert_int_equal(pixel(read_axis(&c.touch, ABS_MT_POSITION_Y), W), 100);
	close(fd);
	case_finish(&c);
}

static void test_pen(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	int fd = create(&c, UINPUT_PEN, "Test Pen");
	send(fd, EV_ABS, ABS_X, 100);
	send(fd, EV_ABS, ABS_Y, 50);
	send(fd, EV_ABS, ABS_TILT_X, 30);
	send(fd, EV_KEY, BTN_TOOL_PEN, 1);
	end(fd);
	assert_int_equal(pixel(read_axis(&c.pen, ABS_X), W), 100);
	send(fd, EV_ABS, ABS_X, 200);
	send(fd, EV_ABS, ABS_PRESSURE, 600);
	send(fd, EV_KEY, BTN_TOUCH, 1);
	end(fd);
	struct virtio_input_event event;
	bool touches = false;
	int32_t pressure = 0;
	while (!touches) {
		assert_true(input_next(&c.pen, &event, WAIT_MS));
		touches = le16toh(event.type) == EV_KEY && le16toh(event.code) == BTN_TOUCH;
		if (le16toh(event.code) == ABS_PRESSURE) {
			pressure = (int32_t)le32toh(event.value);
		}
	}
	printf("# pressure %d\n", pressure);
	assert_true(pressure > 0.4 * 65535 && pressure < 0.7 * 65535); // past libinput's threshold
	close(fd);
	do {
		assert_true(input_next(&c.pen, &event, WAIT_MS));
	} while (le16toh(event.type) != EV_KEY || le16toh(event.code) != BTN_TOOL_PEN);
	assert_int_equal(event.value, 0);
	case_finish(&c);
}

/* D14: the monitor is off while the output sleeps, and a key wakes it and reaches the guest. */
static void test_sleep(struct host *host) {
	struct seat_case c;
	struct gg_blob blue;
	uint32_t width, height;
	case_start(&c, host);
	int fd = create(&c, UINPUT_KEYBOARD, "Test Keyboard");
	assert_true(kms_wait_active(true));
	vm_blob(&c.vm, &blue, 2, BLUE);
	write_config(&c, "normal", "sleep-when-idle 1\n");
	assert_int_equal(kill(host->compositor.pid, SIGHUP), 0);
	assert_true(kms_wait_active(false));
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.power"), "asleep");
	assert_int_equal(kms_plane_fb(), 0);
	assert_true(vm_display_info(&c.vm, 0, &width, &height));
	assert_int_equal(width, W);

	/* The guest goes on, and takes back what was on the plane. */
	int64_t late = vm_counter(&c.vm, "replies.timeout");
	vm_show(&c.vm, 0, 2);
	assert_int_equal(gg_detach(&c.vm.fe, 1), OK);
	for (unsigned i = 0; i < 10; i++) {
		vm_flush(&c.vm, 2, 0, 0, W, H);
	}
	assert_int_equal(vm_counter(&c.vm, "replies.timeout"), late);
	assert_true(kms_wait_active(false));

	send(fd, EV_KEY, KEY_A, 1);
	end(fd);
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_true(kms_wait_active(true));
	assert_true(kms_wait_pixel(0, &c.vm.picture, W / 2, H / 2, BLUE));
	assert_int_not_equal(kms_plane_fb(), 0);
	send(fd, EV_KEY, KEY_A, 0);
	end(fd);
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	close(fd);
	case_finish(&c);
}

static const struct host_case cases[] = {
	{"keyboard", test_keyboard, 0},
	{"mouse", test_mouse, 0},
	{"touch screen", test_touch, 0},
	{"touch screen on a turned monitor", test_turned, 0},
	{"pen", test_pen, 0},
	{"sleep", test_sleep, 0},
};

int main(int argc, char **argv) {
	if (access("/dev/uinput", W_OK) != 0) {
		printf("1..0 # SKIP no /dev/uinput\n");
		return 0;
	}
	return vm_main("seat", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
