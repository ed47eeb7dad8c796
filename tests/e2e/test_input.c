/*
 * What arrives in the rings of the input devices.
 */

#include <endian.h>
#include <errno.h>
#include <linux/input.h>
#include <linux/virtio_input.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/seat_case.h"
#include "vmm-bridge/vhost/message.h"

static void test_keys(struct host *host) {
	struct seat_case c;
	seat_case_start(&c, host);
	const uint16_t keys[] = {KEY_ESC, KEY_A, KEY_LEFTSHIFT, KEY_102ND, KEY_MICMUTE, KEY_F12};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_true(fake_seat_key(&c.seat, keys[i], true));
		input_expect_group(&c.keyboard, EV_KEY, keys[i], 1);
		assert_true(fake_seat_key(&c.seat, keys[i], false));
		input_expect_group(&c.keyboard, EV_KEY, keys[i], 0);
	}
	input_expect_nothing(&c.tablet);
	assert_true(host_wait_number(c.vm.bridge, "inputs.0.events", 12, WAIT_MS));
	assert_int_equal(host_status_number(c.vm.bridge, "inputs.0.dropped"), 0);
	int64_t latency = host_status_number(c.vm.bridge, "inputs.0.latency_ms");
	printf("# from the seat to the ring: %jd ms\n", (intmax_t)latency);
	assert_true(latency >= 0 && latency < 1000);
	seat_case_finish(&c);
}

/* Each corner and some points between, to the pixel. */
static void test_points(struct host *host) {
	struct seat_case c;
	const uint32_t points[][2] = {
		{W - 1, H - 1}, {0, 0}, {W - 1, 0}, {0, H - 1}, {1, 1}, {333, 222}, {639, 7}};
	seat_case_start(&c, host);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		assert_true(fake_seat_point(&c.seat, points[i][0], points[i][1], W, H));
		input_expect_pixel(&c.tablet, points[i][0], points[i][1], W, H);
	}
	assert_true(fake_seat_move(&c.seat, -100, 50));
	input_expect_pixel(&c.tablet, 539, 57, W, H);
	input_expect_nothing(&c.keyboard);
	seat_case_finish(&c);
}

/* A picture that is scaled, with bars beside it. */
static void test_scaled_picture(struct host *host) {
	struct seat_case c;
	const uint32_t w = 160, h = 240; // shown as 320 × 480 in the middle
	seat_case_start(&c, host);
	assert_int_equal(gg_set_scanout_blob(&c.vm.fe, 0, 1, w, h), OK);
	vm_flush(&c.vm, 1, 0, 0, w, h);
	assert_true(host_wait_number(&host->compositor, "guests.0.scanouts.0.width", w, WAIT_MS));
	input_skip(&c.tablet);
	const uint32_t rows[][4] = {{160, 0, 0, 0}, {162, 2, 1, 1}, {320, 240, 80, 120},
		{479, 479, 159, 239}, {10, 100, 0, 50}, {630, 100, 159, 50}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(fake_seat_point(&c.seat, rows[i][0], rows[i][1], W, H));
		if (i > 0) { // it was there already
			input_expect_pixel(&c.tablet, rows[i][2], rows[i][3], w, h);
		} else {
			input_skip(&c.tablet);
		}
	}
	seat_case_finish(&c);
}

static void test_buttons_and_wheels(struct host *host) {
	struct seat_case c;
	seat_case_start(&c, host);
	const uint16_t buttons[] = {BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA};
	for (size_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++) {
		assert_true(fake_seat_button(&c.seat, buttons[i], true));
		input_expect_group(&c.tablet, EV_KEY, buttons[i], 1);
		assert_true(fake_seat_button(&c.seat, buttons[i], false));
		input_expect_group(&c.tablet, EV_KEY, buttons[i], 0);
	}
	assert_true(fake_seat_scroll(&c.seat, false, 15, 1));
	input_expect(&c.tablet, EV_REL, REL_WHEEL_HI_RES, -120);
	input_expect_group(&c.tablet, EV_REL, REL_WHEEL, -1);
	assert_true(fake_seat_scroll(&c.seat, true, 30, 2));
	input_expect(&c.tablet, EV_REL, REL_HWHEEL_HI_RES, 240);
	input_expect_group(&c.tablet, EV_REL, REL_HWHEEL, 2);
	assert_true(fake_seat_scroll(&c.seat, false, -5, 0));
	input_expect_group(&c.tablet, EV_REL, REL_WHEEL_HI_RES, 40);
	seat_case_finish(&c);
}

/* A device that is unplugged releases what it held. */
static void test_unplug(struct host *host) {
	struct seat_case c;
	seat_case_start(&c, host);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	assert_true(fake_seat_unplug(&c.seat));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 0);
	seat_case_finish(&c);
}

/* A key that two keyboards hold is down until both release it. */
static void test_two_keyboards(struct host *host) {
	struct seat_case c;
	struct fake_seat other;
	seat_case_start(&c, host);
	seat_connect(&other, host);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	assert_true(fake_seat_key(&other, KEY_A, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	fake_seat_finish(&other);
	input_expect_nothing(&c.keyboard);
	assert_true(fake_seat_key(&c.seat, KEY_A, false));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	seat_case_finish(&c);
}

/* The compositor is killed with a key and a button down. */
static void test_compositor_lost(struct host *host) {
	struct seat_case c;
	seat_case_start(&c, host);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	host_kill(&host->compositor);
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 0);
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 0);
	assert_true(host_wait_number(c.vm.bridge, "inputs.0.released", 1, WAIT_MS));
	seat_case_finish(&c);
}

/* Two scanouts: a tablet for both, and one for the second alone. */
static void test_two_scanouts(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	struct fake_seat seat;
	struct input_device all, second;
	seat_start_compositor(host, 2);
	input_init(&all, host, "tablet", 0);
	vm_start(&vm, host, 0, (const char *[]){"--scanouts", "2", "--input", all.option, NULL});
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	vm_show(&vm, 1, 1);
	vm_assert_color(&vm, "HEADLESS-2", RED);
	input_start(&all, INPUT_BUFFERS);
	seat_connect(&seat, host);
	input_skip(&all);
	for (uint32_t x = 1; x < 2 * W; x += 211) {
		assert_true(fake_seat_point(&seat, x, 77, 2 * W, H));
		input_expect_pixel(&all, x, 77, 2 * W, H);
	}
	/* Over the border with a button held. */
	assert_true(fake_seat_point(&seat, 10, 10, 2 * W, H));
	input_expect_pixel(&all, 10, 10, 2 * W, H);
	assert_true(fake_seat_button(&seat, BTN_LEFT, true));
	input_expect_group(&all, EV_KEY, BTN_LEFT, 1);
	assert_true(fake_seat_point(&seat, W + 10, 10, 2 * W, H));
	input_expect_pixel(&all, W + 10, 10, 2 * W, H);
	assert_true(fake_seat_button(&seat, BTN_LEFT, false));
	input_expect_group(&all, EV_KEY, BTN_LEFT, 0);
	/* With both off, all are where they were; with one off, the other one is the desktop. */
	assert_int_equal(gg_set_scanout(&vm.fe, 0, 0, &(struct gp_rect){0}), OK);
	assert_int_equal(gg_set_scanout(&vm.fe, 1, 0, &(struct gp_rect){0}), OK);
	assert_true(host_wait_string(&host->compositor, "outputs.1.showing", "off", WAIT_MS));
	assert_true(fake_seat_point(&seat, W + 20, 30, 2 * W, H));
	input_expect_pixel(&all, W + 20, 30, 2 * W, H);
	vm_show(&vm, 1, 1);
	assert_true(fake_seat_point(&seat, W + 25, 35, 2 * W, H));
	input_expect_pixel(&all, 25, 35, W, H);
	fe_finish(&all.fe);
	vm_finish(&vm);
	assert_int_equal(host_stop(vm.bridge), 0);

	input_init(&second, host, "tablet:1", 0);
	vm_start(&vm, host, 0,
		(const char *[]){
			"--scanouts", "2", "--input", all.option, "--input", second.option, NULL});
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	vm_show(&vm, 1, 1);
	vm_assert_color(&vm, "HEADLESS-2", RED);
	input_start(&all, INPUT_BUFFERS);
	input_start(&second, INPUT_BUFFERS);
	assert_true(fake_seat_point(&seat, 20, 10, 2 * W, H));
	input_skip(&all);
	input_skip(&second);
	assert_true(fake_seat_point(&seat, W + 100, 33, 2 * W, H));
	input_expect_pixel(&second, 100, 33, W, H);
	assert_true(fake_seat_button(&seat, BTN_LEFT, true));
	input_expect_group(&second, EV_KEY, BTN_LEFT, 1);
	assert_true(fake_seat_point(&seat, W - 100, 33, 2 * W, H));
	input_expect_pixel(&second, 0, 33, W, H); // as far as it reaches
	assert_true(fake_seat_button(&seat, BTN_LEFT, false));
	input_expect_group(&second, EV_KEY, BTN_LEFT, 0);
	fake_seat_finish(&seat);
	fe_finish(&all.fe);
	fe_finish(&second.fe);
	vm_finish(&vm);
}

static void test_lock(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	struct fake_seat seat;
	struct input_device tablet, mouse;
	seat_start_compositor(host, 1);
	input_init(&tablet, host, "tablet", 0);
	input_init(&mouse, host, "mouse", 0);
	vm_start(&vm, host, 0,
		(const char *[]){"--input", tablet.option, "--input", mouse.option, NULL});
	vm_show_new(&vm, &blob, 1, RED);
	input_start(&tablet, INPUT_BUFFERS);
	input_start(&mouse, INPUT_BUFFERS);
	seat_connect(&seat, host);
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	assert_true(fake_seat_point(&seat, 100, 100, W, H));
	input_skip(&tablet);
	assert_true(fake_seat_move(&seat, 3, -4));
	input_expect_pixel(&tablet, 103, 96, W, H);
	input_expect_nothing(&mouse);

	seat_press_hotkey(&seat, KEY_L);
	assert_true(host_wait_string(&host->compositor, "seat.pointer_locked", "true", WAIT_MS));
	assert_true(fake_seat_move(&seat, 1000, -4));
	input_expect(&mouse, EV_REL, REL_X, 1000);
	input_expect_group(&mouse, EV_REL, REL_Y, -4);
	assert_true(fake_seat_button(&seat, BTN_RIGHT, true));
	input_expect_group(&mouse, EV_KEY, BTN_RIGHT, 1);
	input_expect_nothing(&tablet);

	seat_press_hotkey(&seat, KEY_L);
	input_expect_group(&mouse, EV_KEY, BTN_RIGHT, 0); // the tablet has the buttons now
	assert_true(fake_seat_button(&seat, BTN_RIGHT, false));
	assert_true(fake_seat_move(&seat, 1, 1));
	input_expect_pixel(&tablet, 104, 97, W, H);
	input_expect_nothing(&mouse);
	fake_seat_finish(&seat);
	fe_finish(&tablet.fe);
	fe_finish(&mouse.fe);
	vm_finish(&vm);
}

static void set_led(struct input_device *device, uint16_t code, uint32_t value) {
	const struct virtio_input_event event = {
		.type = htole16(EV_LED), .code = htole16(code), .value = htole32(value)};
	int head = fe_submit(&device->fe, INPUT_STATUS, &event, sizeof(event), 0);
	assert_true(head >= 0);
	assert_int_equal(fe_wait_used(&device->fe, INPUT_STATUS, NULL, 0, NULL, WAIT_MS), head);
}

static void test_leds(struct host *host) {
	struct seat_case c;
	seat_case_start(&c, host);
	set_led(&c.keyboard, LED_CAPSL, 1);
	assert_true(host_wait_number(&host->compositor, "seat.leds", 2, WAIT_MS));
	set_led(&c.keyboard, LED_NUML, 1);
	assert_true(host_wait_number(&host->compositor, "seat.leds", 3, WAIT_MS));
	/* They are those of the guest that has the keyboard, also while its scanout is off. */
	vm_switch_off(&c.vm);
	assert_true(host_wait_string(&host->compositor, "outputs.0.showing", "off", WAIT_MS));
	assert_int_equal(host_status_number(&host->compositor, "seat.leds"), 3);
	vm_disconnect(&c.vm);
	assert_true(host_wait_number(&host->compositor, "seat.leds", 0, WAIT_MS));
	vm_connect(&c.vm);
	vm_show_new(&c.vm, &c.blob, 1, RED);
	assert_true(host_wait_number(&host->compositor, "seat.leds", 3, WAIT_MS));
	for (int i = 0; i < 2000; i++) {
		set_led(&c.keyboard, (uint16_t)i, (uint32_t)i & 1);
	}
	assert_true(host_wait_number(c.vm.bridge, "inputs.0.status_events", 2002, WAIT_MS));
	seat_case_finish(&c);
}

/* The whole queue at once, in any shape: each buffer comes back, and the keyboard still works. */
static void test_status_flood(struct host *host) {
	static const size_t sizes[] = {8, 1, 7, 9, 4096};
	static const uint8_t junk[4096] = {0xff};
	struct seat_case c;
	seat_case_start(&c, host);
	for (int round = 0; round < 20; round++) {
		int n = 0;
		while (fe_submit(&c.keyboard.fe, INPUT_STATUS, junk, sizes[n % 5], n % 3) >= 0) {
			n++;
		}
		assert_int_equal(n, FE_SLOTS);
		for (; n > 0; n--) {
			uint32_t written;
			assert_true(fe_wait_used(&c.keyboard.fe, INPUT_STATUS, NULL, 0, &written,
					    WAIT_MS) >= 0);
			assert_int_equal(written, 0);
		}
	}
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_int_equal(host_status_number(&host->compositor, "seat.leds"), 0);
	seat_case_finish(&c);
}

/* A table that is not in RAM, and a loop: that device is broken, the others are not. */
static void test_broken_ring(struct host *host) {
	struct seat_case c;
	seat_case_start(&c, host);
	fe_write_desc(&c.keyboard.fe, INPUT_STATUS, 100, UINT64_C(1) << 50, 8, 0, 0);
	fe_offer(&c.keyboard.fe, INPUT_STATUS, 100, true);
	fe_write_desc(&c.keyboard.fe, INPUT_EVENTS, 200, 0, 8, 1 /* next */, 200);
	fe_offer(&c.keyboard.fe, INPUT_EVENTS, 200, true);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	assert_true(host_alive(c.vm.bridge));
	seat_case_finish(&c);
}

/* Buffers that never come, or come late and few; a reset. */
static void test_few_buffers(struct host *host) {
	struct seat_case c;
	seat_case_start(&c, host);
	fe_finish(&c.keyboard.fe);
	input_start(&c.keyboard, 3);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	input_expect(&c.keyboard, EV_KEY, KEY_A, 1); // each gives a buffer back
	input_expect(&c.keyboard, EV_SYN, SYN_REPORT, 0);
	fe_finish(&c.keyboard.fe);
	assert_true(fake_seat_key(&c.seat, KEY_A, false));
	input_start(&c.keyboard, 0);
	for (int i = 0; i < 500; i++) {
		assert_true(fake_seat_key(&c.seat, KEY_B, true));
		assert_true(fake_seat_key(&c.seat, KEY_B, false));
	}
	assert_true(fake_seat_key(&c.seat, KEY_C, true));
	input_give_buffers(&c.keyboard, 1); // not enough for a group
	assert_int_equal(fe_wait_used(&c.keyboard.fe, INPUT_EVENTS, NULL, 0, NULL, INPUT_SOON_MS),
		-ETIMEDOUT);
	assert_true(host_status_number(c.vm.bridge, "inputs.0.dropped") > 500);
	input_give_buffers(&c.keyboard, 63);
	struct virtio_input_event event, last = {0};
	while (input_next(&c.keyboard, &event, INPUT_SOON_MS)) {
		last = le16toh(event.type) == EV_KEY ? event : last;
	}
	assert_int_equal(le16toh(last.code), KEY_C);
	assert_int_equal(le32toh(last.value), 1);
	seat_case_finish(&c);
}

static void select_config(
	struct input_device *device, uint32_t offset, const void *bytes, uint32_t n) {
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
	seat_case_start(&c, host);
	select_config(&c.tablet, 0, config, sizeof(struct virtio_input_config));
	assert_true(fe_get_config(&c.tablet.fe, 0, sizeof(struct virtio_input_config), config));
	assert_string_equal((char *)config + 8, "Guestpane Tablet");
	for (unsigned i = 0; i < 256; i++) {
		config[0] = (uint8_t)i;
		config[1] = (uint8_t)(i * 7);
		select_config(&c.tablet, 0, config, 1 + i % 255);
		assert_true(fe_get_config(&c.tablet.fe, i / 2, 128, config));
	}
	/* The keyboard still works. */
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	seat_case_finish(&c);
}

/* The worker crashes while a key and a button are down: nothing stays down in the guest. */
static void test_crash(struct host *host) {
	struct seat_case c;
	seat_case_start(&c, host);
	assert_true(fake_seat_key(&c.seat, KEY_A, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_A, 1);
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, true));
	input_expect_group(&c.tablet, EV_KEY, BTN_LEFT, 1);
	assert_int_equal(kill((pid_t)host_status_number(c.vm.bridge, "worker_pid"), SIGABRT), 0);
	assert_true(host_wait_number(c.vm.bridge, "counters.restarts", 1, WAIT_MS));
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	assert_true(fake_seat_key(&c.seat, KEY_A, false));
	assert_true(fake_seat_button(&c.seat, BTN_LEFT, false));
	struct virtio_input_event event;
	int key = 1, button = 1;
	while (input_next(&c.keyboard, &event, INPUT_SOON_MS)) {
		key = event.type == EV_KEY && event.code == KEY_A ? (int)event.value : key;
	}
	while (input_next(&c.tablet, &event, INPUT_SOON_MS)) {
		button = event.type == EV_KEY && event.code == BTN_LEFT ? (int)event.value : button;
	}
	assert_int_equal(key, 0);
	assert_int_equal(button, 0);
	assert_true(fake_seat_key(&c.seat, KEY_B, true));
	input_expect_group(&c.keyboard, EV_KEY, KEY_B, 1);
	assert_true(fake_seat_key(&c.seat, KEY_B, false));
	input_expect_group(&c.keyboard, EV_KEY, KEY_B, 0);
	seat_case_finish(&c);
}

static bool is_red(const struct picture *picture) {
	return picture_is_flat(picture) && picture_at(picture, 0, 0) == RED;
}

/* D17: the hotkey asks on the screen, for a while; pressed again then, it quits. */
static void test_quit(struct host *host) {
	struct seat_case c;
	struct picture *picture = &c.vm.picture;
	seat_case_start(&c, host);
	for (int i = 0; i < 2; i++) {
		uint64_t end = host_now_ms() + 5000 + WAIT_MS;
		seat_press_hotkey(&c.seat, KEY_Q);
		do {
			assert_true(host_grab(host, OUTPUT, picture));
		} while (is_red(picture) && host_now_ms() < end);
		assert_false(is_red(picture));
		while (i == 0 && !is_red(picture)) { // it is not asked any more
			assert_true(host_now_ms() < end);
			assert_true(host_grab(host, OUTPUT, picture));
		}
	}
	/* It ends before the keys are released. */
	assert_true(fake_seat_key(&c.seat, KEY_LEFTCTRL, true));
	assert_true(fake_seat_key(&c.seat, KEY_LEFTMETA, true));
	fake_seat_key(&c.seat, KEY_Q, true);
	assert_true(program_ended_within(&host->compositor, WAIT_MS));
	assert_int_equal(program_reap(&host->compositor), 0);
	seat_case_finish(&c);
}

static const struct host_case cases[] = {
	{"keys", test_keys, 0},
	{"points", test_points, 0},
	{"scaled picture", test_scaled_picture, 0},
	{"buttons and wheels", test_buttons_and_wheels, 0},
	{"seat's device unplugged", test_unplug, 0},
	{"two keyboards", test_two_keyboards, 0},
	{"compositor lost", test_compositor_lost, 0},
	{"two scanouts", test_two_scanouts, 0},
	{"pointer lock", test_lock, 0},
	{"LEDs", test_leds, 0},
	{"flood of status events", test_status_flood, 0},
	{"broken rings", test_broken_ring, 0},
	{"few buffers", test_few_buffers, 0},
	{"a crash of the bridge", test_crash, 0},
	{"configuration space", test_config, 0},
	{"quit", test_quit, 0},
};

int main(int argc, char **argv) {
	return vm_main("input", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
