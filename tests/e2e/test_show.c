/*
 * What the guest draws is what the output shows.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"

#define PAGE 4096u

static const struct gp_rect whole = {0, 0, W, H};

static void test_2d(struct host *host) {
	struct vm vm;
	vm_start(&vm, host, 0, NULL);
	uint64_t gpa = fe_alloc(&vm.fe, SIZE);
	uint32_t *pixels = fe_ptr(&vm.fe, gpa);
	assert_int_equal(gg_create_2d(&vm.fe, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H), OK);
	assert_int_equal(gg_attach(&vm.fe, 1, gpa, SIZE), OK);
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			pixels[y * W + x] = vm_pattern(x, y);
		}
	}
	assert_int_equal(gg_transfer(&vm.fe, 1, &whole, 0), OK);
	assert_int_equal(gg_set_scanout(&vm.fe, 0, 1, &whole), OK);
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_pattern(&vm, OUTPUT, 0, 0);

	/* Nothing is transferred but the rectangle, and nothing is shown before the flush. */
	struct gp_rect part = {100, 50, 200, 60};
	gg_fill(pixels, W, &whole, BLUE);
	assert_int_equal(gg_transfer(&vm.fe, 1, &part, ((uint64_t)part.y * W + part.x) * 4), OK);
	vm_flush(&vm, 1, part.x, part.y, part.width, part.height);
	assert_true(host_wait_pixel(host, OUTPUT, 100, 50, BLUE, WAIT_MS, &vm.picture));
	assert_true(picture_is(&vm.picture, 100, 50, 200, 60, BLUE));
	for (uint32_t x = 0; x < W; x++) {
		assert_int_equal(picture_at(&vm.picture, x, 49), vm_pattern(x, 49));
		assert_int_equal(picture_at(&vm.picture, x, 110), vm_pattern(x, 110));
	}
	assert_int_equal(picture_at(&vm.picture, 99, 60), vm_pattern(99, 60));
	assert_int_equal(picture_at(&vm.picture, 300, 60), vm_pattern(300, 60));

	/* The host copy outlives its backing. */
	assert_int_equal(gg_detach(&vm.fe, 1), OK);
	vm_flush(&vm, 1, 0, 0, W, H);
	assert_true(host_grab(host, OUTPUT, &vm.picture));
	assert_true(picture_is(&vm.picture, 100, 50, 200, 60, BLUE));
	vm_finish(&vm);
}

static void test_blob(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &blob, 1, 0);
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			blob.pixels[y * W + x] = vm_pattern(x, y) | 0xa5000000;
		}
	}
	/* Linux does this on each commit, and it must cost nothing (C2). */
	assert_int_equal(gg_transfer(&vm.fe, 1, &whole, 0), OK);
	vm_show(&vm, 0, 1);
	vm_assert_pattern(&vm, OUTPUT, 0, 0);
	assert_int_equal(vm_counter(&vm, "imports"), 1);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), vm_copies() ? (int64_t)SIZE : 0);
	vm_finish(&vm);
}

/* Each page somewhere else, in no order (B1). */
static void test_scattered(struct host *host) {
	struct vm vm;
	const uint32_t n = SIZE / PAGE;
	static uint64_t gpas[SIZE / PAGE];
	vm_start(&vm, host, 0, NULL);
	uint64_t base = fe_alloc(&vm.fe, SIZE * 2);
	assert_true(base);
	for (uint32_t i = 0; i < n; i++) {
		gpas[i] = base + (uint64_t)(i * 7 % n) * 2 * PAGE; // 7 does not divide n
	}
	assert_true(n % 7 != 0);
	assert_int_equal(gg_create_blob_pages(&vm.fe, 1, SIZE, gpas, n), OK);
	for (uint32_t i = 0; i < W * H; i++) {
		uint32_t *page = fe_ptr(&vm.fe, gpas[i / (PAGE / 4)]);
		page[i % (PAGE / 4)] = vm_pattern(i % W, i / W);
	}
	vm_show(&vm, 0, 1);
	vm_assert_pattern(&vm, OUTPUT, 0, 0);
	vm_finish(&vm);
}

/* D3: n blobs are imported n times in all. */
static void test_flip(struct host *host) {
	struct vm vm;
	struct gg_blob blobs[3];
	const uint32_t colors[3] = {RED, GREEN, BLUE};
	vm_start(&vm, host, 0, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		vm_blob(&vm, &blobs[i], i + 1, colors[i]);
	}
	for (uint32_t i = 0; i < 100; i++) {
		vm_show(&vm, 0, i % 3 + 1);
		if (i % 25 == 24) {
			vm_assert_color(&vm, OUTPUT, colors[i % 3]);
		}
	}
	printf("# imports %jd, commits %jd, bytes copied %jd\n",
		(intmax_t)vm_counter(&vm, "imports"), (intmax_t)vm_counter(&vm, "commits"),
		(intmax_t)vm_counter(&vm, "bytes_copied"));
	/* Of a copy each half is a buffer; flips need the second one if they come fast. */
	assert_int_in_range(vm_counter(&vm, "imports"), 3, vm_copies() ? 6 : 3);
	assert_int_equal(vm_counter(&vm, "imports_failed"), 0);
	assert_int_equal(vm_counter(&vm, "bytes_copied"), vm_copies() ? 100 * (int64_t)SIZE : 0);
	vm_finish(&vm);
}

static void test_damage(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &blob, 1, RED);
	int64_t before = vm_counter(&vm, "bytes_copied");
	struct gp_rect part = {320, 200, 100, 20};
	/* A copy's other half gets what is on screen now, and then what it lacks. */
	vm_flush(&vm, 1, 0, 0, W, 10);
	assert_true(!vm_copies() ||
		vm_counter(&vm, "bytes_copied") - before == (int64_t)SIZE + W * 10 * 4);
	before = vm_counter(&vm, "bytes_copied");
	gg_fill(blob.pixels, W, &part, GREEN);
	vm_flush(&vm, 1, part.x, part.y, part.width, part.height);
	assert_true(host_wait_pixel(host, OUTPUT, 400, 210, GREEN, WAIT_MS, &vm.picture));
	before = vm_counter(&vm, "bytes_copied");
	gg_fill(blob.pixels, W, &part, BLUE);
	vm_flush(&vm, 1, part.x, part.y, part.width, part.height);
	assert_true(host_wait_pixel(host, OUTPUT, 400, 210, BLUE, WAIT_MS, &vm.picture));
	assert_true(picture_is(&vm.picture, 320, 200, 100, 20, BLUE));
	assert_true(picture_is(&vm.picture, 0, 0, W, 200, RED));
	assert_true(picture_is(&vm.picture, 0, 220, W, H - 220, RED));
	int64_t copied = vm_counter(&vm, "bytes_copied") - before;
	printf("# %jd bytes for a rectangle of %u\n", (intmax_t)copied,
		part.width * part.height * 4);
	if (vm_copies()) {
		assert_true(copied >= part.width * part.height * 4);
		assert_true(copied <= W * part.height * 4);
	} else {
		assert_int_equal(copied, 0);
	}
	assert_int_equal(vm_counter(&vm, "imports"), vm_copies() ? 2 : 1);
	vm_finish(&vm);
}

/* Damage is what differs from the frame before, not from what was copied when. */
static void test_damage_of_flips(struct host *host) {
	struct vm vm;
	struct gg_blob first, second;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &first, 1, RED);
	vm_blob(&vm, &second, 2, RED);
	for (uint32_t i = 0; i < 8; i++) {
		/* A guest with two buffers repairs each of them before it draws on. */
		struct gg_blob *next = i % 2 ? &first : &second;
		for (uint32_t done = 0; done <= i; done++) {
			gg_fill(next->pixels, W, &(struct gp_rect){done * 40, done * 30, 40, 30},
				BLUE);
		}
		assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, i % 2 ? 1 : 2, W, H), OK);
		vm_flush(&vm, i % 2 ? 1 : 2, i * 40, i * 30, 40, 30);
	}
	assert_true(host_wait_pixel(host, OUTPUT, 7 * 40, 7 * 30, BLUE, WAIT_MS, &vm.picture));
	for (uint32_t i = 0; i < 8; i++) {
		assert_true(picture_is(&vm.picture, i * 40, i * 30, 40, 30, BLUE));
		assert_true(picture_is(&vm.picture, (i + 1) * 40, i * 30, 40, 30, RED));
	}
	/* What was not on the scanout is new, whatever the guest says has changed. */
	assert_int_equal(gg_set_scanout(&vm.fe, 0, 0, &(struct gp_rect){0}), OK);
	vm_assert_off(&vm, OUTPUT, RED);
	gg_fill(first.pixels, W, &whole, RED);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 1, W, H), OK);
	vm_flush(&vm, 1, 0, 0, 16, 16);
	vm_assert_color(&vm, OUTPUT, RED);
	vm_finish(&vm);
}

/* A scanout shows a part of a larger picture, with an offset and a stride of its own. */
static void test_rectangle(struct host *host) {
	struct vm vm;
	struct gg_blob blob;
	const uint32_t fb_w = W + 240, fb_h = H + 130, stride = (fb_w + 16) * 4, offset = 3 * PAGE;
	vm_start(&vm, host, 0, NULL);
	assert_int_equal(gg_create_blob(&vm.fe, 1, offset + (uint64_t)stride * fb_h, &blob), OK);
	for (uint32_t y = 0; y < fb_h; y++) {
		for (uint32_t x = 0; x < fb_w; x++) {
			blob.pixels[offset / 4 + y * (stride / 4) + x] = vm_pattern(x, y);
		}
	}
	struct virtio_gpu_set_scanout_blob command = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = {.x = 171, .y = 83, .width = W, .height = H},
		.resource_id = 1,
		.width = fb_w,
		.height = fb_h,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = {stride},
		.offsets = {offset},
	};
	struct virtio_gpu_ctrl_hdr response;
	assert_int_equal(
		gg_command(&vm.fe, &command, sizeof(command), &response, sizeof(response)), OK);
	vm_flush(&vm, 1, 0, 0, fb_w, fb_h);
	vm_assert_pattern(&vm, OUTPUT, 171, 83);

	/* Another part of the same picture: it is panned, not imported again. */
	command.r.x = 200;
	command.r.y = 100;
	assert_int_equal(
		gg_command(&vm.fe, &command, sizeof(command), &response, sizeof(response)), OK);
	vm_flush(&vm, 1, 0, 0, fb_w, fb_h);
	vm_assert_pattern(&vm, OUTPUT, 200, 100);
	assert_int_equal(vm_counter(&vm, "imports"), vm_copies() ? 2 : 1);
	vm_finish(&vm);
}

/* fbcon and weston: a resource with the rows longer than the scanout, 2D. */
static void test_2d_rectangle(struct host *host) {
	struct vm vm;
	const uint32_t fb_w = W + 64, fb_h = H + 32;
	vm_start(&vm, host, 0, NULL);
	uint64_t gpa = fe_alloc(&vm.fe, (uint64_t)fb_w * fb_h * 4);
	uint32_t *pixels = fe_ptr(&vm.fe, gpa);
	for (uint32_t y = 0; y < fb_h; y++) {
		for (uint32_t x = 0; x < fb_w; x++) {
			pixels[y * fb_w + x] = vm_pattern(x, y);
		}
	}
	assert_int_equal(gg_create_2d(&vm.fe, 9, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, fb_w, fb_h), OK);
	assert_int_equal(gg_attach(&vm.fe, 9, gpa, (uint64_t)fb_w * fb_h * 4), OK);
	assert_int_equal(gg_transfer(&vm.fe, 9, &(struct gp_rect){0, 0, fb_w, fb_h}, 0), OK);
	assert_int_equal(gg_set_scanout(&vm.fe, 0, 9, &(struct gp_rect){64, 32, W, H}), OK);
	vm_flush(&vm, 9, 0, 0, fb_w, fb_h);
	vm_assert_pattern(&vm, OUTPUT, 64, 32);
	vm_finish(&vm);
}

static void test_two_scanouts(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_start(&vm, host, 0, (const char *[]){"--scanouts", "2", NULL});
	vm_blob(&vm, &red, 1, RED);
	vm_blob(&vm, &blue, 2, BLUE);
	vm_show(&vm, 0, 1);
	vm_show(&vm, 1, 2);
	vm_assert_color(&vm, "HEADLESS-1", RED);
	vm_assert_color(&vm, "HEADLESS-2", BLUE);

	/* One of them off, and the other goes on. */
	assert_int_equal(gg_set_scanout(&vm.fe, 0, 0, &(struct gp_rect){0}), OK);
	vm_assert_off(&vm, "HEADLESS-1", RED);
	gg_fill(blue.pixels, W, &whole, GREEN);
	vm_flush(&vm, 2, 0, 0, W, H);
	vm_assert_color(&vm, "HEADLESS-2", GREEN);

	/* Both show the same blob. */
	vm_show(&vm, 0, 2);
	vm_assert_color(&vm, "HEADLESS-1", GREEN);
	gg_fill(blue.pixels, W, &whole, RED);
	vm_flush(&vm, 2, 0, 0, W, H);
	vm_assert_color(&vm, "HEADLESS-1", RED);
	vm_assert_color(&vm, "HEADLESS-2", RED);
	vm_finish(&vm);
}

static void test_cursor(struct host *host) {
	struct vm vm;
	struct gg_blob red, cursor;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	host->cursor_in_grabs = true;
	assert_int_equal(gg_create_blob(&vm.fe, 2, 64 * 64 * 4, &cursor), OK);
	for (uint32_t i = 0; i < 64 * 64; i++) {
		cursor.pixels[i] = i % 64 < 20 && i / 64 < 30 ? 0xff000000 | BLUE : 0;
	}
	assert_int_equal(gg_transfer(&vm.fe, 2, &(struct gp_rect){0, 0, 64, 64}, 0), OK);
	/* The device's x and y are the hotspot's place less the hotspot: the top left corner. */
	assert_true(gg_cursor(&vm.fe, 0, 2, 200, 100, 5, 6));
	assert_true(host_wait_pixel(host, OUTPUT, 200, 100, BLUE, WAIT_MS, &vm.picture));
	assert_true(picture_is(&vm.picture, 200, 100, 20, 30, BLUE));
	assert_true(picture_is(&vm.picture, 220, 100, W - 220, 30, RED));
	assert_true(picture_is(&vm.picture, 0, 0, W, 100, RED));
	assert_true(picture_is(&vm.picture, 0, 130, W, H - 130, RED));

	assert_true(gg_move_cursor(&vm.fe, 0, -4, H - 10));
	assert_true(host_wait_pixel(host, OUTPUT, 0, H - 1, BLUE, WAIT_MS, &vm.picture));
	assert_true(picture_is(&vm.picture, 0, H - 10, 16, 10, BLUE));
	assert_true(picture_is(&vm.picture, 0, 0, W, H - 10, RED));

	/* Another picture under the same id, and none. */
	gg_fill(cursor.pixels, 64, &(struct gp_rect){0, 0, 64, 64}, 0xff000000 | GREEN);
	assert_int_equal(gg_transfer(&vm.fe, 2, &(struct gp_rect){0, 0, 64, 64}, 0), OK);
	assert_true(gg_cursor(&vm.fe, 0, 2, 40, 40, 0, 0));
	assert_true(host_wait_pixel(host, OUTPUT, 40, 40, GREEN, WAIT_MS, &vm.picture));
	assert_true(picture_is(&vm.picture, 40, 40, 64, 64, GREEN));
	assert_true(gg_cursor(&vm.fe, 0, 0, 40, 40, 0, 0));
	vm_assert_color(&vm, OUTPUT, RED);
	vm_finish(&vm);
}

/* The old way: the cursor is a 2D resource. */
static void test_cursor_2d(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	host->cursor_in_grabs = true;
	uint64_t gpa = fe_alloc(&vm.fe, 64 * 64 * 4);
	gg_fill(fe_ptr(&vm.fe, gpa), 64, &(struct gp_rect){0, 0, 64, 64}, 0xff000000 | BLUE);
	assert_int_equal(gg_create_2d(&vm.fe, 2, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64), OK);
	assert_int_equal(gg_attach(&vm.fe, 2, gpa, 64 * 64 * 4), OK);
	assert_int_equal(gg_transfer(&vm.fe, 2, &(struct gp_rect){0, 0, 64, 64}, 0), OK);
	assert_true(gg_cursor(&vm.fe, 0, 2, 300, 200, 0, 0));
	assert_true(host_wait_pixel(host, OUTPUT, 300, 200, BLUE, WAIT_MS, &vm.picture));
	assert_true(picture_is(&vm.picture, 300, 200, 64, 64, BLUE));
	assert_true(picture_is(&vm.picture, 0, 0, 300, H, RED));
	/* Its end takes it off the screen or not; the picture below must be right in any case. */
	assert_int_equal(gg_unref(&vm.fe, 2), OK);
	assert_true(gg_cursor(&vm.fe, 0, 0, 0, 0, 0, 0));
	vm_assert_color(&vm, OUTPUT, RED);
	vm_finish(&vm);
}

static void test_disable(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	assert_int_equal(gg_set_scanout(&vm.fe, 0, 0, &(struct gp_rect){0}), OK);
	vm_assert_off(&vm, OUTPUT, RED);
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.guest"), "vm0");
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.path"), "none");
	/* A flush of what is not shown is right, and shows nothing. */
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_off(&vm, OUTPUT, RED);
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, OUTPUT, RED);
	vm_finish(&vm);
}

/* B8: other memory behind the shown resource, a flush, and no SET_SCANOUT_BLOB. */
static void test_reattach(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	uint64_t gpa = fe_alloc(&vm.fe, SIZE);
	gg_fill(fe_ptr(&vm.fe, gpa), W, &whole, BLUE);
	assert_int_equal(gg_detach(&vm.fe, 1), OK);
	/* What the guest does with its memory now is its own affair. */
	gg_fill(red.pixels, W, &whole, GREEN);
	assert_true(host_grab(host, OUTPUT, &vm.picture));
	assert_false(picture_has(&vm.picture, GREEN));
	assert_int_equal(gg_attach(&vm.fe, 1, gpa, SIZE), OK);
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_color(&vm, OUTPUT, BLUE);
	/* The old memory is not read any more. */
	gg_fill(red.pixels, W, &whole, RED);
	vm_flush(&vm, 1, 0, 0, W, H);
	vm_assert_color(&vm, OUTPUT, BLUE);
	vm_finish(&vm);
}

/* B12. */
static void test_unref(struct host *host) {
	struct vm vm;
	struct gg_blob red, blue;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	assert_int_equal(gg_unref(&vm.fe, 1), OK);
	vm_assert_status_screen(&vm, OUTPUT, RED);
	vm_show_new(&vm, &blue, 1, BLUE);
	vm_finish(&vm);
}

/* What is shown is what was flushed, not what the guest paints meanwhile (copies), B3. */
static void test_exporter(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	assert_true(host_wait_string(
		vm.bridge, "scanouts.0.exporter", vm_copies() ? "copy" : "udmabuf", WAIT_MS));
	if (vm_copies()) {
		assert_string_not_equal(host_status_string(vm.bridge, "scanouts.0.reason"), "");
		gg_fill(red.pixels, W, &whole, BLUE);
		assert_true(host_grab(host, OUTPUT, &vm.picture));
		assert_false(picture_has(&vm.picture, BLUE));
	}
	vm_finish(&vm);
}

static const struct host_case cases[] = {
	{"2D resource", test_2d, 1},
	{"blob", test_blob, 1},
	{"blob of scattered pages", test_scattered, 1},
	{"flip among three", test_flip, 1},
	{"damage", test_damage, 1},
	{"damage of flips", test_damage_of_flips, 1},
	{"rectangle, offset and stride", test_rectangle, 1},
	{"2D rectangle", test_2d_rectangle, 1},
	{"two scanouts", test_two_scanouts, 2},
	{"cursor", test_cursor, 1},
	{"cursor of a 2D resource", test_cursor_2d, 1},
	{"disable", test_disable, 1},
	{"other backing while shown", test_reattach, 1},
	{"unref while shown", test_unref, 1},
	{"exporter", test_exporter, 1},
};

int main(int argc, char **argv) {
	return vm_main("show", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
