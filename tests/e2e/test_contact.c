#include <endian.h>
#include <linux/input.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/desktop.h"
#include "tests/e2e/input_device.h"
#include "tests/e2e/vm.h"

/* Fingers and pens on guestpane's window in a desktop: what arrives in the guest's rings. */

struct contact_case {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob blob;
	struct input_device tablet, touch, pen;
};

static void start(struct contact_case *c, struct host *host, const char *const *args) {
	desktop_start(&c->desktop, host);
	assert_true(host_start_compositor(host, 1, W, H, args));
	desktop_expect(&c->desktop, "shown 640 480");
	input_init(&c->tablet, host, "tablet", 0);
	input_init(&c->touch, host, "touch", 0);
	input_init(&c->pen, host, "pen", 0);
}

/* A VM with all devices that point. */
static void case_start(struct contact_case *c, struct host *host, const char *const *args) {
	start(c, host, args);
	vm_start(&c->vm, host, 0,
		(const char *[]){"--input", c->tablet.option, "--input", c->touch.option, "--input",
			c->pen.option, NULL});
	vm_blob(&c->vm, &c->blob, 1, RED);
	vm_show(&c->vm, 0, 1);
	input_start(&c->tablet, INPUT_BUFFERS);
	input_start(&c->touch, INPUT_BUFFERS);
	input_start(&c->pen, INPUT_BUFFERS);
	desktop_do(&c->desktop, "point 320 240");
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	input_skip(&c->tablet);
}

static void case_finish(struct contact_case *c) {
	fe_finish(&c->tablet.fe);
	fe_finish(&c->touch.fe);
	fe_finish(&c->pen.fe);
	vm_finish(&c->vm);
	assert_int_equal(host_stop(&c->vm.host->compositor), 0);
	desktop_end(&c->desktop);
}

/* The events of a packet by type and code. */
struct packet {
	int n; // events, without SYN_REPORT
	int32_t abs[ABS_CNT], keys[KEY_CNT];
	bool has_abs[ABS_CNT], has_key[KEY_CNT];
};

static struct packet *read_packet(struct input_device *device) {
	static struct packet packet;
	struct virtio_input_event event;
	memset(&packet, 0, sizeof(packet));
	while (true) {
		assert_true(input_next(device, &event, WAIT_MS));
		uint16_t type = le16toh(event.type), code = le16toh(event.code);
		int32_t value = (int32_t)le32toh(event.value);
		if (type == EV_SYN) {
			return &packet;
		}
		packet.n++;
		if (type == EV_ABS) {
			packet.abs[code] = value;
			packet.has_abs[code] = true;
		} else {
			assert_int_equal(type, EV_KEY);
			packet.keys[code] = value;
			packet.has_key[code] = true;
		}
	}
}

static uint32_t pixel(int32_t value, uint32_t length) {
	return (uint32_t)((uint64_t)value * length / 32768);
}

static void test_fingers(struct host *host) {
	struct contact_case c;
	case_start(&c, host, NULL);
	/* Two at once. */
	desktop_do(&c.desktop, "finger 3 down 100.5 50.5\nfinger 7 down 639.5 479.5\nfingers end");
	input_expect(&c.touch, EV_ABS, ABS_MT_TRACKING_ID, 0);
	struct packet *packet = read_packet(&c.touch);
	assert_int_equal(packet->abs[ABS_MT_SLOT], 1);
	assert_int_equal(packet->abs[ABS_MT_TRACKING_ID], 1);
	assert_int_equal(pixel(packet->abs[ABS_MT_POSITION_X], W), 639);
	assert_int_equal(pixel(packet->abs[ABS_MT_POSITION_Y], H), 479);
	assert_int_equal(packet->keys[BTN_TOUCH], 1);
	assert_int_equal(host_status_number(&host->compositor, "seat.touches"), 2);

	desktop_do(&c.desktop, "finger 3 move 0.5 50.5\nfingers end");
	packet = read_packet(&c.touch);
	assert_int_equal(packet->n, 2); // y is the same
	assert_true(packet->has_abs[ABS_MT_SLOT]);
	assert_int_equal(packet->abs[ABS_MT_SLOT], 0);
	assert_int_equal(pixel(packet->abs[ABS_MT_POSITION_X], W), 0);

	/* Beyond the window it stays at its edge. */
	desktop_do(&c.desktop, "finger 3 move -20 900\nfingers end");
	packet = read_packet(&c.touch);
	assert_int_equal(pixel(packet->abs[ABS_MT_POSITION_Y], H), H - 1);

	desktop_do(&c.desktop, "finger 7 up\nfingers end");
	packet = read_packet(&c.touch);
	assert_int_equal(packet->n, 2);
	assert_int_equal(packet->abs[ABS_MT_SLOT], 1);
	assert_int_equal(packet->abs[ABS_MT_TRACKING_ID], -1);
	desktop_do(&c.desktop, "finger 3 up\nfingers end");
	packet = read_packet(&c.touch);
	assert_int_equal(packet->abs[ABS_MT_TRACKING_ID], -1);
	assert_true(packet->has_key[BTN_TOUCH]);
	assert_int_equal(packet->keys[BTN_TOUCH], 0);
	assert_int_equal(host_status_number(&host->compositor, "seat.touches"), 0);

	/* A tap within a frame is seen. */
	desktop_do(&c.desktop, "finger 1 down 5.5 5.5\nfinger 1 up\nfingers end");
	packet = read_packet(&c.touch);
	assert_int_equal(packet->abs[ABS_MT_TRACKING_ID], 2);
	packet = read_packet(&c.touch);
	assert_int_equal(packet->abs[ABS_MT_TRACKING_ID], -1);
	input_expect_nothing(&c.tablet);
	input_expect_nothing(&c.pen);
	int64_t latency = host_status_number(c.vm.bridge, "inputs.1.latency_ms");
	printf("# from the seat to the ring: %jd ms\n", (intmax_t)latency);
	assert_true(latency >= 0 && latency < 2000);
	case_finish(&c);
}

static void put_fingers(struct contact_case *c, int n) {
	for (int i = 0; i < n; i++) {
		desktop_do(&c->desktop, "finger %d down %d %d\nfingers end", i, 10 + 20 * i, 100);
		assert_true(read_packet(&c->touch)->has_abs[ABS_MT_TRACKING_ID]);
	}
}

/* n fingers are lifted in one packet, and none touches any more. */
static void expect_lifted(struct contact_case *c, int n) {
	struct virtio_input_event event;
	int lifted = 0;
	bool touching = true;
	do {
		assert_true(input_next(&c->touch, &event, WAIT_MS));
		if (le16toh(event.code) == ABS_MT_TRACKING_ID && le16toh(event.type) == EV_ABS) {
			assert_int_equal(le32toh(event.value), UINT32_MAX);
			lifted++;
		} else if (le16toh(event.type) == EV_KEY) {
			assert_int_equal(le16toh(event.code), BTN_TOUCH);
			touching = event.value != 0;
		}
	} while (le16toh(event.type) != EV_SYN);
	assert_int_equal(lifted, n);
	assert_false(touching);
}

/* The desktop cancels touches; more fingers than the guest's touch screen knows. */
static void test_cancel(struct host *host) {
	struct contact_case c;
	case_start(&c, host, NULL);
	put_fingers(&c, 16);
	desktop_do(&c.desktop, "finger 16 down 400 100\nfingers end");
	input_expect_nothing(&c.touch);
	desktop_do(&c.desktop, "fingers cancel");
	expect_lifted(&c, 16);
	assert_int_equal(host_status_number(&host->compositor, "seat.touches"), 0);
	put_fingers(&c, 1);
	case_finish(&c);
}

/* D14: with its scanout off the guest keeps what touches it. When its VM ends it does not. */
static void test_off(struct host *host) {
	struct contact_case c;
	case_start(&c, host, NULL);
	put_fingers(&c, 2);
	desktop_do(&c.desktop, "pen in 20 30\npen down");
	assert_int_equal(read_packet(&c.pen)->keys[BTN_TOOL_PEN], 1);
	assert_int_equal(gg_set_scanout(&c.vm.fe, 0, 0, &(struct gp_rect){0}), OK);
	assert_true(host_wait_string(&host->compositor, "outputs.0.showing", "off", WAIT_MS));
	input_expect_nothing(&c.touch);
	desktop_do(&c.desktop, "finger 0 move 50.5 60.5\nfingers end");
	struct packet *packet = read_packet(&c.touch);
	assert_int_equal(pixel(packet->abs[ABS_MT_POSITION_X], W), 50);
	assert_int_equal(pixel(packet->abs[ABS_MT_POSITION_Y], H), 60);
	desktop_do(&c.desktop, "finger 5 down 639.5 479.5\nfingers end");
	packet = read_packet(&c.touch);
	assert_int_equal(pixel(packet->abs[ABS_MT_POSITION_X], W), W - 1);
	desktop_do(&c.desktop, "pen move 200.5 60.5 0.5 0 0");
	do {
		packet = read_packet(&c.pen);
		assert_false(packet->has_key[BTN_TOOL_PEN]);
	} while (!packet->has_abs[ABS_X] || pixel(packet->abs[ABS_X], W) != 200);

	vm_disconnect(&c.vm);
	expect_lifted(&c, 3);
	packet = read_packet(&c.pen);
	while (!packet->has_key[BTN_TOOL_PEN]) {
		packet = read_packet(&c.pen);
	}
	assert_int_equal(packet->keys[BTN_TOOL_PEN], 0);
	desktop_do(&c.desktop, "finger 6 down 9 9\nfinger 0 move 50 50\nfingers end");
	input_expect_nothing(&c.touch);
	case_finish(&c);
}

/* Devices that are unplugged release what they held. */
static void test_unplug(struct host *host) {
	struct contact_case c;
	case_start(&c, host, NULL);
	put_fingers(&c, 3);
	desktop_do(&c.desktop, "pen in 20 30");
	assert_int_equal(read_packet(&c.pen)->keys[BTN_TOOL_PEN], 1);
	desktop_do(&c.desktop, "unplug");
	expect_lifted(&c, 3);
	assert_int_equal(read_packet(&c.pen)->keys[BTN_TOOL_PEN], 0);
	case_finish(&c);
}

static void test_pen(struct host *host) {
	struct contact_case c;
	case_start(&c, host, NULL);
	desktop_do(&c.desktop, "pen in 100.5 50.5");
	struct packet *packet = read_packet(&c.pen);
	assert_int_equal(packet->keys[BTN_TOOL_PEN], 1);
	assert_false(packet->has_key[BTN_TOUCH]);
	assert_int_equal(pixel(packet->abs[ABS_X], W), 100);
	assert_int_equal(pixel(packet->abs[ABS_Y], H), 50);

	desktop_do(&c.desktop, "pen down\npen move 200.5 60.5 0.5 30 -45.5");
	do {
		packet = read_packet(&c.pen);
		printf("# %d events\n", packet->n);
	} while (!packet->has_abs[ABS_TILT_X]);
	assert_int_equal(packet->abs[ABS_TILT_X], 3000);
	assert_int_equal(packet->abs[ABS_TILT_Y], -4550);
	if (!packet->has_key[BTN_TOUCH]) {
		packet = read_packet(&c.pen);
	}
	assert_int_equal(packet->keys[BTN_TOUCH], 1);
	assert_int_equal(packet->abs[ABS_PRESSURE], 32767);

	desktop_do(&c.desktop, "pen button %d 1", BTN_STYLUS2);
	packet = read_packet(&c.pen);
	assert_int_equal(packet->n, 1);
	assert_int_equal(packet->keys[BTN_STYLUS2], 1);
	desktop_do(&c.desktop, "pen button %d 0", BTN_STYLUS2);
	assert_true(read_packet(&c.pen)->has_key[BTN_STYLUS2]);

	desktop_do(&c.desktop, "pen up");
	packet = read_packet(&c.pen);
	assert_true(packet->has_key[BTN_TOUCH]);
	assert_int_equal(packet->keys[BTN_TOUCH], 0);
	assert_true(packet->has_abs[ABS_PRESSURE]);
	assert_int_equal(packet->abs[ABS_PRESSURE], 0);
	desktop_do(&c.desktop, "pen out");
	packet = read_packet(&c.pen);
	assert_int_equal(packet->n, 1);
	assert_true(packet->has_key[BTN_TOOL_PEN]);
	input_expect_nothing(&c.tablet);
	input_expect_nothing(&c.touch);
	case_finish(&c);
}

/* A guest with nothing but a tablet: the first finger, and the pen, move its pointer. */
static void test_stand_in(struct host *host) {
	struct contact_case c;
	start(&c, host, NULL);
	vm_start(&c.vm, host, 0, (const char *[]){"--input", c.tablet.option, NULL});
	vm_blob(&c.vm, &c.blob, 1, RED);
	vm_show(&c.vm, 0, 1);
	input_start(&c.tablet, INPUT_BUFFERS);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	input_skip(&c.tablet);
	desktop_do(&c.desktop, "finger 0 down 100.5 50.5\nfinger 1 down 300 300\nfingers end");
	input_expect_pixel(&c.tablet, 100, 50, W, H);
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	desktop_do(&c.desktop, "finger 0 move 101.5 52.5\nfingers end");
	input_expect_pixel(&c.tablet, 101, 52, W, H);
	desktop_do(&c.desktop, "finger 1 up\nfinger 0 up\nfingers end");
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 0);
	desktop_do(&c.desktop, "pen in 11.5 12.5");
	input_expect_pixel(&c.tablet, 11, 12, W, H);
	desktop_do(&c.desktop, "pen down");
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	desktop_do(&c.desktop, "pen out");
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 0);
	input_expect_nothing(&c.tablet);
	case_finish(&c);
}

/* What the user touches is what he sees there: the pixel of the guest's pattern. */
static void assert_seen(
	struct contact_case *c, uint32_t panel_x, uint32_t panel_y, uint32_t x, uint32_t y) {
	uint64_t end = host_now_ms() + WAIT_MS;
	uint32_t color;
	do {
		desktop_do(&c->desktop, "pixel %u %u", panel_x, panel_y);
		color = (uint32_t)strtoul(desktop_expect(&c->desktop, "pixel "), NULL, 16);
	} while (color != vm_pattern(x, y) && host_now_ms() < end);
	assert_int_equal(color, vm_pattern(x, y));
}

static void write_config(const char *path, const char *transform, const char *scale) {
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "output WL-1 {\n\ttransform %s\n\tscale %s\n}\n", transform, scale);
	assert_int_equal(fclose(file), 0);
}

static void show_pattern(struct contact_case *c, uint32_t id, uint32_t w, uint32_t h) {
	struct gg_blob blob;
	assert_int_equal(gg_create_blob(&c->vm.fe, id, SIZE, &blob), OK);
	for (uint32_t i = 0; i < w * h; i++) {
		blob.pixels[i] = vm_pattern(i % w, i / w);
	}
	assert_int_equal(gg_set_scanout_blob(&c->vm.fe, 0, id, w, h), OK);
	vm_flush(&c->vm, id, 0, 0, w, h);
}

/* Pointer, finger and pen at one spot of an output that is turned and has a scale. */
static void test_transforms(struct host *host) {
	static const struct {
		const char *transform;
		uint32_t x, y; // in the guest, for 100, 50 of the panel
		bool is_turned;
	} rows[] = {
		{"normal", 100, 50, false},
		{"90", 429, 100, true},
		{"180", 539, 429, false},
		{"270", 50, 539, true},
		{"flipped", 539, 50, false},
		{"flipped-90", 50, 100, true},
		{"flipped-180", 100, 429, false},
		{"flipped-270", 429, 539, true},
	};
	static const char *const scales[] = {"1", "1.5", "2"};
	struct contact_case c;
	char path[96];
	snprintf(path, sizeof(path), "%s/config", host->dir);
	write_config(path, "normal", "1");
	case_start(&c, host, (const char *[]){"--config", path, NULL});
	show_pattern(&c, 2, W, H);
	show_pattern(&c, 3, H, W);
	for (size_t i = 0; i < 24; i++) {
		uint32_t x = rows[i % 8].x, y = rows[i % 8].y;
		bool is_turned = rows[i % 8].is_turned;
		uint32_t w = is_turned ? H : W, h = is_turned ? W : H;
		write_config(path, rows[i % 8].transform, scales[i / 8]);
		assert_int_equal(kill(host->compositor.pid, SIGHUP), 0);
		assert_int_equal(gg_set_scanout_blob(&c.vm.fe, 0, is_turned ? 3 : 2, w, h), OK);
		vm_flush(&c.vm, is_turned ? 3 : 2, 0, 0, w, h);
		assert_true(host_wait_number(
			&host->compositor, "guests.0.scanouts.0.width", w, WAIT_MS));
		printf("# %s, scale %s\n", rows[i % 8].transform, scales[i / 8]);
		assert_seen(&c, 100, 50, x, y);

		desktop_do(&c.desktop, "point 1 1\npoint 100.5 50.5");
		desktop_do(&c.desktop, "finger 0 down 100.5 50.5\nfinger 0 up\nfingers end");
		desktop_do(&c.desktop, "pen in 100.5 50.5\npen move 100.5 50.5 0 20 10");
		struct packet *packet = read_packet(&c.touch);
		assert_int_equal(pixel(packet->abs[ABS_MT_POSITION_X], w), x);
		assert_int_equal(pixel(packet->abs[ABS_MT_POSITION_Y], h), y);
		read_packet(&c.touch);
		packet = read_packet(&c.pen);
		assert_int_equal(pixel(packet->abs[ABS_X], w), x);
		assert_int_equal(pixel(packet->abs[ABS_Y], h), y);
		desktop_do(&c.desktop, "pen out");
		while (!packet->has_key[BTN_TOOL_PEN] || packet->keys[BTN_TOOL_PEN] != 0) {
			packet = read_packet(&c.pen);
		}
		struct virtio_input_event event;
		int32_t abs[2] = {-1, -1};
		while (input_next(&c.tablet, &event, INPUT_SOON_MS)) {
			if (le16toh(event.type) == EV_ABS) {
				abs[le16toh(event.code)] = (int32_t)le32toh(event.value);
			}
		}
		assert_int_equal(pixel(abs[ABS_X], w), x);
		assert_int_equal(pixel(abs[ABS_Y], h), y);
	}
	case_finish(&c);
}

static const struct host_case cases[] = {
	{"fingers", test_fingers, 0},
	{"fingers cancelled", test_cancel, 0},
	{"scanout off", test_off, 0},
	{"devices unplugged", test_unplug, 0},
	{"pen", test_pen, 0},
	{"pointer stands in", test_stand_in, 0},
	{"transforms and scales", test_transforms, 0},
};

int main(int argc, char **argv) {
	return vm_main("contact", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
