/*
 * A scanout's cursor.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/protocol/scene.h"

static void test_cursor(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	scene_show(&scene, host);
	host->cursor_in_grabs = true;

	/* 64×64: the left upper quarter opaque, the rest transparent. */
	assert_true(blob_create(&blob, scene.guest, 64 * 64 * 4));
	for (uint32_t y = 0; y < 64; y++) {
		for (uint32_t x = 0; x < 64; x++) {
			blob.pixels[y * 64 + x] = x < 32 && y < 32 ? 0xff000000 | BLUE : 0;
		}
	}
	buffer_create_layout(
		&buffer, &blob, 2, 64, 64, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR, 0, 64 * 4);
	struct wl_surface *surface = wl_compositor_create_surface(scene.client.compositor);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, surface, 3, 4);
	guest_scanout_v1_move_cursor(scene.scanout.proxy, 100, 120);
	wl_surface_attach(surface, buffer.proxy, 0, 0);
	wl_surface_damage_buffer(surface, 0, 0, 64, 64);
	wl_surface_commit(surface);
	assert_true(client_sync(&scene.client));
	/* The top left corner of the picture is at that point; the hotspot moves nothing. */
	assert_true(host_wait_pixel(host, OUTPUT, 100, 120, BLUE, WAIT_MS, &scene.picture));
	assert_true(picture_is(&scene.picture, 100, 120, 32, 32, BLUE));
	assert_true(picture_is(&scene.picture, 132, 120, 32, 64, RED));
	assert_true(picture_is(&scene.picture, 100, 152, 64, 32, RED));
	assert_true(picture_is(&scene.picture, 0, 0, 100, H, RED));
	assert_true(picture_is(&scene.picture, 0, 0, W, 120, RED));

	/* Moved without a commit; partly outside. */
	guest_scanout_v1_move_cursor(scene.scanout.proxy, W - 10, H - 20);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, W - 1, H - 1, BLUE, WAIT_MS, &scene.picture));
	assert_true(picture_is(&scene.picture, W - 10, H - 20, 10, 20, BLUE));
	assert_true(picture_is(&scene.picture, 0, 0, W - 10, H, RED));
	guest_scanout_v1_move_cursor(scene.scanout.proxy, -16, -8);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 0, 0, BLUE, WAIT_MS, &scene.picture));
	assert_true(picture_is(&scene.picture, 0, 0, 16, 24, BLUE));
	assert_true(picture_is(&scene.picture, 16, 0, W - 16, H, RED));
	guest_scanout_v1_move_cursor(scene.scanout.proxy, INT32_MAX, INT32_MIN);
	scene_assert_shown(&scene, host, RED);
	guest_scanout_v1_move_cursor(scene.scanout.proxy, 100, 120);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 100, 120, BLUE, WAIT_MS, &scene.picture));

	/* No surface, no cursor; and again; and gone with its surface. */
	guest_scanout_v1_set_cursor(scene.scanout.proxy, NULL, 0, 0);
	scene_assert_shown(&scene, host, RED);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, surface, 0, 0);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 100, 120, BLUE, WAIT_MS, &scene.picture));
	wl_surface_destroy(surface);
	scene_assert_shown(&scene, host, RED);
	blob_finish(&blob);
	scene_finish(&scene);
}

/* A cursor over no picture is not seen, and moves; it is there with the next picture. */
static void test_cursor_alone(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	scene_show(&scene, host);
	host->cursor_in_grabs = true;
	assert_true(blob_create(&blob, scene.guest, 64 * 64 * 4));
	blob_fill(&blob, 0xff000000 | BLUE);
	buffer_create_layout(
		&buffer, &blob, 2, 64, 64, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR, 0, 64 * 4);
	struct wl_surface *surface = wl_compositor_create_surface(scene.client.compositor);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, surface, 0, 0);
	wl_surface_attach(surface, buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	scanout_commit(&scene.scanout, NULL);
	guest_scanout_v1_move_cursor(scene.scanout.proxy, 100, 120);
	assert_true(client_sync(&scene.client));
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 100, 120, BLUE, WAIT_MS, &scene.picture));
	assert_true(picture_is(&scene.picture, 100, 120, 64, 64, BLUE));
	wl_surface_destroy(surface);
	blob_finish(&blob);
	scene_finish(&scene);
}

/* The cursor is from another life of the machine, too. */
static void test_cursor_generation(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	scene_show(&scene, host);
	host->cursor_in_grabs = true;
	assert_true(blob_create(&blob, scene.guest, 64 * 64 * 4));
	blob_fill(&blob, 0xff000000 | BLUE);
	buffer_create_layout(
		&buffer, &blob, 2, 64, 64, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR, 0, 64 * 4);
	struct wl_surface *surface = wl_compositor_create_surface(scene.client.compositor);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, surface, 0, 0);
	guest_scanout_v1_move_cursor(scene.scanout.proxy, 10, 10);
	wl_surface_attach(surface, buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 20, 20, BLUE, WAIT_MS, &scene.picture));
	guest_v1_next_generation(scene.guest);
	scanout_commit(&scene.scanout, &scene.buffer);
	scene_assert_shown(&scene, host, RED);
	blob_finish(&blob);
	scene_finish(&scene);
}

static const struct host_case cases[] = {
	{"cursor", test_cursor, 1},
	{"cursor without a picture", test_cursor_alone, 1},
	{"cursor and generation", test_cursor_generation, 1},
};

int main(int argc, char **argv) {
	return cases_run(
		"cursor", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
