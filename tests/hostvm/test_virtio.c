/*
 * KMS on virtio-gpu, which has cursor planes, two monitors that come and go, and imports udmabufs:
 * D1, D7, D8, D9. What is on the monitors is told by the Guestpane outside of the VM whose bridge
 * is the card.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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
	kms_assert_way(host, 1, "direct", "");
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
	kms_assert_way(host, 0, "direct", "");
	vm_flush(&vm, 1, 0, 0, W, H);
	kms_assert_way(host, 0, "direct", "");
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
	kms_assert_way(host, 0, "direct", "");
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

static const struct host_case cases[] = {
	{"direct on both heads", test_direct, 0},
	{"cursor plane", test_cursor, 0},
	{"cursor in screenshots", test_cursor_grab, 0},
	{"cursor scaled", test_cursor_scaled, 0},
	{"cursor at an edge", test_cursor_edge, 0},
	{"cursor turned", test_cursor_turned, 0},
};

int main(int argc, char **argv) {
	vm_export = "auto";
	return cases_run(
		"virtio", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
