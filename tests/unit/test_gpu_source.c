/*
 * Resources of the virtio-gpu device as memory of the presenter: what of them the compositor gets,
 * and that it is taken back.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/fd.h"
#include "tests/harness/fake_client.h"
#include "vmm-bridge/export/exporter.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/gpu/resource.h"
#include "vmm-bridge/gpu_source.h"
#include "vmm-bridge/present/presenter.h"

#define W 64u
#define H 32u
#define SIZE (W * H * 4)
#define REGION_SIZE (8 * SIZE)

static struct {
	struct gp_client client;
	struct gp_exporter exporter;
	struct gp_presenter presenter;
	struct gp_gpu_source source;
	struct gp_guest_memory memory;
	struct gp_resources resources;
	struct gp_framebuffer fb;
	uint64_t revoked_id, revoked_token;
	unsigned n_released;
} t;

static const struct gp_rect whole = {0, 0, W, H}, part = {8, 4, 16, 2};
#define PART_BYTES (16 * 2 * 4)

static void handle_memory_revoked(void *data, uint64_t memory_id, uint64_t token) {
	t.revoked_id = memory_id;
	t.revoked_token = token;
}

static void handle_buffer_released(void *data, uint32_t scanout) {
	t.n_released++;
}

static const struct gp_presenter_events events = {
	.buffer_released = handle_buffer_released,
	.memory_revoked = handle_memory_revoked,
};

static void handle_revoked(void *data, void *user) {
	gp_presenter_revoked(&t.presenter, user);
}

static int setup(void **state) {
	memset(&t, 0, sizeof(t));
	gp_log_init("test", GP_LOG_SILENT);
	t.client.connected = true;
	t.client.revoked = handle_revoked;
	gp_exporter_init(&t.exporter, true, "");
	gp_exporter_start(&t.exporter, gp_udmabuf_open_device(""));
	gp_presenter_init(&t.presenter, &t.client, 2, &events, NULL);
	gp_gpu_source_init(&t.source, &t.presenter, &t.exporter);
	gp_guest_memory_init(&t.memory);
	for (uint64_t i = 0; i < 2; i++) {
		int fd = gp_memfd_create_sealed("test", REGION_SIZE);
		assert_int_equal(gp_guest_memory_add(&t.memory, fd, i * REGION_SIZE,
					 i * REGION_SIZE, REGION_SIZE, 0),
			0);
	}
	t.fb = (struct gp_framebuffer){
		.format = &gp_formats(&(size_t){0})[1],
		.width = W,
		.height = H,
		.stride = W * 4,
		.rect = whole,
	};
	return 0;
}

static int teardown(void **state) {
	for (size_t i = 0; i < t.resources.count; i++) {
		gp_gpu_source_revoke(&t.source, t.resources.items[i], 0, true);
		assert_null(t.resources.items[i]->outside);
	}
	assert_true(wl_list_empty(&t.source.memories));
	fake_client_finish(&t.client);
	gp_presenter_finish(&t.presenter);
	gp_resources_finish(&t.resources);
	gp_guest_memory_finish(&t.memory);
	gp_exporter_finish(&t.exporter);
	return 0;
}

/* A blob at that address of the guest. */
static struct gp_resource *add_blob(uint32_t id, uint64_t gpa) {
	struct gp_extents extents = {0};
	struct gp_resource *resource = gp_resources_add_blob(&t.resources, id, SIZE);
	assert_non_null(resource);
	assert_int_equal(gp_guest_memory_extents(&t.memory, gpa, SIZE, &extents), 0);
	gp_resource_attach(resource, &extents);
	return resource;
}

static void show(struct gp_resource *resource) {
	gp_gpu_source_set(&t.source, 0, resource, &t.fb);
	gp_presenter_flush(&t.presenter, 0, &whole);
}

static void test_blob(void **state) {
	struct gp_resource *first = add_blob(1, SIZE);
	memset(t.memory.regions[0]->map + SIZE, 0x5a, SIZE);
	show(first);
	assert_int_equal(t.client.buffer->blob->kind, GP_CLIENT_BLOB_SHM);
	for (size_t i = 0; i < SIZE; i++) {
		assert_int_equal(fake_client_read(t.client.buffer, i), 0x5a);
	}
	assert_int_equal(t.presenter.bytes_copied, SIZE);
	struct gp_presenter_info info;
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.how, "copy");
	assert_string_equal(info.reason, "copies were asked for with --export copy");
}

/* A 2D resource with backing, of which nothing was transferred. */
static struct gp_resource *add_2d(uint32_t id) {
	struct gp_resource *resource =
		gp_resources_add_2d(&t.resources, id, t.fb.format, t.fb.width, t.fb.height);
	struct gp_extents extents = {0};
	assert_non_null(resource);
	assert_int_equal(gp_guest_memory_extents(&t.memory, REGION_SIZE, SIZE, &extents), 0);
	gp_resource_attach(resource, &extents);
	return resource;
}

/* The guest fills its memory, and transfers the rectangle. */
static void draw(struct gp_resource *resource, const struct gp_rect *rect, uint8_t value) {
	uint64_t copied;
	memset(t.memory.regions[1]->map, value, SIZE);
	assert_true(gp_resource_transfer(
		resource, rect, ((uint64_t)rect->y * W + rect->x) * 4, &copied));
	assert_int_equal(copied, 0);
}

static uint8_t read_pixel(const struct gp_client_buffer *buffer, uint32_t x, uint32_t y) {
	return fake_client_read(buffer, ((uint64_t)y * W + x) * 4);
}

static void release(struct gp_client_buffer *buffer) {
	buffer->busy = false;
	gp_presenter_released(&t.presenter, buffer);
}

static void wait_for_deadline(void) {
	uint64_t deadline_ns = gp_presenter_deadline(&t.presenter);
	assert_true(deadline_ns != 0);
	while (gp_now_ns() < deadline_ns) {
		usleep(1000);
	}
	assert_true(gp_presenter_end_turn(&t.presenter));
}

/* Its host copy is a file already: what was transferred is shown, and nothing else. */
static void test_2d(void **state) {
	struct gp_resource *first = add_2d(1);
	draw(first, &part, 0xa5);
	assert_int_equal(t.presenter.bytes_copied, 0); // nobody needs it yet
	show(first);
	assert_int_equal(t.presenter.bytes_copied, PART_BYTES);
	assert_int_equal(read_pixel(t.client.buffer, part.x, part.y), 0xa5);
	assert_int_equal(read_pixel(t.client.buffer, part.x + part.width, part.y), 0);
	assert_memory_equal(&t.client.damage, &whole, sizeof(whole));
	struct gp_presenter_info info;
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.how, "2d");
	/* Nothing has changed: there is nothing to show. */
	gp_presenter_flush(&t.presenter, 0, &whole);
	assert_int_equal(t.client.n_shown, 1);
	assert_true(gp_gpu_source_revoke(&t.source, first, 3, false));
	assert_null(first->outside);
}

/* What is on the screen is not written to; without a free half the guest waits for one. */
static void test_2d_screen_is_not_written(void **state) {
	struct gp_resource *first = add_2d(1);
	gp_presenter_visibility(&t.presenter, 0, true);
	draw(first, &whole, 1);
	show(first);
	struct gp_client_buffer *on_screen = t.client.buffer;
	draw(first, &whole, 2);
	assert_false(gp_presenter_flush(&t.presenter, 0, &whole));
	struct gp_client_buffer *next = t.client.buffer;
	assert_ptr_not_equal(on_screen, next);
	draw(first, &whole, 3);
	assert_true(gp_presenter_flush(&t.presenter, 0, &whole)); // its reply waits
	assert_true(gp_presenter_end_turn(&t.presenter));
	assert_int_equal(read_pixel(on_screen, 0, 0), 1);
	assert_int_equal(read_pixel(next, 0, 0), 2);
	assert_int_equal(t.n_released, 0);
	release(on_screen);
	gp_presenter_end_turn(&t.presenter);
	assert_ptr_equal(t.client.buffer, on_screen);
	assert_int_equal(read_pixel(on_screen, 0, 0), 3);
	assert_int_equal(t.n_released, 1);
	assert_int_equal(t.presenter.bytes_copied, 3 * SIZE); // each picture once
	assert_int_equal(t.client.n_blobs, 1);
}

/* What a half lacks comes with the next frame: each change is written twice at most. */
static void test_2d_damage(void **state) {
	struct gp_resource *first = add_2d(1);
	t.client.releases = true;
	draw(first, &whole, 1);
	show(first);
	draw(first, &whole, 2);
	gp_presenter_flush(&t.presenter, 0, &whole);
	draw(first, &part, 2);
	gp_presenter_flush(&t.presenter, 0, &part);
	t.presenter.bytes_copied = 0;
	for (uint8_t i = 3; i < 10; i++) {
		const struct gp_rect rect = {i, i, 4, 2};
		draw(first, &rect, i);
		gp_presenter_flush(&t.presenter, 0, &rect);
		assert_memory_equal(&t.client.damage, &rect, sizeof(rect));
		assert_int_equal(read_pixel(t.client.buffer, i, i), i);
		assert_int_equal(read_pixel(t.client.buffer, i - 1, i - 1), i - 1);
		assert_int_equal(read_pixel(t.client.buffer, 63, 31), 2);
	}
	assert_true(t.presenter.bytes_copied <= PART_BYTES + 2 * 7 * 4 * 2 * 4);
}

/* Without replies that pace the guest: one frame in a period, the first one at once. */
static void test_2d_paced(void **state) {
	struct gp_resource *first = add_2d(1);
	t.client.releases = true;
	gp_presenter_set_refresh(&t.presenter, 0, 10000);
	gp_gpu_source_set(&t.source, 0, first, &t.fb);
	uint64_t start_ns = gp_now_ns();
	for (uint8_t i = 1; i < 200; i++) {
		draw(first, &part, i);
		gp_presenter_flush_without_reply(&t.presenter, 0, &part);
		assert_true(gp_presenter_end_turn(&t.presenter)); // nothing to poll for
	}
	if (gp_now_ns() - start_ns < 50000000) {
		assert_int_equal(t.client.n_shown, 1);
		assert_int_equal(read_pixel(t.client.buffer, part.x, part.y), 1);
		assert_int_equal(t.presenter.bytes_copied, PART_BYTES);
	}
	wait_for_deadline();
	assert_true(gp_now_ns() - start_ns >= 100000000);
	assert_int_equal(read_pixel(t.client.buffer, part.x, part.y), 199);
	assert_int_equal(gp_presenter_deadline(&t.presenter), 0);
	/* The next period has not begun. */
	unsigned n_shown = t.client.n_shown;
	draw(first, &part, 200);
	gp_presenter_flush_without_reply(&t.presenter, 0, &part);
	assert_int_equal(t.client.n_shown, n_shown);
	wait_for_deadline();
	assert_int_equal(t.client.n_shown, n_shown + 1);
	usleep(110000);
	draw(first, &part, 201);
	gp_presenter_flush_without_reply(&t.presenter, 0, &part);
	assert_int_equal(t.client.n_shown, n_shown + 2); // at once
	assert_int_equal(t.n_released, 0);
}

/* Of resources that are flipped, those that nobody sees are not copied. */
static void test_2d_flips(void **state) {
	struct gp_resource *resources[] = {add_2d(1), add_2d(2)};
	t.client.releases = true;
	gp_presenter_set_refresh(&t.presenter, 0, 10000);
	for (uint8_t i = 0; i < 20; i++) {
		draw(resources[i % 2], &whole, i);
		gp_gpu_source_set(&t.source, 0, resources[i % 2], &t.fb);
		gp_presenter_flush_without_reply(&t.presenter, 0, &whole);
	}
	wait_for_deadline();
	assert_int_equal(read_pixel(t.client.buffer, 0, 0), 19);
	assert_true(t.presenter.bytes_copied <= 3 * SIZE); // a slow machine has another period
}

/* Two scanouts side by side: the half that one shows is not kept from the other. */
static void test_2d_two_scanouts(void **state) {
	struct gp_resource *first = add_2d(1);
	const struct gp_rect left = {0, 0, W / 2, H}, right = {W / 2, 0, W / 2, H};
	for (uint32_t i = 0; i < 2; i++) {
		t.fb.rect = i == 0 ? left : right;
		gp_gpu_source_set(&t.source, i, first, &t.fb);
	}
	draw(first, &whole, 1);
	gp_presenter_flush(&t.presenter, 0, &left);
	gp_presenter_flush(&t.presenter, 1, &right);
	for (uint8_t i = 2; i < 6; i++) {
		struct gp_client_buffer *replaced = t.presenter.scanouts[0].buffer;
		draw(first, &part, i); // of the left one
		gp_presenter_flush(&t.presenter, 0, &part);
		assert_ptr_equal(t.presenter.scanouts[0].buffer, t.presenter.scanouts[1].buffer);
		assert_ptr_not_equal(t.presenter.scanouts[0].buffer, replaced);
		assert_int_equal(read_pixel(t.client.buffer, part.x, part.y), i);
		assert_int_equal(read_pixel(t.client.buffer, 63, 0), 1);
		assert_int_equal(t.client.damage.width, 0); // nothing new on the right one
		assert_false(t.presenter.scanouts[0].waiting);
		release(replaced);
	}
}

/* Transfers are complete when their memory is taken back, and shown with the next flush. */
static void test_2d_detached(void **state) {
	struct gp_resource *first = add_2d(1);
	draw(first, &whole, 1);
	show(first);
	draw(first, &part, 2);
	assert_int_equal(gp_resource_complete_transfers(first), SIZE + PART_BYTES);
	gp_resource_detach(first);
	memset(t.memory.regions[1]->map, 3, SIZE);
	gp_presenter_flush(&t.presenter, 0, &part);
	assert_int_equal(t.client.n_shown, 2);
	assert_memory_equal(&t.client.damage, &part, sizeof(part));
	assert_int_equal(read_pixel(t.client.buffer, part.x, part.y), 2);
	assert_int_equal(read_pixel(t.client.buffer, 0, 0), 1);
}

/* While the VM is paused its memory is not read, whatever it has transferred before. */
static void test_2d_paused(void **state) {
	struct gp_resource *first = add_2d(1);
	gp_presenter_set_refresh(&t.presenter, 0, 1000);
	gp_gpu_source_set(&t.source, 0, first, &t.fb);
	draw(first, &whole, 1);
	gp_presenter_flush_without_reply(&t.presenter, 0, &whole);
	draw(first, &whole, 2);
	gp_presenter_flush_without_reply(&t.presenter, 0, &whole);
	gp_presenter_pause(&t.presenter);
	assert_int_equal(read_pixel(t.client.buffer, 0, 0), 2);
	memset(t.memory.regions[1]->map, 3, SIZE);
	for (unsigned i = 0; i < 2; i++) {
		t.client.connected = false;
		fake_client_finish(&t.client);
		gp_presenter_disconnected(&t.presenter);
		t.client.connected = true;
		gp_presenter_connected(&t.presenter);
		assert_int_equal(read_pixel(t.client.buffer, 0, 0), 2);
	}
	gp_presenter_resume(&t.presenter);
	assert_int_equal(read_pixel(t.client.buffer, 0, 0), 2);
	assert_int_equal(gp_presenter_deadline(&t.presenter), 0);
}

/* New backing is new memory. */
static void test_new_backing(void **state) {
	struct gp_resource *first = add_blob(1, 0);
	memset(t.memory.regions[0]->map, 1, SIZE);
	memset(t.memory.regions[1]->map, 2, SIZE);
	show(first);
	assert_true(gp_gpu_source_revoke(&t.source, first, 0, true));
	gp_resource_detach(first);
	assert_int_equal(fake_client_read(t.client.buffer, 0), 1);
	struct gp_extents extents = {0};
	assert_int_equal(gp_guest_memory_extents(&t.memory, REGION_SIZE, SIZE, &extents), 0);
	gp_resource_attach(first, &extents);
	show(first);
	assert_int_equal(fake_client_read(t.client.buffer, 0), 2);
	assert_int_equal(t.client.n_blobs, 2);
}

static void test_end_users(void **state) {
	struct gp_resource *first = add_blob(1, 0), *second = add_blob(2, REGION_SIZE);
	show(first);
	show(second);
	gp_gpu_source_end_users(&t.source, t.memory.regions[1]);
	struct gp_import *import = fake_client_revoke_one(&t.client);
	assert_non_null(import);
	assert_int_equal(import->memory_id, 2);
	assert_null(fake_client_revoke_one(&t.client));
	gp_presenter_revoked(&t.presenter, import);
}

/* Its pixels are not in the guest's memory: they stay. */
static void test_end_users_2d(void **state) {
	struct gp_resource *first = add_2d(1);
	show(first);
	gp_gpu_source_end_users(&t.source, t.memory.regions[1]);
	assert_null(fake_client_revoke_one(&t.client));
}

static void test_never_shown(void **state) {
	assert_true(gp_gpu_source_revoke(&t.source, add_blob(1, 0), 4, false));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_blob),
		TEST(test_2d),
		TEST(test_2d_screen_is_not_written),
		TEST(test_2d_damage),
		TEST(test_2d_paced),
		TEST(test_2d_flips),
		TEST(test_2d_two_scanouts),
		TEST(test_2d_detached),
		TEST(test_2d_paused),
		TEST(test_new_backing),
		TEST(test_end_users),
		TEST(test_end_users_2d),
		TEST(test_never_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
