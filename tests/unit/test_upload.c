/*
 * D16: a GPU gets what has changed of a copy. The renderer here keeps pixels, and counts those that
 * it is given; the real ones are in tests/hostvm/test_gpu.c.
 */

#include <drm_fourcc.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wlr/render/interface.h>
#include <wlr/render/pixman.h>
#include <wlr/render/wlr_renderer.h>
#include <wlr/types/wlr_buffer.h>
#include <cmocka.h>

#include "compositor/memory/blob_memory.h"
#include "compositor/memory/guest_buffer.h"
#include "compositor/memory/import_failure.h"
#include "compositor/memory/quota.h"
#include "compositor/view/upload.h"
#include "guest-scanout-v1-enum.h"

#define W 64
#define H 32
#define SIZE (W * H * 4)

/* The GPU's texture. */
struct gp_fake_texture {
	struct wlr_texture base;
	uint32_t pixels[W * H];
};

static struct wlr_renderer gpu;
static unsigned n_textures; // that there are
static uint64_t n_uploaded; // bytes
static bool refuses;

static struct gp_quota quota; // never counted down to 0
static struct gp_upload upload;

/* One of a bridge's buffers: its own memory file. */
struct gp_picture {
	struct gp_blob_memory *memory;
	struct gp_guest_buffer *buffer;
	uint32_t *pixels;
};
static struct gp_picture pictures[2];

static void copy(struct gp_fake_texture *texture, struct wlr_buffer *buffer,
	const pixman_region32_t *region) {
	void *data;
	uint32_t format;
	size_t stride;
	int n;
	assert_true(wlr_buffer_begin_data_ptr_access(
		buffer, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride));
	const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n);
	for (int i = 0; i < n; i++) {
		assert_true(boxes[i].x1 >= 0 && boxes[i].x2 <= buffer->width && boxes[i].y1 >= 0 &&
			boxes[i].y2 <= buffer->height);
		for (int y = boxes[i].y1; y < boxes[i].y2; y++) {
			size_t bytes = (size_t)(boxes[i].x2 - boxes[i].x1) * 4;
			memcpy(&texture->pixels[y * W + boxes[i].x1],
				(const uint8_t *)data + (size_t)y * stride + boxes[i].x1 * 4,
				bytes);
			n_uploaded += bytes;
		}
	}
	wlr_buffer_end_data_ptr_access(buffer);
}

static bool texture_update(
	struct wlr_texture *base, struct wlr_buffer *buffer, const pixman_region32_t *damage) {
	struct gp_fake_texture *texture = wl_container_of(base, texture, base);
	copy(texture, buffer, damage);
	return true;
}

static void texture_destroy(struct wlr_texture *base) {
	struct gp_fake_texture *texture = wl_container_of(base, texture, base);
	n_textures--;
	free(texture);
}

static const struct wlr_texture_impl texture_impl = {
	.update_from_buffer = texture_update,
	.destroy = texture_destroy,
};

static struct wlr_texture *texture_from_buffer(
	struct wlr_renderer *renderer, struct wlr_buffer *buffer) {
	if (refuses) {
		return NULL;
	}
	struct gp_fake_texture *texture = calloc(1, sizeof(*texture));
	assert_non_null(texture);
	wlr_texture_init(&texture->base, renderer, &texture_impl, (uint32_t)buffer->width,
		(uint32_t)buffer->height);
	n_textures++;
	pixman_region32_t all;
	pixman_region32_init_rect(&all, 0, 0, (unsigned)buffer->width, (unsigned)buffer->height);
	copy(texture, buffer, &all);
	pixman_region32_fini(&all);
	return &texture->base;
}

static const struct wlr_drm_format_set *get_formats(struct wlr_renderer *renderer) {
	return NULL;
}

static const struct wlr_drm_format_set *get_texture_formats(
	struct wlr_renderer *renderer, uint32_t caps) {
	return NULL;
}

static struct wlr_render_pass *begin_pass(struct wlr_renderer *renderer, struct wlr_buffer *buffer,
	const struct wlr_buffer_pass_options *options) {
	return NULL;
}

static const struct wlr_renderer_impl gpu_impl = {
	.get_texture_formats = get_texture_formats,
	.get_render_formats = get_formats,
	.texture_from_buffer = texture_from_buffer,
	.begin_buffer_pass = begin_pass,
};

static void picture_init(struct gp_picture *picture, int32_t height, uint32_t format) {
	const struct gp_buffer_layout layout = {
		.width = W,
		.height = height,
		.format = format,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.stride = W * 4,
	};
	struct gp_import_failure failure;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0 && ftruncate(fd, SIZE) == 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	picture->pixels = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(picture->pixels, MAP_FAILED);
	picture->memory = gp_blob_memory_create(NULL, fd, SIZE, GUEST_BLOB_V1_KIND_SHM, &quota);
	assert_non_null(picture->memory);
	assert_true(gp_blob_memory_map(picture->memory, &failure));
	picture->buffer =
		gp_guest_buffer_create(picture->memory, &layout, GUEST_BLOB_V1_IMPORT_SHM);
	assert_non_null(picture->buffer);
}

static void picture_finish(struct gp_picture *picture) {
	wlr_buffer_drop(&picture->buffer->base);
	gp_blob_memory_unref(picture->memory);
	munmap(picture->pixels, SIZE);
}

static int setup(void **state) {
	gp_quota_init(&quota);
	n_textures = 0;
	n_uploaded = 0;
	refuses = false;
	wlr_renderer_init(&gpu, &gpu_impl, WLR_BUFFER_CAP_DATA_PTR);
	gp_upload_init(&upload, &gpu);
	picture_init(&pictures[0], H, DRM_FORMAT_XRGB8888);
	picture_init(&pictures[1], H, DRM_FORMAT_XRGB8888);
	return 0;
}

static int teardown(void **state) {
	gp_upload_finish(&upload);
	picture_finish(&pictures[0]);
	picture_finish(&pictures[1]);
	return n_textures == 0 && quota.n_refs == 1 && quota.n_blobs == 0 ? 0 : -1;
}

static void paint(struct gp_picture *picture, uint32_t color) {
	for (size_t i = 0; i < W * H; i++) {
		picture->pixels[i] = color;
	}
}

static struct wlr_buffer *update(struct gp_picture *picture, int x, int y, unsigned w, unsigned h) {
	pixman_region32_t damage;
	pixman_region32_init_rect(&damage, x, y, w, h);
	struct wlr_buffer *shown = gp_upload_update(&upload, &picture->buffer->base, &damage);
	pixman_region32_fini(&damage);
	return shown;
}

static uint32_t texel(int x, int y) {
	struct gp_fake_texture *texture = wl_container_of(upload.texture->texture, texture, base);
	return texture->pixels[y * W + x];
}

/* The bridge's two halves take turns, and the texture stays. */
static void test_damage(void **state) {
	paint(&pictures[0], 1);
	struct wlr_buffer *shown = update(&pictures[0], 0, 0, W, H);
	assert_non_null(wlr_client_buffer_get(shown)); // which the scene takes the texture of
	assert_int_equal(n_uploaded, SIZE);
	paint(&pictures[1], 2);
	assert_ptr_equal(update(&pictures[1], 8, 4, 16, 2), shown);
	assert_int_equal(n_uploaded, SIZE + 16 * 2 * 4);
	assert_int_equal(texel(8, 4), 2);
	assert_int_equal(texel(24, 4), 1);
	assert_int_equal(texel(8, 6), 1);
	paint(&pictures[0], 3);
	assert_ptr_equal(update(&pictures[0], 0, 0, 1, 1), shown);
	assert_int_equal(texel(0, 0), 3);
	assert_int_equal(texel(8, 4), 2);
	/* Nothing has changed; damage beyond the picture. */
	assert_ptr_equal(update(&pictures[0], 0, 0, 0, 0), shown);
	assert_ptr_equal(update(&pictures[0], W, H, 10, 10), shown);
	assert_int_equal(n_uploaded, SIZE + 16 * 2 * 4 + 4);
	assert_ptr_equal(update(&pictures[0], -100, -100, INT32_MAX, INT32_MAX), shown);
	assert_int_equal(n_uploaded, 2 * SIZE + 16 * 2 * 4 + 4);
	assert_int_equal(upload.bytes, n_uploaded);
	assert_int_equal(n_textures, 1);
}

/* The texture needs nothing of the buffer: it is free to be released. */
static void test_buffer_is_not_kept(void **state) {
	update(&pictures[0], 0, 0, W, H);
	assert_int_equal(pictures[0].buffer->base.n_locks, 0);
}

/* Another picture, not a change of the one before. */
static void test_new_texture(void **state) {
	struct gp_picture other;
	update(&pictures[0], 0, 0, W, H);
	struct wlr_buffer *shown = gp_upload_update(&upload, &pictures[1].buffer->base, NULL);
	assert_int_equal(n_uploaded, 2 * SIZE);
	assert_true(shown == &upload.texture->base);

	picture_init(&other, H / 2, DRM_FORMAT_XRGB8888);
	update(&other, 0, 0, 1, 1);
	assert_int_equal(n_uploaded, 2 * SIZE + SIZE / 2);
	assert_int_equal(upload.texture->base.height, H / 2);
	picture_finish(&other);
	update(&pictures[0], 0, 0, 1, 1);
	picture_init(&other, H, DRM_FORMAT_ARGB8888);
	update(&other, 0, 0, 1, 1);
	assert_int_equal(n_uploaded, 4 * SIZE + SIZE / 2);
	picture_finish(&other);
	assert_int_equal(upload.bytes, n_uploaded);
	assert_int_equal(n_textures, 1);
	/* Off, and on again. */
	assert_null(gp_upload_update(&upload, NULL, NULL));
	assert_int_equal(n_textures, 0);
	update(&pictures[0], 0, 0, 1, 1);
	assert_int_equal(n_uploaded, 5 * SIZE + SIZE / 2);
}

static void test_refused(void **state) {
	refuses = true;
	assert_ptr_equal(update(&pictures[0], 0, 0, W, H), &pictures[0].buffer->base);
	assert_int_equal(upload.bytes, 0);
	refuses = false;
	update(&pictures[0], 0, 0, 1, 1);
	assert_non_null(upload.texture);
	assert_int_equal(upload.bytes, SIZE);
}

/* What the CPU reads in place, and what the GPU has of the guest, is shown itself. */
static void test_in_place(void **state) {
	const struct gp_buffer_layout layout = {.width = W, .height = H};
	struct gp_guest_buffer *inert = gp_guest_buffer_create_inert(&layout, NULL);
	assert_non_null(inert);
	update(&pictures[0], 0, 0, W, H);
	assert_ptr_equal(gp_upload_update(&upload, &inert->base, NULL), &inert->base);
	assert_int_equal(n_textures, 0);
	wlr_buffer_drop(&inert->base);

	struct wlr_renderer *pixman = wlr_pixman_renderer_create();
	gp_upload_init(&upload, pixman);
	assert_ptr_equal(update(&pictures[0], 0, 0, W, H), &pictures[0].buffer->base);
	assert_int_equal(upload.bytes, 0);
	wlr_renderer_destroy(pixman);
}

/* Commits between two frames: the first ones are uploaded. */
static void test_must_wait(void **state) {
	const struct wlr_buffer *buffer = &pictures[0].buffer->base;
	assert_false(gp_upload_must_wait(&upload, buffer));
	update(&pictures[0], 0, 0, W, H);
	assert_false(gp_upload_must_wait(&upload, buffer));
	update(&pictures[1], 0, 0, W, H);
	assert_true(gp_upload_must_wait(&upload, buffer));
	/* Off and on again is no way around it. */
	gp_upload_update(&upload, NULL, NULL);
	assert_true(gp_upload_must_wait(&upload, buffer));
	assert_false(gp_upload_must_wait(&upload, NULL));
	gp_upload_begin_frame(&upload);
	assert_false(gp_upload_must_wait(&upload, buffer));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffer_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_texture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_must_wait, setup, teardown),
	};
	return cmocka_run_group_tests_name("upload", tests, NULL, NULL);
}
