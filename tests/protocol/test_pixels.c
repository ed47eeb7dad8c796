/*
 * The pixels of a picture: which of them an output shows, and where.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/protocol/scene.h"

static uint32_t pattern(uint32_t x, uint32_t y) {
	return (x * 7 & 0xff) << 16 | (y * 5 & 0xff) << 8 | ((x ^ y) & 0xff);
}

static void assert_pattern(const struct picture *picture, uint32_t dx, uint32_t dy) {
	assert_int_equal(picture->width, W);
	assert_int_equal(picture->height, H);
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			if (picture_at(picture, x, y) != pattern(x + dx, y + dy)) {
				fail_msg("pixel %u, %u is %06x, not %06x", x, y,
					picture_at(picture, x, y), pattern(x + dx, y + dy));
			}
		}
	}
}

/* Every byte of a picture, with an offset and a stride that are not the packed ones. */
static void test_exact_pixels(struct host *host) {
	struct scene scene;
	const uint32_t stride = (W + 48) * 4, offset = 8192;
	scene_connect(&scene, host);
	assert_true(blob_create(&scene.blob, scene.guest, offset + (size_t)stride * H));
	blob_fill(&scene.blob, RED); // what must not be seen
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			scene.blob.pixels[offset / 4 + y * (stride / 4) + x] = pattern(x, y);
		}
	}
	buffer_create_layout(&scene.buffer, &scene.blob, 9, W, H, DRM_FORMAT_XRGB8888,
		DRM_FORMAT_MOD_LINEAR, offset, stride);
	scanout_commit(&scene.scanout, &scene.buffer); // before the answer
	assert_true(client_wait(&scene.client, &scene.blob.answers, 1, WAIT_MS));
	assert_int_equal(scene.blob.n_imported, 1);
	assert_int_equal(scene.blob.last_serial, 9);
	assert_int_equal(scene.blob.how, GUEST_BLOB_V1_IMPORT_SHM);
	assert_true(host_wait_pixel(
		host, OUTPUT, W - 1, H - 1, pattern(W - 1, H - 1), WAIT_MS, &scene.picture));
	assert_pattern(&scene.picture, 0, 0);
	scene_finish(&scene);
}

/* A monitor shows no alpha: neither the X of XRGB nor, on a scanout, the A of ARGB. */
static void test_alpha_ignored(struct host *host) {
	struct scene scene;
	struct buffer argb;
	scene_connect(&scene, host);
	scene_blob(&scene, &scene.blob, &scene.buffer, GREEN | 0x7f000000);
	scanout_commit(&scene.scanout, &scene.buffer);
	scene_assert_shown(&scene, host, GREEN);
	buffer_create_layout(
		&argb, &scene.blob, 2, W, H, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR, 0, W * 4);
	const uint32_t alphas[] = {0, 0x7f000000, 0xff000000};
	for (size_t i = 0; i < sizeof(alphas) / sizeof(alphas[0]); i++) {
		uint32_t color = i % 2 ? RED : BLUE;
		blob_fill(&scene.blob, color | alphas[i]);
		scanout_commit(&scene.scanout, &argb);
		scene_assert_shown(&scene, host, color);
	}
	scene_finish(&scene);
}

static void test_viewport(struct host *host) {
	struct scene scene;
	const uint32_t bw = W + 200, bh = H + 100;
	scene_connect(&scene, host);
	assert_true(blob_create(&scene.blob, scene.guest, (size_t)bw * bh * 4));
	for (uint32_t y = 0; y < bh; y++) {
		for (uint32_t x = 0; x < bw; x++) {
			scene.blob.pixels[y * bw + x] = pattern(x, y);
		}
	}
	buffer_create(&scene.buffer, &scene.blob, 1, (int32_t)bw, (int32_t)bh);
	struct wp_viewport *viewport =
		wp_viewporter_get_viewport(scene.client.viewporter, scene.scanout.surface);
	wp_viewport_set_source(viewport, wl_fixed_from_int(37), wl_fixed_from_int(61),
		wl_fixed_from_int(W), wl_fixed_from_int(H));
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, W - 1, H - 1, pattern(W - 1 + 37, H - 1 + 61),
		WAIT_MS, &scene.picture));
	assert_pattern(&scene.picture, 37, 61);
	scene_finish(&scene);
}

/* A picture of another shape: its aspect is kept, the rest is black. */
static void assert_fit(struct host *host, int32_t width, int32_t height) {
	struct scene scene;
	scene_connect(&scene, host);
	assert_true(blob_create(&scene.blob, scene.guest, (size_t)width * (size_t)height * 4));
	blob_fill(&scene.blob, GREEN);
	buffer_create(&scene.buffer, &scene.blob, 1, width, height);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, W / 2, H / 2, GREEN, WAIT_MS, &scene.picture));
	unsigned shown_w = 0, shown_h = 0, left = 0, top = 0;
	while (left < W && picture_at(&scene.picture, left, H / 2) != GREEN) {
		left++;
	}
	while (top < H && picture_at(&scene.picture, W / 2, top) != GREEN) {
		top++;
	}
	for (uint32_t x = left; x < W && picture_at(&scene.picture, x, H / 2) == GREEN; x++) {
		shown_w++;
	}
	for (uint32_t y = top; y < H && picture_at(&scene.picture, W / 2, y) == GREEN; y++) {
		shown_h++;
	}
	printf("# %dx%d is shown as %ux%u at %u,%u\n", width, height, shown_w, shown_h, left, top);
	/* The aspect, within two pixels of filtered edge. */
	long error = (long)shown_w * height - (long)shown_h * width;
	assert_true(labs(error) <= 2L * (width > height ? width : height) + 2);
	/* In the middle. */
	assert_true(abs((int)(2 * left + shown_w) - W) <= 2);
	assert_true(abs((int)(2 * top + shown_h) - H) <= 2);
	/* Scaled pictures use the output: at least one side is (nearly) filled. */
	assert_true(shown_w + 2 >= W || shown_h + 2 >= H);
	/* Bars. */
	if (left > 1) {
		assert_true(picture_is(&scene.picture, 0, 0, left - 1, H, BLACK));
		assert_true(picture_is(
			&scene.picture, left + shown_w + 1, 0, W - left - shown_w - 1, H, BLACK));
	}
	if (top > 1) {
		assert_true(picture_is(&scene.picture, 0, 0, W, top - 1, BLACK));
		assert_true(picture_is(
			&scene.picture, 0, top + shown_h + 1, W, H - top - shown_h - 1, BLACK));
	}
	scene_finish(&scene);
}

static void test_fit_wide(struct host *host) {
	assert_fit(host, 1280, 480);
}

static void test_fit_tall(struct host *host) {
	assert_fit(host, 300, 900);
}

static void test_fit_small(struct host *host) {
	assert_fit(host, 320, 200);
}

static const struct host_case cases[] = {
	{"exact pixels", test_exact_pixels, 1},
	{"alpha ignored", test_alpha_ignored, 1},
	{"viewport", test_viewport, 1},
	{"fit wide", test_fit_wide, 1},
	{"fit tall", test_fit_tall, 1},
	{"fit small", test_fit_small, 1},
};

int main(int argc, char **argv) {
	return cases_run(
		"pixels", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
