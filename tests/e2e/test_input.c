#include <endian.h>
#include <errno.h>
#include <linux/input.h>
#include <linux/virtio_input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"
#include "tests/harness/fake_seat.h"
#include "vmm-bridge/vhost/message.h"

/* The bridge, the compositor and a fake seat: what arrives in the rings of the input devices. */

#define EVENTS 0
#define STATUS 1
#define BUFFERS 64
#define SOON_MS 200 // for what must not come

struct device {
	struct fe fe;
	char path[96];
	char option[128]; // --input of it
};

struct seat_case {
	struct vm vm;
	struct gg_blob blob;
	struct fake_seat seat;
	struct device keyboard, tablet;
};

/* The driver's side of an input device. */

static void device_init(struct device *device, struct host *host, const char *kind, unsigned vm) {
	snprintf(device->path, sizeof(device->path), "%s/%u-%s", host->dir, vm, kind);
	snprintf(device->option, sizeof(device->option), "%s=%s", kind, device->path);
	device->fe.socket = -1;
}

static void give_buffers(struct device *device, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		assert_true(fe_submit(&device->fe, EVENTS, NULL, 0,
				    sizeof(struct virtio_input_event)) >= 0);
	}
}

static void device_start(struct device *device, unsigned buffers) {
	assert_true(fe_connect(&device->fe, device->path, -1));
	assert_true(fe_negotiate(&device->fe, 0));
	assert_true(fe_start(&device->fe));
	give_buffers(device, buffers);
}

static bool next_event(struct device *device, struct virtio_input_event *event, int timeout_ms) {
	uint32_t written = 0;
	if (fe_wait_used(&device->fe, EVENTS, event, sizeof(*event), &written, timeout_ms) < 0) {
		return false;
	}
	assert_int_equal(written, sizeof(*event));
	give_buffers(device, 1);
	return true;
}

static void expect(struct device *device, uint16_t type, uint16_t code, int32_t value) {
	struct virtio_input_event event;
	if (!next_event(device, &event, WAIT_MS)) {
		fail_msg("no event, for %u %u %d", type, code, value);
	}
	if (le16toh(event.type) != type || le16toh(event.code) != code ||
		(int32_t)le32toh(event.value) != value) {
		fail_msg("%u %u %d, not %u %u %d", le16toh(event.type), le16toh(event.code),
			(int32_t)le32toh(event.value), type, code, value);
	}
}

static void expect_group(struct device *device, uint16_t type, uint16_t code, int32_t value) {
	expect(device, type, code, value);
	expect(device, EV_SYN, SYN_REPORT, 0);
}

static void expect_nothing(struct device *device) {
	struct virtio_input_event event;
	if (next_event(device, &event, SOON_MS)) {
		fail_msg("%u %u %d, not nothing", le16toh(event.type), le16toh(event.code),
			(int32_t)le32toh(event.value));
	}
}

/* Takes what there is. */
static void skip_events(struct device *device) {
	struct virtio_input_event event;
	while (next_event(device, &event, SOON_MS)) {
	}
}

/* The pixel of a tablet's event, as libinput finds it. */
static uint32_t read_pixel(struct device *device, uint16_t axis, uint32_t length) {
	struct virtio_input_event event;
	assert_true(next_event(device, &event, WAIT_MS));
	assert_int_equal(le16toh(event.type), EV_ABS);
	assert_int_equal(le16toh(event.code), axis);
	return (uint32_t)((uint64_t)le32toh(event.value) * length / 32768);
}

static void expect_pixel(struct device *device, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
	assert_int_equal(read_pixel(device, ABS_X, w), x);
	assert_int_equal(read_pixel(device, ABS_Y, h), y);
	expect(device, EV_SYN, SYN_REPORT, 0);
}

static void start_compositor(struct host *host, unsigned outputs) {
	assert_true(host_start_compositor(host, outputs, CASE_WIDTH, CASE_HEIGHT,
		(const char *[]){"--allow-virtual-input", NULL}));
}

static void connect_seat(struct fake_seat *seat, struct host *host) {
	char path[96];
	snprintf(path, sizeof(path), "%s/%s", host->dir, host->wayland_display);
	assert_true(fake_seat_connect(seat, path));
}

/* A machine with a keyboard and a tablet, its picture on the only output, and a seat. */
static void case_start(struct seat_case *c, struct host *host) {
	start_compositor(host, 1);
	device_init(&c->keyboard, host, "keyboard", 0);
	device_init(&c->tablet, host, "tablet", 0);
	vm_start(&c->vm, host, 0,
		(const char *[]){"--input", c->keyboard.option, "--input", c->tablet.option, NULL});
	vm_show_new(&c->vm, &c->blob, 1, RED);
	device_start(&c->keyboard, BUFFERS);
	device_start(&c->tablet, BUFFERS);
	connect_seat(&c->seat, host);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	skip_events(&c->tablet); // where the pointer is at first
}

static void case_finish(struct seat_case *c) {
	fake_seat_finish(&c->seat);
	fe_finish(&c->keyboard.fe);
	fe_finish(&c->tablet.fe);
	vm_finish(&c->vm);
}

/* Cases. */

static void test_keys(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	const uint16_t keys[] = {KEY_ESC, KEY_A, KEY_LEFTSHIFT, KEY_102ND, KEY_MICMUTE, KEY_F12};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_true(fake_seat_key(&c.seat, keys[i], true));
		expect_group(&c.keyboard, EV_KEY, keys[i], 1);
		assert_true(fake_seat_key(&c.seat, keys[i], false));
		expect_group(&c.keyboard, EV_KEY, keys[i], 0);
	}
	expect_nothing(&c.tablet);
	assert_true(host_wait_number(c.vm.bridge, "inputs.0.events", 12, WAIT_MS));
	assert_int_equal(host_status_number(c.vm.bridge, "inputs.0.dropped"), 0);
	int64_t latency = host_status_number(c.vm.bridge, "inputs.0.latency_ms");
	printf("# from the seat to the ring: %jd ms\n", (intmax_t)latency);
	assert_true(latency >= 0 && latency < 1000);
	case_finish(&c);
}

/* Each corner and some points between, to the pixel. */
static void test_points(struct host *host) {
	struct seat_case c;
	const uint32_t points[][2] = {
		{W - 1, H - 1}, {0, 0}, {W - 1, 0}, {0, H - 1}, {1, 1}, {333, 222}, {639, 7}};
	case_start(&c, host);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		assert_true(fake_seat_point(&c.seat, points[i][0], points[i][1], W, H));
		expect_pixel(&c.tablet, points[i][0], points[i][1], W, H);
	}
	assert_true(fake_seat_move(&c.seat, -100, 50));
	expect_pixel(&c.tablet, 539, 57, W, H);
	expect_nothing(&c.keyboard);
	case_finish(&c);
}

/* A picture that is scaled, with bars beside it. */
static void test_scaled_picture(struct host *host) {
	struct seat_case c;
	const uint32_t w = 160, h = 240; // shown as 320 × 480 in the middle
	case_start(&c, host);
	assert_int_equal(gg_set_scanout_blob(&c.vm.fe, 0, 1, w, h), OK);
	vm_flush(&c.vm, 1, 0, 0, w, h);
	assert_true(host_wait_number(&host->compositor, "guests.0.scanouts.0.width", w, WAIT_MS));
	skip_events(&c.tablet);
	const uint32_t rows[][4] = {{160, 0, 0, 0}, {162, 2, 1, 1}, {320, 240, 80, 120},
		{479, 479, 159, 239}, {10, 100, 0, 50}, {630, 100, 159, 50}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(fake_seat_point(&c.seat, rows[i][0], rows[i][1], W, H));
		if (i > 0) { // it was there already
			expect_pixel(&c.tablet, rows[i][2], rows[i][3], w, h);
		} else {
			skip_events(&c.tablet);
		}
	}
	case_finish(&c);
}

static void test_buttons_and_wheels(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	const uint16_t buttons[] = {BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA};
	for (size_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++) {
		assert_true(fake_seat_button(&c.seat, buttons[i], true));
		expect_group(&c.tablet, EV_KEY, buttons[i], 1);
		assert_true(fake_seat_button(&c.seat, buttons[i], false));
		expect_group(&c.tablet, EV_KEY, buttons[i], 0);
	}
	assert_true(fake_seat_scroll(&c.seat, false, 15, 1));
	expect(&c.tablet, EV_REL, REL_WHEEL_HI_RES, -120);
	expect_group(&c.tablet, EV_REL, REL_WHEEL, -1);
	assert_true(fake_seat_scroll(&c.seat, true, 30, 2));
	expect(&c.tablet, EV_REL, REL_HWHEEL_HI_RES, 240);
	expect_group(&c.tablet, EV_REL, REL_HWHEEL, 2);
	assert_true(fake_seat_scroll(&c.seat, false, -5, 0));
	expect_group(&c.tablet, EV_REL, REL_WHEEL_HI_RES, 40);
	case_finish(&c);
}

/* A seat's device that goes takes its hands off. */
static void test_unplug(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
	expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	assert_true(fake_seat_unplug(&c.seat));
	expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	expect_group(&c.tablet, EV_KEY, BTN_LEFT, 0);
	case_finish(&c);
}

/* A key that two keyboards hold is down until both let it go. */
static void test_two_keyboards(struct host *host) {
	struct seat_case c;
	struct fake_seat other;
	case_start(&c, host);
	connect_seat(&other, host);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	assert_true(fake_seat_key(&other, KEY_A, true));
	expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	fake_seat_finish(&other);
	expect_nothing(&c.keyboard);
	assert_true(fake_seat_key(&c.seat, KEY_A, false));
	expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	case_finish(&c);
}

/* The compositor dies with a key and a button down. */
static void test_compositor_lost(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
	expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	host_kill(&host->compositor);
	expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	expect_group(&c.tablet, EV_KEY, BTN_LEFT, 0);
	assert_true(host_wait_number(c.vm.bridge, "inputs.0.released", 1, WAIT_MS));
	case_finish(&c);
}

/* The guest's picture goes, and with it the focus. */
static void test_hidden(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_int_equal(gg_set_scanout(&c.vm.fe, 0, 0, &(struct gp_rect){0}), OK);
	expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "", WAIT_MS));
	assert_true(fake_seat_key(&c.seat, KEY_B, true));
	expect_nothing(&c.keyboard);
	/* What is held when it comes back is seen. */
	vm_show(&c.vm, 0, 1);
	expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	expect_group(&c.keyboard, EV_KEY, KEY_B, 1);
	case_finish(&c);
}

/* Two machines on one output: the chord switches, and only one of them is typed to. */
static void test_switch(struct host *host) {
	struct seat_case c;
	struct vm other;
	struct gg_blob blob;
	struct device keyboard;
	case_start(&c, host);
	device_init(&keyboard, host, "keyboard", 1);
	vm_start(&other, host, 1, (const char *[]){"--input", keyboard.option, NULL});
	device_start(&keyboard, BUFFERS);
	vm_show_new(&other, &blob, 1, BLUE); // the newest picture is shown
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm1", WAIT_MS));
	assert_true(fake_seat_key(&c.seat, KEY_X, true));
	expect_group(&keyboard, EV_KEY, KEY_X, 1);
	expect_nothing(&c.keyboard);

	assert_true(fake_seat_key(&c.seat, KEY_LEFTCTRL, true));
	expect_group(&keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	assert_true(fake_seat_key(&c.seat, KEY_LEFTMETA, true));
	expect_group(&keyboard, EV_KEY, KEY_LEFTMETA, 1);
	assert_true(fake_seat_key(&c.seat, KEY_TAB, true));
	vm_assert_color(&c.vm, OUTPUT, RED);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	expect_group(&keyboard, EV_KEY, KEY_LEFTCTRL, 0);
	expect_group(&keyboard, EV_KEY, KEY_X, 0);
	expect_group(&keyboard, EV_KEY, KEY_LEFTMETA, 0);
	expect_group(&c.keyboard, EV_KEY, KEY_X, 1);
	expect_group(&c.keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	expect_group(&c.keyboard, EV_KEY, KEY_LEFTMETA, 1);
	assert_true(fake_seat_key(&c.seat, KEY_TAB, false)); // the compositor's
	assert_true(fake_seat_key(&c.seat, KEY_LEFTMETA, false));
	expect_group(&c.keyboard, EV_KEY, KEY_LEFTMETA, 0);
	expect_nothing(&keyboard);
	fe_finish(&keyboard.fe);
	vm_finish(&other);
	case_finish(&c);
}

/* Two heads: a tablet for both, and one for the second alone. */
static void test_two_heads(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	struct fake_seat seat;
	struct device all, second;
	start_compositor(host, 2);
	device_init(&all, host, "tablet", 0);
	vm_start(&vm, host, 0, (const char *[]){"--scanouts", "2", "--input", all.option, NULL});
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	vm_show(&vm, 1, 1);
	vm_assert_color(&vm, "HEADLESS-2", RED);
	device_start(&all, BUFFERS);
	connect_seat(&seat, host);
	skip_events(&all);
	for (uint32_t x = 1; x < 2 * W; x += 211) {
		assert_true(fake_seat_point(&seat, x, 77, 2 * W, H));
		expect_pixel(&all, x, 77, 2 * W, H);
	}
	/* Over the border with a button held. */
	assert_true(fake_seat_point(&seat, 10, 10, 2 * W, H));
	expect_pixel(&all, 10, 10, 2 * W, H);
	assert_true(fake_seat_button(&seat, BTN_LEFT, true));
	expect_group(&all, EV_KEY, BTN_LEFT, 1);
	assert_true(fake_seat_point(&seat, W + 10, 10, 2 * W, H));
	expect_pixel(&all, W + 10, 10, 2 * W, H);
	assert_true(fake_seat_button(&seat, BTN_LEFT, false));
	expect_group(&all, EV_KEY, BTN_LEFT, 0);
	fe_finish(&all.fe);
	vm_finish(&vm);
	assert_int_equal(host_stop(vm.bridge), 0);

	device_init(&second, host, "tablet:1", 0);
	vm_start(&vm, host, 0,
		(const char *[]){
			"--scanouts", "2", "--input", all.option, "--input", second.option, NULL});
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	vm_show(&vm, 1, 1);
	vm_assert_color(&vm, "HEADLESS-2", RED);
	device_start(&all, BUFFERS);
	device_start(&second, BUFFERS);
	assert_true(fake_seat_point(&seat, 20, 10, 2 * W, H));
	skip_events(&all);
	skip_events(&second);
	assert_true(fake_seat_point(&seat, W + 100, 33, 2 * W, H));
	expect_pixel(&second, 100, 33, W, H);
	assert_true(fake_seat_button(&seat, BTN_LEFT, true));
	expect_group(&second, EV_KEY, BTN_LEFT, 1);
	assert_true(fake_seat_point(&seat, W - 100, 33, 2 * W, H));
	expect_pixel(&second, 0, 33, W, H); // as far as it reaches
	assert_true(fake_seat_button(&seat, BTN_LEFT, false));
	expect_group(&second, EV_KEY, BTN_LEFT, 0);
	fake_seat_finish(&seat);
	fe_finish(&all.fe);
	fe_finish(&second.fe);
	vm_finish(&vm);
}

static void press_chord(struct fake_seat *seat, uint32_t key) {
	const uint32_t keys[] = {KEY_LEFTCTRL, KEY_LEFTMETA, key};
	for (int i = 0; i < 3; i++) {
		assert_true(fake_seat_key(seat, keys[i], true));
	}
	for (int i = 2; i >= 0; i--) {
		assert_true(fake_seat_key(seat, keys[i], false));
	}
}

static void test_lock(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	struct fake_seat seat;
	struct device tablet, mouse;
	start_compositor(host, 1);
	device_init(&tablet, host, "tablet", 0);
	device_init(&mouse, host, "mouse", 0);
	vm_start(&vm, host, 0,
		(const char *[]){"--input", tablet.option, "--input", mouse.option, NULL});
	vm_show_new(&vm, &blob, 1, RED);
	device_start(&tablet, BUFFERS);
	device_start(&mouse, BUFFERS);
	connect_seat(&seat, host);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	assert_true(fake_seat_point(&seat, 100, 100, W, H));
	skip_events(&tablet);
	assert_true(fake_seat_move(&seat, 3, -4));
	expect_pixel(&tablet, 103, 96, W, H);
	expect_nothing(&mouse);

	press_chord(&seat, KEY_L);
	assert_true(host_wait_string(&host->compositor, "seat.pointer_locked", "true", WAIT_MS));
	assert_true(fake_seat_move(&seat, 1000, -4));
	expect(&mouse, EV_REL, REL_X, 1000);
	expect_group(&mouse, EV_REL, REL_Y, -4);
	assert_true(fake_seat_button(&seat, BTN_RIGHT, true));
	expect_group(&mouse, EV_KEY, BTN_RIGHT, 1);
	expect_nothing(&tablet);

	press_chord(&seat, KEY_L);
	expect_group(&mouse, EV_KEY, BTN_RIGHT, 0); // the tablet has the buttons now
	assert_true(fake_seat_button(&seat, BTN_RIGHT, false));
	assert_true(fake_seat_move(&seat, 1, 1));
	expect_pixel(&tablet, 104, 97, W, H);
	expect_nothing(&mouse);
	fake_seat_finish(&seat);
	fe_finish(&tablet.fe);
	fe_finish(&mouse.fe);
	vm_finish(&vm);
}

static void set_led(struct device *device, uint16_t code, uint32_t value) {
	const struct virtio_input_event event = {
		.type = htole16(EV_LED), .code = htole16(code), .value = htole32(value)};
	int head = fe_submit(&device->fe, STATUS, &event, sizeof(event), 0);
	assert_true(head >= 0);
	assert_int_equal(fe_wait_used(&device->fe, STATUS, NULL, 0, NULL, WAIT_MS), head);
}

static void test_leds(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	set_led(&c.keyboard, LED_CAPSL, 1);
	assert_true(host_wait_number(&host->compositor, "seat.leds", 2, WAIT_MS));
	set_led(&c.keyboard, LED_NUML, 1);
	assert_true(host_wait_number(&host->compositor, "seat.leds", 3, WAIT_MS));
	/* They are those of the guest that has the keyboard. */
	assert_int_equal(gg_set_scanout(&c.vm.fe, 0, 0, &(struct gp_rect){0}), OK);
	assert_true(host_wait_number(&host->compositor, "seat.leds", 0, WAIT_MS));
	vm_show(&c.vm, 0, 1);
	assert_true(host_wait_number(&host->compositor, "seat.leds", 3, WAIT_MS));
	for (int i = 0; i < 2000; i++) {
		set_led(&c.keyboard, (uint16_t)i, (uint32_t)i & 1);
	}
	assert_true(host_wait_number(c.vm.bridge, "inputs.0.status_events", 2002, WAIT_MS));
	case_finish(&c);
}

/* Buffers that never come, or come late and few; a reset. */
static void test_few_buffers(struct host *host) {
	struct seat_case c;
	case_start(&c, host);
	fe_finish(&c.keyboard.fe);
	device_start(&c.keyboard, 3);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	expect(&c.keyboard, EV_KEY, KEY_A, 1); // each gives a buffer back
	expect(&c.keyboard, EV_SYN, SYN_REPORT, 0);
	fe_finish(&c.keyboard.fe);
	assert_true(fake_seat_key(&c.seat, KEY_A, false));
	device_start(&c.keyboard, 0);
	for (int i = 0; i < 500; i++) {
		assert_true(fake_seat_key(&c.seat, KEY_B, true));
		assert_true(fake_seat_key(&c.seat, KEY_B, false));
	}
	assert_true(fake_seat_key(&c.seat, KEY_C, true));
	give_buffers(&c.keyboard, 1); // not enough for a group
	assert_int_equal(fe_wait_used(&c.keyboard.fe, EVENTS, NULL, 0, NULL, SOON_MS), -ETIMEDOUT);
	assert_true(host_status_number(c.vm.bridge, "inputs.0.dropped") > 500);
	give_buffers(&c.keyboard, 63);
	struct virtio_input_event event, last = {0};
	while (next_event(&c.keyboard, &event, SOON_MS)) {
		last = le16toh(event.type) == EV_KEY ? event : last;
	}
	assert_int_equal(le16toh(last.code), KEY_C);
	assert_int_equal(le32toh(last.value), 1);
	case_finish(&c);
}

static void select_config(struct device *device, uint32_t offset, const void *bytes, uint32_t n) {
	uint8_t payload[12 + 256] = {0};
	const uint32_t header[] = {offset, n, 0};
	memcpy(payload, header, sizeof(header));
	memcpy(payload + sizeof(header), bytes, n);
	assert_int_equal(
		fe_send_ack(&device->fe, GP_VHOST_SET_CONFIG, payload, 12 + n, NULL, 0), 0);
}

static void test_config(struct host *host) {
	struct seat_case c;
	uint8_t config[256] = {VIRTIO_INPUT_CFG_ID_NAME};
	case_start(&c, host);
	select_config(&c.tablet, 0, config, sizeof(struct virtio_input_config));
	assert_true(fe_get_config(&c.tablet.fe, 0, sizeof(struct virtio_input_config), config));
	assert_string_equal((char *)config + 8, "Guestpane Tablet");
	for (unsigned i = 0; i < 256; i++) {
		config[0] = (uint8_t)i;
		config[1] = (uint8_t)(i * 7);
		select_config(&c.tablet, 0, config, 1 + i % 255);
		assert_true(fe_get_config(&c.tablet.fe, i / 2, 128, config));
	}
	/* It still works. */
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
	expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	case_finish(&c);
}

/* Without the option nobody can type but those who sit there. */
static void test_not_allowed(struct host *host) {
	struct fake_seat seat;
	assert_true(host_start_compositor(host, 1, CASE_WIDTH, CASE_HEIGHT, NULL));
	connect_seat(&seat, host);
	assert_null(seat.keyboards);
	assert_null(seat.pointers);
	fake_seat_finish(&seat);
	assert_int_equal(host_stop(&host->compositor), 0);

	start_compositor(host, 1);
	assert_true(fake_seat_connect(&seat, host->bridge_socket));
	assert_non_null(seat.seat);
	assert_null(seat.keyboards);
	assert_null(seat.pointers);
	fake_seat_finish(&seat);
}

static const struct host_case cases[] = {
	{"keys", test_keys, 0},
	{"points", test_points, 0},
	{"scaled picture", test_scaled_picture, 0},
	{"buttons and wheels", test_buttons_and_wheels, 0},
	{"seat's device unplugged", test_unplug, 0},
	{"two keyboards", test_two_keyboards, 0},
	{"compositor lost", test_compositor_lost, 0},
	{"guest hidden", test_hidden, 0},
	{"switch guest", test_switch, 0},
	{"two heads", test_two_heads, 0},
	{"pointer lock", test_lock, 0},
	{"LEDs", test_leds, 0},
	{"few buffers", test_few_buffers, 0},
	{"configuration space", test_config, 0},
	{"virtual input not allowed", test_not_allowed, 0},
};

int main(int argc, char **argv) {
	return vm_main("input", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
