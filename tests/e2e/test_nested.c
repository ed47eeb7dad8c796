/*
 * D8: guestpane in a window of another compositor.
 */

#include <linux/input-event-codes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/e2e/desktop.h"
#include "tests/e2e/input_device.h"
#include "tests/e2e/vm.h"

#define WINDOW "WL-1"
#define HOTKEY "LeftCtrl+LeftMeta"
#define HINT HOTKEY "+G releases the keyboard"

static const char *const no_hotkey[] = {"--hotkey", "none", NULL};

/* Without a hotkey nothing is grabbed, and no hint lies over the picture. */
static void start(struct desktop *desktop, struct host *host, const char *const *args) {
	desktop_start(desktop, host);
	assert_true(host_start_compositor(host, 1, W, H, args));
	assert_string_equal(host_status_string(&host->compositor, "backend"), "wayland");
}

static void assert_ended(struct program *program) {
	uint64_t end = host_now_ms() + WAIT_MS;
	while (host_alive(program) && host_now_ms() < end) {
		host_sleep_ms(10);
	}
	assert_false(host_alive(program));
	assert_int_equal(host_stop(program), 0);
}

static void test_show(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob blob;
	start(&desktop, host, no_hotkey);
	desktop_expect(&desktop, "shown 640 480");
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, WINDOW, RED);
	desktop_expect(&desktop, "title vm0 – Guestpane");
	host_stop(vm.bridge);
	desktop_expect(&desktop, "title Guestpane");
	vm_assert_status_screen(&vm, WINDOW, RED);
	vm_finish(&vm);
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

#define MOMENT_MS 500

/* How often the guest is told of a new configuration, until it is not for a moment. */
static unsigned count_changes(struct vm *vm, int first_ms) {
	unsigned n = 0;
	while (fe_backend_message(&vm->fe, n == 0 ? first_ms : MOMENT_MS) > 0) {
		n++;
	}
	return n;
}

static void test_resize(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob blob;
	uint32_t width, height;
	start(&desktop, host, no_hotkey);
	desktop_expect(&desktop, "shown 640 480");
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, WINDOW, RED);
	count_changes(&vm, MOMENT_MS);

	/* A person drags the border: the guest is not told each size, but the last one. */
	for (int i = 1; i <= 20; i++) {
		desktop_do(&desktop, "size %d %d", 640 + 10 * i, 480 + 10 * i);
		host_sleep_ms(20);
	}
	desktop_expect(&desktop, "shown 840 680");
	unsigned changes = count_changes(&vm, WAIT_MS);
	printf("# 20 sizes: the guest was told %u times\n", changes);
	assert_true(changes >= 1 && changes <= 5);
	vm_edid_size(&vm, 0, &width, &height);
	assert_int_equal(width, 840);
	assert_int_equal(height, 680);

	/* A guest that does not care is scaled. */
	assert_true(host_wait_pixel(host, WINDOW, 420, 340, RED, WAIT_MS, &vm.picture));
	assert_int_equal(vm.picture.width, 840);
	assert_true(picture_is(&vm.picture, 0, 26, 840, 628, RED));
	vm_finish(&vm);
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

static void press(struct desktop *desktop, unsigned code, bool pressed) {
	desktop_do(desktop, "key %u %d", code, pressed);
}

static void press_hotkey(struct desktop *desktop, unsigned code) {
	const unsigned codes[] = {KEY_LEFTCTRL, KEY_LEFTMETA, code};
	for (size_t i = 0; i < 3; i++) {
		press(desktop, codes[i], true);
	}
	for (size_t i = 3; i-- > 0;) {
		press(desktop, codes[i], false);
	}
}

static uint32_t get_pixel(struct desktop *desktop, uint32_t x, uint32_t y) {
	desktop_do(desktop, "pixel %u %u", x, y);
	return (uint32_t)strtoul(desktop_expect(desktop, "pixel "), NULL, 16);
}

/*
 * The desktop soon shows the color in that pixel of its screen. It draws with the CPU, which reads
 * no dma-bufs: of them only what is passed on is seen.
 */
static void expect_pixel(struct desktop *desktop, uint32_t x, uint32_t y, uint32_t color) {
	if (!vm_copies()) {
		return;
	}
	uint64_t end = host_now_ms() + WAIT_MS;
	while (get_pixel(desktop, x, y) != color && host_now_ms() < end) {
		host_sleep_ms(10);
	}
	assert_int_equal(get_pixel(desktop, x, y), color);
}

/* A picture of which no two pixels are alike. */
static void show_pattern(struct vm *vm, uint32_t id, uint32_t w, uint32_t h) {
	struct gg_blob blob;
	assert_int_equal(gg_create_blob(&vm->fe, id, (uint64_t)w * h * 4, &blob), OK);
	for (uint32_t i = 0; i < w * h; i++) {
		blob.pixels[i] = vm_pattern(i % w, i / w);
	}
	assert_int_equal(gg_set_scanout_blob(&vm->fe, 0, id, w, h), OK);
	vm_flush(vm, id, 0, 0, w, h);
}

/* A guest that does what its monitor says has each pixel of the desktop's screen. */
static void assert_device_pixels(
	struct desktop *desktop, struct vm *vm, uint32_t id, uint32_t w, uint32_t h) {
	uint64_t end = host_now_ms() + WAIT_MS;
	uint32_t width, height;
	do {
		vm_edid_size(vm, 0, &width, &height);
	} while (width != w && host_now_ms() < end);
	assert_int_equal(width, w);
	assert_int_equal(height, h);
	show_pattern(vm, id, w, h);
	expect_pixel(desktop, w - 1, h - 1, vm_pattern(w - 1, h - 1));
	for (uint32_t i = 0; i < 16; i++) {
		expect_pixel(desktop, i * w / 16 + i, i * h / 16,
			vm_pattern(i * w / 16 + i, i * h / 16));
	}
}

/* D18: the output has the pixels of the screen, and what is pointed at is what is seen there. */
static void test_scale(struct host *host) {
	static const struct {
		const char *before, *scale;
		uint32_t w, h, x, y; // of the output; of what is pointed at
		bool is_shrunk; // by the desktop
	} rows[] = {
		{"fractional", "2", 1280, 960, 201, 101, false},
		{"fractional", "1.5", 960, 720, 150, 75, false},
		/* A desktop that can say whole numbers only. */
		{"scale 1", "1.5", 1280, 960, 201, 101, true},
		{"legacy", "2", 1280, 960, 201, 101, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t w = rows[i].w, h = rows[i].h, x = rows[i].x, y = rows[i].y;
		struct desktop desktop;
		struct input_device tablet;
		struct vm vm;
		printf("# %s, scale %s\n", rows[i].before, rows[i].scale);
		desktop_start(&desktop, host);
		desktop_do(&desktop, "%s\nscale %s", rows[i].before, rows[i].scale);
		assert_true(host_start_compositor(host, 1, W, H, no_hotkey));
		desktop_expect(&desktop, "shown 640 480");
		char buffer[32];
		snprintf(buffer, sizeof(buffer), "buffer %u %u", w, h);
		desktop_expect(&desktop, buffer);

		input_init(&tablet, host, "tablet", 0);
		vm_start(&vm, host, 0, (const char *[]){"--input", tablet.option, NULL});
		show_pattern(&vm, 1, W, H);
		input_start(&tablet, INPUT_BUFFERS);
		assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
		if (rows[i].is_shrunk) {
			show_pattern(&vm, 2, w, h);
		} else {
			assert_device_pixels(&desktop, &vm, 2, w, h);
		}
		assert_true(host_wait_number(
			&host->compositor, "guests.0.scanouts.0.width", w, WAIT_MS));
		input_skip(&tablet);
		desktop_do(&desktop, "point 100.75 50.75");
		input_expect_pixel(&tablet, 100.75 * w / W, 50.75 * h / H, w, h);
		desktop_do(&desktop, "finger 0 down 100.5 50.5\nfingers end");
		input_expect_pixel(&tablet, x, y, w, h);
		input_expect_group(&tablet, EV_KEY, BTN_LEFT, 1);
		desktop_do(&desktop, "finger 0 up\nfingers end");
		input_expect_group(&tablet, EV_KEY, BTN_LEFT, 0);
		desktop_do(&desktop, "pen in 639.75 479.75");
		input_expect_pixel(&tablet, w - 1, h - 1, w, h);

		fe_finish(&tablet.fe);
		vm_finish(&vm);
		assert_int_equal(host_stop(vm.bridge), 0);
		assert_int_equal(host_stop(&host->compositor), 0);
		desktop_end(&desktop);
	}
}

/* The window is moved to another screen, or the user chooses another scale. */
static void test_scale_changes(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	desktop_start(&desktop, host);
	desktop_do(&desktop, "fractional");
	assert_true(host_start_compositor(host, 1, W, H, NULL));
	desktop_expect(&desktop, "buffer 640 480");
	vm_start(&vm, host, 0, NULL);
	assert_device_pixels(&desktop, &vm, 1, W, H);
	desktop_do(&desktop, "scale 2");
	desktop_expect_without(&desktop, "buffer 1280 960", "shown");
	assert_device_pixels(&desktop, &vm, 2, 1280, 960);
	desktop_do(&desktop, "scale 1.5");
	desktop_expect_without(&desktop, "buffer 960 720", "shown");
	assert_device_pixels(&desktop, &vm, 3, 960, 720);
	/* The whole screen. */
	desktop_do(&desktop, "scale 2");
	desktop_expect_without(&desktop, "buffer 1280 960", "shown");
	press_hotkey(&desktop, KEY_F);
	desktop_expect(&desktop, "shown 800 600");
	desktop_expect(&desktop, "buffer 1600 1200");
	assert_device_pixels(&desktop, &vm, 4, 1600, 1200);
	vm_finish(&vm);
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

static void test_close(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob blob;
	start(&desktop, host, no_hotkey);
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	desktop_do(&desktop, "close");
	desktop_expect(&desktop, "gone");
	assert_ended(&host->compositor);
	/* The guest goes on. */
	vm_show(&vm, 0, 1);
	vm_finish(&vm);
	desktop_end(&desktop);
}

static void test_desktop_ends(struct host *host) {
	struct desktop desktop;
	start(&desktop, host, no_hotkey);
	desktop_end(&desktop);
	assert_ended(&host->compositor);
}

/* D10: all keys are the guest's, it is said how to get out, and that works. */
static void test_grab(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob blob;
	start(&desktop, host, NULL);
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	desktop_expect(&desktop, "inhibit 1");
	desktop_expect(&desktop, "title vm0 – Guestpane – " HINT "\n");
	/* Over the picture, too, and gone after some seconds. */
	assert_true(host_wait_not_pixel(host, WINDOW, W - 30, 24, RED, WAIT_MS, &vm.picture));
	assert_true(host_wait_pixel(host, WINDOW, W - 30, 24, RED, 2 * WAIT_MS, &vm.picture));
	vm_assert_color(&vm, WINDOW, RED);

	press_hotkey(&desktop, KEY_F);
	desktop_expect_without(&desktop, "shown 1600 1200", "inhibit");
	press_hotkey(&desktop, KEY_F);
	desktop_expect_without(&desktop, "shown 640 480", "inhibit");

	press_hotkey(&desktop, KEY_G);
	desktop_expect(&desktop, "inhibit 0");
	desktop_expect(&desktop, "title vm0 – Guestpane\n");
	press_hotkey(&desktop, KEY_G);
	desktop_expect(&desktop, "inhibit 1");

	/* Nobody is left to have the keys. */
	host_stop(vm.bridge);
	desktop_expect(&desktop, "inhibit 0");
	vm_finish(&vm);
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

static void test_fullscreen(struct host *host) {
	static const char *const args[] = {"--fullscreen", NULL};
	struct desktop desktop;
	start(&desktop, host, args);
	desktop_expect(&desktop, "fullscreen 1");
	desktop_expect(&desktop, "shown 1600 1200");
	press_hotkey(&desktop, KEY_F);
	desktop_expect(&desktop, "fullscreen 0");
	desktop_expect(&desktop, "shown 640 480");
	press_hotkey(&desktop, KEY_F);
	desktop_expect(&desktop, "fullscreen 1");
	desktop_expect(&desktop, "shown 1600 1200");
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

/* A new blob of two pictures, one above the other, of which the upper one is shown. */
static void show_half(struct vm *vm, uint32_t id) {
	struct gg_blob blob;
	assert_int_equal(gg_create_blob(&vm->fe, id, 2 * SIZE, &blob), OK);
	struct virtio_gpu_set_scanout_blob command = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = {.width = W, .height = H},
		.resource_id = id,
		.width = W,
		.height = 2 * H,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = {W * 4},
	};
	struct virtio_gpu_ctrl_hdr response;
	assert_int_equal(
		gg_command(&vm->fe, &command, sizeof(command), &response, sizeof(response)), OK);
	vm_flush(vm, id, 0, 0, W, H);
}

/* The memory that we were given is what the desktop gets, if it fits. */
static void test_no_copy(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob red, blue;
	const char *memory = vm_copies() ? "memory /memfd:guestpane-copy" : "memory dma-buf";
	start(&desktop, host, no_hotkey);
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	vm_show(&vm, 0, 1);
	desktop_expect(&desktop, memory);
	for (int i = 0; i < 20; i++) {
		vm_show(&vm, 0, i % 2 == 0 ? 2 : 1);
		host_sleep_ms(10);
	}
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.path"),
		vm_copies() ? "copied" : "parent");
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.reason"),
		vm_copies() ? "the picture is a copy in shared memory"
			    : "the parent compositor composites it");
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.frames.direct"), 0);
	/* A part of a buffer is not taken, but that is no reason against whole ones. */
	show_half(&vm, 3);
	desktop_expect(&desktop, "memory /dev/shm/");
	vm_show(&vm, 0, 1);
	desktop_expect(&desktop, memory);
	/* A window of another size: only the compositor can scale. */
	desktop_do(&desktop, "size 800 600");
	desktop_expect(&desktop, "memory /");
	desktop_expect(&desktop, "shown 800 600");
	vm_finish(&vm);
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

/* A cursor, BLUE in its upper left corner of 20 × 30. */
static void make_cursor(struct vm *vm, struct gg_blob *cursor, uint32_t id) {
	assert_int_equal(gg_create_blob(&vm->fe, id, 64 * 64 * 4, cursor), OK);
	for (uint32_t i = 0; i < 64 * 64; i++) {
		cursor->pixels[i] = i % 64 < 20 && i / 64 < 30 ? 0xff000000 | BLUE : 0;
	}
	assert_int_equal(gg_transfer(&vm->fe, id, &(struct gp_rect){0, 0, 64, 64}, 0), OK);
}

/* What make_cursor has drawn is at x, y of a RED picture of w × h. */
static void expect_cursor(struct desktop *desktop, int32_t x, int32_t y, int32_t w, int32_t h) {
	const struct {
		int32_t x, y;
		bool inside;
	} points[] = {
		{x, y, true},
		{x + 19, y + 29, true},
		{x - 1, y, false},
		{x, y - 1, false},
		{x + 20, y + 29, false},
		{x + 19, y + 30, false},
	};
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		int32_t at_x = points[i].x, at_y = points[i].y;
		if (at_x >= 0 && at_x < w && at_y >= 0 && at_y < h) {
			expect_pixel(desktop, at_x, at_y, points[i].inside ? BLUE : RED);
		}
	}
}

static void flip(struct vm *vm, unsigned n) {
	for (unsigned i = 0; i < n; i++) {
		vm_show(vm, 0, i % 2 == 0 ? 2 : 1);
	}
}

/* D18: the cursor is a surface of its own, so the guest's memory goes to the desktop as before. */
static void test_cursor(struct host *host) {
	const char *memory = vm_copies() ? "memory /memfd:guestpane-copy" : "memory dma-buf";
	const char *path = vm_copies() ? "copied" : "parent";
	struct desktop desktop;
	struct vm vm;
	struct gg_blob red, other, cursor;
	start(&desktop, host, no_hotkey);
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &red, 1, RED);
	vm_blob(&vm, &other, 2, RED);
	make_cursor(&vm, &cursor, 3);
	vm_show(&vm, 0, 1);
	desktop_expect(&desktop, memory);
	assert_true(gg_cursor(&vm.fe, 0, 3, 200, 100, 5, 6));
	expect_cursor(&desktop, 200, 100, W, H);
	int64_t imports = vm_counter(&vm, "imports");
	for (int i = 0; i < 10; i++) {
		flip(&vm, 2);
		assert_true(gg_move_cursor(&vm.fe, 0, 201 + i, 101));
	}
	expect_cursor(&desktop, 210, 101, W, H);
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.path"), path);
	assert_string_equal(
		host_status_string(&host->compositor, "outputs.0.cursor"), "subsurface");
	/* Of the second blob, and of second halves of copies. */
	assert_true(vm_counter(&vm, "imports") <= imports + (vm_copies() ? 3 : 1));
	/* Each frame that was shown was counted: a cursor that moves takes away no feedback. */
	char frames[40];
	snprintf(frames, sizeof(frames), "outputs.0.frames.%s", path);
	int64_t shown = host_status_number(&host->compositor, frames);
	printf("# %jd frames of 21 were counted\n", (intmax_t)shown);
	assert_true(shown >= 15);

	/* It ends with the window. */
	assert_true(gg_move_cursor(&vm.fe, 0, -4, H - 10));
	expect_cursor(&desktop, -4, H - 10, W, H);
	assert_true(gg_move_cursor(&vm.fe, 0, W - 10, -7));
	expect_cursor(&desktop, W - 10, -7, W, H);
	expect_pixel(&desktop, W, 0, 0);
	expect_pixel(&desktop, W + 5, 10, 0);
	assert_true(gg_move_cursor(&vm.fe, 0, W + 10, H + 10));
	expect_pixel(&desktop, W - 10, 0, RED);
	/* The last position counts, however fast it moves. */
	for (int i = 1000; i >= 0; i--) {
		assert_true(gg_move_cursor(&vm.fe, 0, i, i));
	}
	expect_cursor(&desktop, 0, 0, W, H);

	/* A picture with the cursor has it; the desktop gets one with it meanwhile. */
	host->cursor_in_grabs = true;
	assert_true(host_wait_pixel(host, WINDOW, 0, 0, BLUE, WAIT_MS, &vm.picture));
	assert_true(picture_is(&vm.picture, 0, 0, 20, 30, BLUE));
	assert_true(picture_is(&vm.picture, 20, 0, W - 20, H, RED));
	host->cursor_in_grabs = false;
	desktop_expect(&desktop, "memory /dev/shm/");
	flip(&vm, 2);
	desktop_expect(&desktop, memory);
	expect_cursor(&desktop, 0, 0, W, H);

	/* None any more. */
	assert_true(gg_cursor(&vm.fe, 0, 0, 0, 0, 0, 0));
	expect_pixel(&desktop, 0, 0, RED);
	vm_finish(&vm);
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

/* To a pixel of the screen, also where the desktop knows no such position. */
static void test_cursor_scaled(struct host *host) {
	static const struct {
		const char *scale;
		uint32_t w, h;
	} rows[] = {{"2", 1280, 960}, {"1.5", 960, 720}, {"1.25", 800, 600}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int32_t w = (int32_t)rows[i].w, h = (int32_t)rows[i].h;
		struct desktop desktop;
		struct vm vm;
		struct gg_blob blob, cursor;
		printf("# scale %s\n", rows[i].scale);
		desktop_start(&desktop, host);
		desktop_do(&desktop, "fractional\nscale %s", rows[i].scale);
		assert_true(host_start_compositor(host, 1, W, H, no_hotkey));
		vm_start(&vm, host, 0, NULL);
		assert_int_equal(gg_create_blob(&vm.fe, 1, (uint64_t)w * h * 4, &blob), OK);
		gg_fill(blob.pixels, rows[i].w,
			&(struct gp_rect){.width = rows[i].w, .height = rows[i].h}, RED);
		make_cursor(&vm, &cursor, 2);
		assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 1, rows[i].w, rows[i].h), OK);
		vm_flush(&vm, 1, 0, 0, rows[i].w, rows[i].h);
		assert_true(gg_cursor(&vm.fe, 0, 2, 100, 100, 0, 0));
		for (int32_t at = 0; at < 5; at++) {
			assert_true(gg_move_cursor(&vm.fe, 0, 100 + at, 203 - at));
			expect_cursor(&desktop, 100 + at, 203 - at, w, h);
		}
		for (int32_t at = 0; at < 40; at++) {
			assert_true(gg_move_cursor(&vm.fe, 0, w + at, 7 * at)); // outside
			host_sleep_ms(1);
		}
		assert_true(gg_move_cursor(&vm.fe, 0, -7, -11));
		expect_cursor(&desktop, -7, -11, w, h);
		assert_true(gg_move_cursor(&vm.fe, 0, w - 3, h - 5));
		expect_cursor(&desktop, w - 3, h - 5, w, h);
		assert_string_equal(
			host_status_string(&host->compositor, "outputs.0.cursor"), "subsurface");
		vm_finish(&vm);
		assert_int_equal(host_stop(vm.bridge), 0);
		assert_int_equal(host_stop(&host->compositor), 0);
		desktop_end(&desktop);
	}
}

/* D6: nobody sees the window, so the desktop asks for no frame; the guest does not notice. */
static void test_covered(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob red, blue;
	start(&desktop, host, no_hotkey);
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	vm_show(&vm, 0, 1);
	desktop_expect(&desktop, "memory");
	desktop_do(&desktop, "sleep");
	for (int i = 0; i < 30; i++) {
		vm_show(&vm, 0, i % 2 == 0 ? 2 : 1);
	}
	/* B9: what it takes away is free at once, though no frame replaces it. */
	uint64_t start_ms = host_now_ms();
	assert_int_equal(gg_detach(&vm.fe, 2), OK);
	assert_int_equal(gg_detach(&vm.fe, 1), OK);
	printf("# given back after %u ms\n", (unsigned)(host_now_ms() - start_ms));
	/* The bridge has not lost patience and hung up. */
	assert_string_equal(host_status_string(vm.bridge, "display"), "connected");
	assert_int_equal(vm_counter(&vm, "display_connections"), 1);
	vm_finish(&vm);
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

static const struct host_case cases[] = {
	{"show", test_show, 0},
	{"resize", test_resize, 0},
	{"scale", test_scale, 0},
	{"scale changes", test_scale_changes, 0},
	{"close", test_close, 0},
	{"grab", test_grab, 0},
	{"fullscreen", test_fullscreen, 0},
	{"no copy", test_no_copy, 0},
	{"cursor", test_cursor, 0},
	{"cursor, scaled", test_cursor_scaled, 0},
	{"covered", test_covered, 0},
	{"the desktop ends", test_desktop_ends, 0},
};

int main(int argc, char **argv) {
	return vm_main("nested", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
