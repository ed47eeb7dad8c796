/*
 * KMS on virtio-gpu, which has cursor planes, two monitors that come and go, and imports udmabufs:
 * D1, D4, D7–D10. What is on the monitors is told by the Guestpane outside of the VM whose bridge
 * is the card.
 */

#include <endian.h>
#include <linux/input.h>
#include <linux/virtio_input.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/hostvm/kms_case.h"

#define CURSOR 64 // pixels in both directions
#define DRAWN 32 // of them, from the top left corner; the others are transparent

static void start(struct vm *vm, struct host *host, const char *config) {
	kms_start(host, KMS_VIRTIO, config, NULL);
	vm_start(vm, host, 0, (const char *[]){"--scanouts", "2", NULL});
}

/* Shows a cursor of that color at x, y. */
static void show_cursor(struct vm *vm, uint32_t id, uint32_t color, int32_t x, int32_t y) {
	struct gg_blob cursor;
	assert_int_equal(gg_create_blob(&vm->fe, id, CURSOR * CURSOR * 4, &cursor), OK);
	gg_fill(cursor.pixels, CURSOR, &(struct gp_rect){0, 0, CURSOR, CURSOR}, 0);
	gg_fill(cursor.pixels, CURSOR, &(struct gp_rect){0, 0, DRAWN, DRAWN}, 0xff000000 | color);
	assert_int_equal(gg_transfer(&vm->fe, id, &(struct gp_rect){0, 0, CURSOR, CURSOR}, 0), OK);
	assert_true(gg_cursor(&vm->fe, 0, id, x, y, 3, 5));
}

/* The box of what has the color; all zero if nothing has. */
static struct gp_rect find(const struct picture *picture, uint32_t color) {
	uint32_t left = UINT32_MAX, top = UINT32_MAX, right = 0, bottom = 0;
	for (uint32_t y = 0; y < picture->height; y++) {
		for (uint32_t x = 0; x < picture->width; x++) {
			if (picture_at(picture, x, y) == color) {
				left = x < left ? x : left;
				top = y < top ? y : top;
				right = x + 1 > right ? x + 1 : right;
				bottom = y + 1 > bottom ? y + 1 : bottom;
			}
		}
	}
	return right == 0 ? (struct gp_rect){0}
			  : (struct gp_rect){left, top, right - left, bottom - top};
}

/* What has the color on a monitor is that box, now or soon. */
static void assert_box(
	struct vm *vm, unsigned index, uint32_t color, const struct gp_rect *wanted) {
	struct gp_rect found;
	uint64_t end = host_now_ms() + WAIT_MS;
	do {
		assert_true(kms_screendump(index, &vm->picture));
		found = find(&vm->picture, color);
		if (memcmp(&found, wanted, sizeof(found)) == 0) {
			return;
		}
	} while (host_now_ms() < end);
	fail_msg("the box is %ux%u at %u, %u", found.width, found.height, found.x, found.y);
}

static void assert_cursor(struct vm *vm, const char *where) {
	assert_true(host_wait_string(&vm->host->compositor, "outputs.0.cursor", where, WAIT_MS));
}

/* The card imports system memory, on both heads. */
static void test_direct(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	start(&vm, host, NULL);
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.name"), kms_output(0));
	assert_string_equal(host_status_string(&host->compositor, "outputs.1.name"), kms_output(1));
	kms_show_direct(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	vm_show(&vm, 1, 2);
	kms_assert_monitor(&vm, 1, BLUE);
	kms_assert_path(host, 1, "direct", "");
	kms_assert_monitor(&vm, 0, RED);
	assert_int_equal(kms_count_imported(), 2);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), 0);
	vm_finish(&vm);
}

/* D9: on its plane, which moves while the picture stays, and stays scanned out. */
static void test_cursor(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	struct kms_plane plane;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &red, 1, RED);
	int fb = kms_plane_fb();
	int64_t commits = host_status_number(&host->compositor, "guests.0.scanouts.0.commits");

	show_cursor(&vm, 2, BLUE, 200, 100);
	assert_box(&vm, 0, BLUE, &(struct gp_rect){200, 100, DRAWN, DRAWN});
	assert_true(picture_is(&vm.picture, 200, 100 + DRAWN, CURSOR, CURSOR - DRAWN, RED));
	assert_cursor(&vm, "plane");
	assert_true(kms_plane(1, &plane));
	assert_int_not_equal(plane.fb, 0);
	assert_int_equal(plane.x, 200);
	assert_int_equal(plane.y, 100);

	assert_true(gg_move_cursor(&vm.fe, 0, 310, 220));
	assert_box(&vm, 0, BLUE, &(struct gp_rect){310, 220, DRAWN, DRAWN});
	assert_true(gg_move_cursor(&vm.fe, 0, -10, -20));
	assert_box(&vm, 0, BLUE, &(struct gp_rect){0, 0, DRAWN - 10, DRAWN - 20});
	assert_true(gg_move_cursor(&vm.fe, 0, W - 8, H - 4));
	assert_box(&vm, 0, BLUE, &(struct gp_rect){W - 8, H - 4, 8, 4});
	/* Without a frame of the guest. */
	assert_int_equal(kms_plane_fb(), fb);
	assert_int_equal(
		host_status_number(&host->compositor, "guests.0.scanouts.0.commits"), commits);
	kms_assert_path(host, 0, "direct", "");
	vm_flush(&vm, 1, 0, 0, W, H);
	kms_assert_path(host, 0, "direct", "");
	assert_int_equal(kms_frames(host, 0, "mapped"), 0);

	/* Another picture, and none. */
	show_cursor(&vm, 3, GREEN, 50, 60);
	assert_box(&vm, 0, GREEN, &(struct gp_rect){50, 60, DRAWN, DRAWN});
	assert_false(picture_has(&vm.picture, BLUE));
	assert_true(gg_cursor(&vm.fe, 0, 0, 0, 0, 0, 0));
	kms_assert_monitor(&vm, 0, RED);
	assert_cursor(&vm, "none");
	assert_true(kms_plane(1, &plane));
	assert_int_equal(plane.fb, 0);
	kms_assert_on_plane(true);
	vm_finish(&vm);
}

/* A screenshot has the cursor if it is asked for; then it goes back to its plane. */
static void test_cursor_grab(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	start(&vm, host, NULL);
	kms_show_direct(&vm, &red, 1, RED);
	show_cursor(&vm, 2, BLUE, 200, 100);
	assert_cursor(&vm, "plane");
	assert_true(host_grab(host, kms_output(0), &vm.picture));
	assert_true(picture_is(&vm.picture, 0, 0, W, H, RED));
	host->cursor_in_grabs = true;
	assert_true(host_grab(host, kms_output(0), &vm.picture));
	assert_true(picture_is(&vm.picture, 200, 100, DRAWN, DRAWN, BLUE));
	assert_true(picture_is(&vm.picture, 0, 0, W, 100, RED));

	vm_flush(&vm, 1, 0, 0, W, H);
	kms_assert_path(host, 0, "direct", "");
	kms_assert_on_plane(true);
	struct kms_plane plane;
	assert_true(kms_plane(1, &plane));
	assert_int_not_equal(plane.fb, 0);
	assert_box(&vm, 0, BLUE, &(struct gp_rect){200, 100, DRAWN, DRAWN});
	vm_finish(&vm);
}

static void show_sized(struct vm *vm, struct gg_blob *blob, uint32_t id, uint32_t w, uint32_t h) {
	assert_int_equal(gg_create_blob(&vm->fe, id, (uint64_t)w * h * 4, blob), OK);
	gg_fill(blob->pixels, w, &(struct gp_rect){0, 0, w, h}, RED);
	assert_int_equal(gg_set_scanout_blob(&vm->fe, 0, id, w, h), OK);
	vm_flush(vm, id, 0, 0, w, h);
}

/* A cursor is scaled as the picture is. One that is too large for the plane is composed. */
static void test_cursor_scaled(struct host *host) {
	struct vm vm;
	struct gg_blob large, small;
	start(&vm, host, NULL);
	show_sized(&vm, &large, 1, 2 * W, 2 * H);
	kms_assert_monitor(&vm, 0, RED);
	show_cursor(&vm, 2, BLUE, 200, 100);
	assert_box(&vm, 0, BLUE, &(struct gp_rect){100, 50, DRAWN / 2, DRAWN / 2});
	assert_cursor(&vm, "plane");

	show_sized(&vm, &small, 3, W / 2, H / 2);
	assert_box(&vm, 0, BLUE, &(struct gp_rect){400, 200, DRAWN * 2, DRAWN * 2});
	assert_cursor(&vm, "composed");
	vm_finish(&vm);
}

/* In a picture that does not fill the monitor a cursor is cut at its edge, as on a monitor. */
static void test_cursor_edge(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	start(&vm, host, "output * {\n scaling none\n}\n");
	show_sized(&vm, &blob, 1, W - 200, H);
	show_cursor(&vm, 2, BLUE, 20, 100);
	assert_box(&vm, 0, BLUE, &(struct gp_rect){120, 100, DRAWN, DRAWN});
	assert_cursor(&vm, "plane");
	assert_true(gg_move_cursor(&vm.fe, 0, -10, 100));
	assert_box(&vm, 0, BLUE, &(struct gp_rect){100, 100, DRAWN - 10, DRAWN});
	assert_cursor(&vm, "composed");
	assert_true(gg_move_cursor(&vm.fe, 0, 20, -10));
	assert_box(&vm, 0, BLUE, &(struct gp_rect){120, 0, DRAWN, DRAWN - 10});
	assert_cursor(&vm, "plane");
	vm_finish(&vm);
}

/* The cursor is where the guest would have drawn it. */
static void test_cursor_turned(struct host *host) {
	static const char *const transforms[] = {"90", "180", "flipped-270"};
	const struct gp_rect box = {120, 70, DRAWN, DRAWN};
	for (size_t i = 0; i < 3; i++) {
		struct vm vm;
		struct gg_blob blob;
		char config[64];
		uint32_t w = i == 1 ? W : H, h = i == 1 ? H : W;
		snprintf(config, sizeof(config), "output * {\n transform %s\n}\n", transforms[i]);
		start(&vm, host, config);
		show_sized(&vm, &blob, 1, w, h);
		gg_fill(blob.pixels, w, &box, GREEN);
		vm_flush(&vm, 1, 0, 0, w, h);
		assert_true(kms_wait_pixel(0, &vm.picture, W / 2, H / 2, RED));
		struct gp_rect green = find(&vm.picture, GREEN);
		assert_int_equal(green.width, DRAWN);
		assert_int_equal(green.height, DRAWN);
		show_cursor(&vm, 2, BLUE, box.x, box.y);
		assert_box(&vm, 0, BLUE, &green);
		assert_cursor(&vm, "plane");
		vm_finish(&vm);
		assert_int_equal(host_stop(vm.bridge), 0);
		assert_int_equal(host_stop(&host->compositor), 0);
	}
}

/* A monitor of the card goes, or comes back: the card tells its driver so. */
static void plug(unsigned index, bool wanted) {
	char request[96];
	snprintf(request, sizeof(request), "run wlr-randr --output HEADLESS-%u --%s", index + 1,
		!wanted              ? "off"
			: index == 0 ? "on --pos 0,0"
				     : "on --pos 640,0");
	assert_true(kms_ask(request));
}

static void show_heads(struct vm *vm, struct gg_blob *red, struct gg_blob *blue) {
	vm_blob(vm, red, 1, RED);
	vm_blob(vm, blue, 2, BLUE);
	vm_show(vm, 0, 1);
	vm_show(vm, 1, 2);
	kms_assert_monitor(vm, 0, RED);
	kms_assert_monitor(vm, 1, BLUE);
}

/* D7: one of two monitors, and then the other, with the guest told of each. */
static void test_hotplug(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	start(&vm, host, NULL);
	show_heads(&vm, &red, &blue);
	plug(1, false);
	kms_wait_connected(&vm, 1, false);
	kms_wait_connected(&vm, 0, true);
	vm_flush(&vm, 1, 0, 0, W, H);
	kms_assert_monitor(&vm, 0, RED);
	plug(0, false);
	kms_wait_connected(&vm, 0, false);
	vm_flush(&vm, 1, 0, 0, W, H);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), -1);
	assert_true(host_alive(&host->compositor));

	/* In the other order; each head is where it was all the same. */
	plug(1, true);
	assert_true(host_wait_string(&host->compositor, "outputs.0.name", kms_output(1), WAIT_MS));
	plug(0, true);
	kms_wait_connected(&vm, 0, true);
	kms_wait_connected(&vm, 1, true);
	assert_true(host_wait_number(&host->compositor, "outputs.1.width", W, WAIT_MS));
	vm_finish(&vm);
}

/* Pinned by the names of connectors, the other way round; clients see no scale. */
static void test_configured(struct host *host) {
	struct vm red, blue;
	struct gg_blob blob;
	char config[512];
	char *text;
	assert_true(kms_choose(KMS_VIRTIO));
	snprintf(config, sizeof(config),
		"output %s {\n scale 1.5\n position 700 50\n adaptive-sync on\n}\n"
		"guest vm0 {\n scanout 0 %s\n}\nguest vm1 {\n scanout 0 %s\n}\n",
		kms_output(1), kms_output(1), kms_output(0));
	kms_start(host, KMS_VIRTIO, config, NULL);
	vm_start(&red, host, 0, NULL);
	vm_start(&blue, host, 1, NULL);
	kms_show_direct(&blue, &blob, 1, BLUE);
	vm_blob(&red, &blob, 1, RED);
	vm_show(&red, 0, 1);
	kms_assert_monitor(&red, 1, RED);
	kms_assert_path(host, 1, "direct", "");
	kms_assert_monitor(&blue, 0, BLUE);

	setenv("WAYLAND_DISPLAY", host->wayland_display, 1);
	assert_int_equal(
		host_run(host, (const char *[]){"wlr-randr", "--output", kms_output(1), NULL},
			&text),
		0);
	assert_non_null(strstr(text, "Position: 700,50"));
	assert_non_null(strstr(text, "Scale: 1.000000"));
	assert_non_null(strstr(text, "Adaptive Sync: disabled"));
	free(text);
	assert_true(kms_has_logged(host, "has no adaptive sync"));

	/* Each output by itself. */
	host->cursor_in_grabs = false;
	assert_true(host_grab(host, kms_output(0), &blue.picture));
	assert_true(picture_is(&blue.picture, 0, 0, W, H, BLUE));
	assert_true(host_grab(host, kms_output(1), &red.picture));
	assert_true(picture_is(&red.picture, 0, 0, W, H, RED));

	/* At one point of the layout they keep apart. */
	kms_randr(host, 1, "--pos", "0,0");
	vm_flush(&red, 1, 0, 0, W, H);
	vm_flush(&blue, 1, 0, 0, W, H);
	kms_assert_monitor(&red, 1, RED);
	kms_assert_monitor(&blue, 0, BLUE);
	kms_assert_path(host, 0, "direct", "");
	kms_assert_path(host, 1, "direct", "");
	vm_finish(&red);
	vm_finish(&blue);
}

/* By make, model and serial number, as the monitor tells them. */
static void test_identity(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	char config[512], monitor[192];
	kms_start(host, KMS_BOCHS, NULL, NULL);
	snprintf(monitor, sizeof(monitor), "%s",
		host_status_string(&host->compositor, "outputs.0.monitor"));
	printf("# the monitor is \"%s\"\n", monitor);
	assert_non_null(strstr(monitor, "QEMU Monitor"));
	assert_int_equal(host_stop(&host->compositor), 0);

	snprintf(config, sizeof(config),
		"output \"%s\" {\n mode 800x600\n}\nguest vm0 {\n scanout 1 \"%s\"\n}\n", monitor,
		monitor);
	kms_start(host, KMS_BOCHS, config, NULL);
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.width"), 800);
	vm_start(&vm, host, 0, (const char *[]){"--scanouts", "2", NULL});
	kms_wait_connected(&vm, 1, true);
	vm_blob(&vm, &blob, 1, GREEN);
	vm_show(&vm, 1, 1);
	assert_true(kms_wait_pixel(0, &vm.picture, 400, 300, GREEN));
	assert_int_equal(vm.picture.width, 800);
	vm_finish(&vm);
}

/* A key of the machine's keyboard, by libinput. */
static void press(const char *key, bool down) {
	char request[32];
	snprintf(request, sizeof(request), "key %s %d", key, down);
	assert_true(kms_ask(request));
}

static void press_hotkey(void) {
	press("ctrl", true);
	press("meta_l", true);
	press("tab", true);
	press("tab", false);
	press("meta_l", false);
	press("ctrl", false);
}

/* The driver's side of the guest's keyboard. */
static void start_keyboard(struct fe *fe, const char *path) {
	assert_true(fe_connect(fe, path, -1));
	assert_true(fe_negotiate(fe, 0));
	assert_true(fe_start(fe));
	for (unsigned i = 0; i < 32; i++) {
		assert_true(fe_submit(fe, 0, NULL, 0, sizeof(struct virtio_input_event)) >= 0);
	}
}

static void expect_event(struct fe *fe, uint16_t type, uint16_t code, uint32_t value) {
	struct virtio_input_event event = {0};
	uint32_t written;
	assert_true(fe_wait_used(fe, 0, &event, sizeof(event), &written, WAIT_MS) >= 0);
	assert_int_equal(le16toh(event.type), type);
	assert_int_equal(le16toh(event.code), code);
	assert_int_equal(le32toh(event.value), value);
}

static void expect_key(struct fe *fe, uint16_t code, uint32_t value) {
	expect_event(fe, EV_KEY, code, value);
	expect_event(fe, EV_SYN, SYN_REPORT, 0);
}

/*
 * Two guests on one monitor, and a real keyboard: the hotkey shows the other one, with its cursor
 * and not that of the first, and its is the keyboard then.
 */
static void test_switch(struct host *host) {
	struct vm red, green;
	struct fe keyboard;
	struct gg_blob blob;
	char path[96], option[128];
	host->backend = "drm,libinput";
	kms_start(host, KMS_VIRTIO, "label off\n", NULL);
	snprintf(path, sizeof(path), "%s/keyboard", host->dir);
	snprintf(option, sizeof(option), "keyboard=%s", path);
	vm_start(&red, host, 0, (const char *[]){"--input", option, NULL});
	start_keyboard(&keyboard, path);
	kms_show_direct(&red, &blob, 1, RED);
	show_cursor(&red, 2, BLUE, 30, 40);
	assert_box(&red, 0, BLUE, &(struct gp_rect){30, 40, DRAWN, DRAWN});
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	press("a", true);
	expect_key(&keyboard, KEY_A, 1);
	press("a", false);
	expect_key(&keyboard, KEY_A, 0);

	vm_start(&green, host, 1, NULL);
	vm_blob(&green, &blob, 1, GREEN);
	vm_show(&green, 0, 1);
	assert_true(host_wait_number(&host->compositor, "guests.1.scanouts.0.commits", 1, WAIT_MS));
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	press_hotkey();
	kms_assert_monitor(&green, 0, GREEN); // and no cursor
	show_cursor(&green, 2, BLUE, 300, 200);
	assert_box(&green, 0, BLUE, &(struct gp_rect){300, 200, DRAWN, DRAWN});
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm1", WAIT_MS));

	press_hotkey();
	assert_box(&red, 0, BLUE, &(struct gp_rect){30, 40, DRAWN, DRAWN});
	assert_int_equal(picture_at(&red.picture, W - 1, H - 1), RED);
	assert_false(picture_has(&red.picture, GREEN));
	kms_assert_path(host, 0, "direct", "");
	assert_true(host_wait_string(&host->compositor, "seat.focus", "vm0", WAIT_MS));
	/* The one that is hidden moves its cursor, which is not seen. */
	assert_true(gg_move_cursor(&green.fe, 0, 320, 210));
	vm_flush(&green, 1, 0, 0, W, H);
	vm_flush(&red, 1, 0, 0, W, H);
	assert_box(&red, 0, BLUE, &(struct gp_rect){30, 40, DRAWN, DRAWN});

	press_hotkey();
	assert_box(&green, 0, BLUE, &(struct gp_rect){320, 210, DRAWN, DRAWN});
	assert_int_equal(picture_at(&green.picture, 0, 0), GREEN);

	/* D14: the label costs the plane only as long as it is there; no guest draws anything. */
	snprintf(path, sizeof(path), "%s/test.conf", host->dir);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs("label 3\n", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(kill(host->compositor.pid, SIGHUP), 0);
	press_hotkey();
	kms_assert_path(host, 0, "mapped", "");
	kms_assert_path(host, 0, "direct", "");
	assert_box(&red, 0, BLUE, &(struct gp_rect){30, 40, DRAWN, DRAWN});
	assert_int_equal(picture_at(&red.picture, W - 1, H - 1), RED);
	fe_finish(&keyboard);
	vm_finish(&red);
	vm_finish(&green);
}

static const struct host_case cases[] = {
	{"direct on both heads", test_direct, 0},
	{"cursor plane", test_cursor, 0},
	{"cursor in screenshots", test_cursor_grab, 0},
	{"cursor scaled", test_cursor_scaled, 0},
	{"cursor at an edge", test_cursor_edge, 0},
	{"cursor turned", test_cursor_turned, 0},
	{"hotplug", test_hotplug, 0},
	{"configured", test_configured, 0},
	{"identity", test_identity, 0},
	{"two guests and a keyboard", test_switch, 0},
};

int main(int argc, char **argv) {
	vm_export = "auto";
	return cases_run(
		"virtio", cases, sizeof(cases) / sizeof(cases[0]), argc > 2 ? argv[2] : NULL);
}
