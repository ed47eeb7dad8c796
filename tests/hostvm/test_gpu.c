/*
 * A compositor that composes with a GPU: with GL in software, on the bochs card, and with what
 * gpu.c makes of it. llvmpipe has to draw without threads: with them it is not ready when it says so,
 * and sets no fence, so that a card that copies its framebuffer shows the frame before. softpipe
 * starts faster, but crashes with dma-bufs.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/hostvm/gpu.h"
#include "tests/hostvm/kms_case.h"

#define GPU_LIBRARY "/guest/libgpu.so"
#define PART_W 64u
#define PART_H 16u
#define FRAMES 12u

static void start_compositor(struct host *host, const char *driver) {
	unlink(GPU_COUNTS);
	assert_int_equal(setenv("WLR_RENDERER_ALLOW_SOFTWARE", "1", 1), 0);
	assert_int_equal(setenv("GALLIUM_DRIVER", driver, 1), 0);
	assert_int_equal(setenv("LP_NUM_THREADS", "0", 1), 0);
	host->renderer = "gles2";
	host->preload = GPU_LIBRARY;
	kms_start(host, KMS_BOCHS, "label off\n", NULL);
	assert_string_equal(host_status_string(&host->compositor, "renderer"), "gles2");
}

static void start(struct vm *vm, struct host *host, const char *driver) {
	start_compositor(host, driver);
	vm_start(vm, host, 0, NULL);
}

static struct gpu_counts get_counts(void) {
	struct gpu_counts counts = {0};
	int fd = open(GPU_COUNTS, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		assert_int_equal(read(fd, &counts, sizeof(counts)), sizeof(counts));
		close(fd);
	}
	return counts;
}

static int64_t get_uploaded(struct vm *vm) {
	return host_status_number(&vm->host->compositor, "guests.0.scanouts.0.bytes_uploaded");
}

/* A frame by itself: none waits, so that none is merged with the next. */
static void flush_one(struct vm *vm, uint32_t id, const struct gp_rect *rect) {
	static const char commits[] = "guests.0.scanouts.0.commits";
	int64_t before = host_status_number(&vm->host->compositor, commits);
	assert_int_equal(gg_flush(&vm->fe, id, rect, true), OK);
	assert_true(host_wait_number(&vm->host->compositor, commits, before + 1, WAIT_MS));
}

static void show_one(struct vm *vm, uint32_t id) {
	assert_int_equal(gg_set_scanout_blob(&vm->fe, 0, id, W, H), OK);
	flush_one(vm, id, &(struct gp_rect){0, 0, W, H});
}

/* D16: what has changed is uploaded, and no more. */
static void test_uploads(struct host *host) {
	struct vm vm;
	struct gg_blob blobs[2];
	vm_export = "copy";
	start(&vm, host, "softpipe");
	vm_export = "auto";
	vm_blob(&vm, &blobs[0], 1, RED);
	vm_blob(&vm, &blobs[1], 2, BLUE);
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, kms_output(0), RED);
	for (unsigned i = 0; i < 8; i++) { // all buffers of both are there
		uint32_t last = i / 4 == 0 ? RED : BLUE;
		gg_fill(blobs[i / 4].pixels, W, &(struct gp_rect){0, 0, W, H},
			i % 2 == 0 ? GREEN : last);
		show_one(&vm, 1 + i / 4);
	}
	assert_string_equal(host_status_string(&host->compositor, "outputs.0.path"), "copied");

	uint64_t before = get_counts().uploaded;
	int64_t said = get_uploaded(&vm);
	for (unsigned i = 0; i < FRAMES; i++) {
		struct gp_rect part = {i * 8, i * 8, PART_W, PART_H};
		gg_fill(blobs[1].pixels, W, &part, i % 2 == 0 ? GREEN : RED);
		flush_one(&vm, 2, &part);
	}
	uint64_t uploaded = get_counts().uploaded - before;
	printf("# %u frames of %u bytes: %ju bytes uploaded\n", FRAMES, PART_W * PART_H * 4,
		(uintmax_t)uploaded);
	assert_int_equal(uploaded, FRAMES * PART_W * PART_H * 4);
	assert_int_equal(get_uploaded(&vm) - said, uploaded);
	/* And it is what is seen. */
	struct gp_rect last = {(FRAMES - 1) * 8 + 1, (FRAMES - 1) * 8 + 1, 1, 1};
	assert_true(
		host_wait_pixel(host, kms_output(0), last.x, last.y, RED, WAIT_MS, &vm.picture));
	for (unsigned i = 0; i < FRAMES; i++) {
		assert_int_equal(
			picture_at(&vm.picture, i * 8 + 1, i * 8 + 1), i % 2 == 0 ? GREEN : RED);
	}
	assert_int_equal(picture_at(&vm.picture, W - 1, H - 1), BLUE);

	/* Whole frames are uploaded whole, of both, into one texture. */
	said = get_uploaded(&vm);
	before = get_counts().uploaded;
	for (unsigned i = 0; i < FRAMES; i++) {
		show_one(&vm, 1 + i % 2);
	}
	assert_int_equal(get_counts().uploaded - before, FRAMES * SIZE);
	assert_int_equal(get_uploaded(&vm) - said, FRAMES * SIZE);

	/* Off and on again, and other sizes. */
	vm_switch_off(&vm);
	gg_fill(blobs[0].pixels, W, &(struct gp_rect){0, 0, W, H}, GREEN);
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, kms_output(0), GREEN);
	assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 2, W, H / 2), OK);
	gg_fill(blobs[1].pixels, W, &(struct gp_rect){0, 0, W, H}, BLUE);
	vm_flush(&vm, 2, 0, 0, W, H / 2);
	assert_true(host_wait_pixel(host, kms_output(0), W / 2, H / 2, BLUE, WAIT_MS, &vm.picture));
	assert_false(picture_has(&vm.picture, GREEN));
	vm_finish(&vm);
}

struct mode {
	uint32_t width, height;
	bool odd; // its stride is no multiple of GPU_ALIGNMENT
};

static void show_mode(struct vm *vm, uint32_t id, const struct mode *mode, uint32_t color) {
	struct gg_blob blob;
	uint64_t size = (uint64_t)mode->width * mode->height * 4;
	const struct gp_rect all = {0, 0, mode->width, mode->height};
	assert_int_equal(gg_create_blob(&vm->fe, id, size, &blob), OK);
	gg_fill(blob.pixels, mode->width, &all, color);
	assert_int_equal(gg_set_scanout_blob(&vm->fe, 0, id, mode->width, mode->height), OK);
	assert_int_equal(gg_flush(&vm->fe, id, &all, true), OK);
	assert_true(host_wait_pixel(
		vm->host, kms_output(0), W / 2, H / 2, color, WAIT_MS, &vm->picture));
	assert_true(host_wait_string(&vm->host->compositor, "guests.0.scanouts.0.path",
		mode->odd ? "copied" : "gpu", WAIT_MS));
	const char *reason = host_status_string(vm->bridge, "scanouts.0.reason");
	printf("# %ux%u: %s\n", mode->width, mode->height, reason);
	if (mode->odd) {
		assert_non_null(strstr(reason, "a stride that is a multiple of 256 bytes"));
	} else {
		assert_string_equal(reason, "");
	}
}

/* B6: a pitch that the GPU does not take says nothing of another one. */
static void test_pitch(struct host *host) {
	static const struct mode modes[] = {
		{1366, 768, true},
		{1680, 1050, true},
		{1920, 1080, false},
		{1440, 900, true},
		{1280, 720, false},
	};
	static const uint32_t colors[] = {RED, GREEN, BLUE};
	struct vm vm;
	start(&vm, host, "llvmpipe");
	for (uint32_t i = 0; i < 5; i++) {
		show_mode(&vm, i + 1, &modes[i], colors[i % 3]);
	}
	/* What is known is not tried again. */
	assert_int_equal(vm_counter(&vm, "imports_failed"), 1);
	printf("# refused %ju times\n", (uintmax_t)get_counts().refused);
	assert_true(get_counts().refused <= 8);
	vm_finish(&vm);
}

/* The guest's pixels, composed, on the monitor, in either way of memory. */
static void test_pixels(struct host *host) {
	const char *const exports[] = {"copy", "auto"};
	start_compositor(host, "llvmpipe");
	for (size_t i = 0; i < 2; i++) {
		struct vm vm;
		struct gg_blob blob;
		uint32_t width = W / 2, height = H / 2, salt = (uint32_t)i * 3;
		vm_export = exports[i];
		vm_start(&vm, host, 0, NULL);
		assert_int_equal(gg_create_blob(&vm.fe, 1, width * height * 4, &blob), OK);
		for (uint32_t j = 0; j < width * height; j++) {
			blob.pixels[j] = vm_pattern(j % width + salt, j / width);
		}
		assert_int_equal(gg_set_scanout_blob(&vm.fe, 0, 1, width, height), OK);
		const struct gp_rect all = {0, 0, width, height};
		assert_int_equal(gg_flush(&vm.fe, 1, &all, true), OK);
		assert_true(kms_wait_pixel(
			0, &vm.picture, W - 1, H - 1, vm_pattern(width - 1 + salt, height - 1)));
		for (uint32_t j = 0; j < W * H; j++) {
			uint32_t x = j % W, y = j / W;
			assert_int_equal(
				picture_at(&vm.picture, x, y), vm_pattern(x / 2 + salt, y / 2));
		}
		assert_string_equal(host_status_string(&host->compositor, "outputs.0.path"),
			i == 0 ? "copied" : "gpu");
		vm_finish(&vm);
		assert_int_equal(host_stop(vm.bridge), 0);
	}
	vm_export = "auto";
}

static const struct host_case cases[] = {
	{"uploads", test_uploads, 0},
	{"pitch", test_pitch, 0},
	{"pixels", test_pixels, 0},
};

int main(int argc, char **argv) {
	vm_export = "auto";
	return cases_run("gpu", cases, sizeof(cases) / sizeof(cases[0]), argc > 2 ? argv[2] : NULL);
}
