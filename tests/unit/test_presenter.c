/*
 * Which pixels the compositor gets, and what it is told of them. The client is a fake that takes
 * everything, or nothing.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "vmm-bridge/present/presenter.h"

#define W 64u
#define H 32u
#define SIZE (W * H * 4)

struct gp_client {
	bool full; // no more blobs
	unsigned shown;
	const struct gp_client_buffer *buffer;
	struct gp_client_rect damage; // of the last frame
};
struct gp_client_blob {
	int unused;
};
struct gp_client_buffer {
	struct gp_client_layout layout;
};

bool gp_client_connected(const struct gp_client *client) {
	return true;
}

void gp_client_show(struct gp_client *client, uint32_t scanout, struct gp_client_buffer *buffer,
	const struct gp_client_rect *source, const struct gp_client_rect *damage) {
	client->shown++;
	client->buffer = buffer;
	if (buffer != NULL) {
		client->damage = *damage;
	}
}

void gp_client_wait_revoked(struct gp_client *client, int timeout_ms) {
}

struct gp_client_blob *gp_client_blob_create(struct gp_client *client, int fd, uint64_t size,
	enum gp_client_blob_kind kind, const char *device, void *user) {
	static struct gp_client_blob blob;
	return client->full ? NULL : &blob;
}

void gp_client_blob_revoke(struct gp_client_blob *blob) {
}

struct gp_client_buffer *gp_client_buffer_create(
	struct gp_client_blob *blob, const struct gp_client_layout *layout) {
	static struct gp_client_buffer buffers[64];
	static unsigned n;
	struct gp_client_buffer *buffer = &buffers[n++ % 64];
	buffer->layout = *layout;
	return buffer;
}

void gp_client_buffer_destroy(struct gp_client_buffer *buffer) {
}

bool gp_client_buffer_busy(const struct gp_client_buffer *buffer) {
	return false;
}

const struct gp_client_layout *gp_client_buffer_layout(const struct gp_client_buffer *buffer) {
	return &buffer->layout;
}

static struct {
	struct gp_client client;
	struct gp_exporter exporter;
	struct gp_presenter presenter;
	struct gp_guest_memory memory;
	struct gp_resources resources;
	struct gp_framebuffer fb;
} t;

static const struct gp_rect whole = {0, 0, W, H};
static const struct gp_rect part = {8, 4, 16, 2};

static int setup(void **state) {
	memset(&t, 0, sizeof(t));
	gp_exporter_init(&t.exporter, true);
	gp_presenter_init(&t.presenter, &t.exporter, &t.client, 2);
	gp_guest_memory_init(&t.memory);
	int fd = gp_memfd_create_sealed("test", 16 * SIZE);
	assert_int_equal(gp_guest_memory_add(&t.memory, fd, 0, 0, 16 * SIZE, 0), 0);
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
		gp_presenter_revoke(&t.presenter, t.resources.items[i], 0, true);
	}
	gp_presenter_finish(&t.presenter);
	gp_resources_finish(&t.resources);
	gp_guest_memory_finish(&t.memory);
	gp_exporter_finish(&t.exporter);
	return 0;
}

/* A blob in guest memory of its own. */
static struct gp_resource *add_blob(uint32_t id) {
	struct gp_extents extents = {0};
	struct gp_resource *resource = gp_resources_add_blob(&t.resources, id, SIZE);
	assert_non_null(resource);
	assert_int_equal(gp_guest_memory_extents(&t.memory, id * SIZE, SIZE, &extents), 0);
	gp_resource_attach(resource, &extents);
	return resource;
}

static void fill(const struct gp_resource *resource, uint8_t value) {
	memset(t.memory.regions[0]->map + resource->id * SIZE, value, SIZE);
}

/* Whether all of the copy that the compositor has is of that value. */
static void assert_copy(const struct gp_resource *resource, uint8_t value) {
	const struct gp_import *picture = resource->outside;
	assert_non_null(picture);
	for (size_t i = 0; i < SIZE; i++) {
		assert_int_equal(picture->export.map[i], value);
	}
}

static void show(struct gp_resource *resource, const struct gp_rect *damage) {
	gp_presenter_set(&t.presenter, 0, resource, &t.fb);
	gp_presenter_flush(&t.presenter, 0, damage);
}

static void test_damage(void **state) {
	struct gp_resource *first = add_blob(1);
	fill(first, 1);
	show(first, &part);
	assert_copy(first, 1); // all of it, whatever the guest says
	fill(first, 2);
	show(first, &part);
	assert_memory_equal(&t.client.damage, &part, sizeof(part));
	const struct gp_import *picture = first->outside;
	assert_int_equal(picture->export.map[0], 1);
	assert_int_equal(picture->export.map[(part.y * W + part.x) * 4], 2);
}

/* The frame before was of another resource, though it was not flushed: damage is against that. */
static void test_set_away_and_back(void **state) {
	struct gp_resource *first = add_blob(1), *second = add_blob(2);
	fill(first, 1);
	show(first, &whole);
	gp_presenter_set(&t.presenter, 0, second, &t.fb);
	fill(first, 3);
	show(first, &part);
	assert_copy(first, 3);
}

/* What the compositor has on screen is older than the frame before, which it never got. */
static void test_missed_frame(void **state) {
	struct gp_resource *first = add_blob(1), *second = add_blob(2);
	show(first, &whole);
	fill(second, 5);
	t.client.full = true;
	show(second, &whole);
	assert_int_equal(t.client.shown, 1);
	t.client.full = false;
	show(second, &part);
	assert_int_equal(t.client.shown, 2);
	assert_copy(second, 5);
	assert_memory_equal(&t.client.damage, &whole, sizeof(whole));
	show(second, &part);
	assert_memory_equal(&t.client.damage, &part, sizeof(part));
}

/* Two scanouts show one copy, which each brings up to date for itself. */
static void test_shared(void **state) {
	struct gp_resource *first = add_blob(1);
	struct gp_framebuffer left = t.fb, right = t.fb;
	left.rect.width = right.rect.width = right.rect.x = W / 2;
	gp_presenter_set(&t.presenter, 0, first, &left);
	gp_presenter_set(&t.presenter, 1, first, &right);
	fill(first, 7);
	gp_presenter_flush(&t.presenter, 0, &part);
	gp_presenter_flush(&t.presenter, 1, &part);
	assert_copy(first, 7);
}

/* A picture that was refused in one format may do in another. */
static void test_refused_format(void **state) {
	struct gp_resource *first = add_blob(1);
	struct gp_framebuffer other = t.fb;
	other.format++;
	show(first, &whole);
	gp_presenter_failed(&t.presenter, first->outside, t.client.buffer, true, "no such format");
	gp_presenter_end_turn(&t.presenter);
	show(first, &whole);
	assert_int_equal(t.client.shown, 1);
	gp_presenter_set(&t.presenter, 0, first, &other);
	gp_presenter_flush(&t.presenter, 0, &whole);
	assert_int_equal(t.client.shown, 2);
}

static const struct gp_rect other_part = {40, 20, 8, 8};

/* Flushes until a frame has to wait for its time. */
static void flood(struct gp_resource *resource) {
	show(resource, &whole);
	for (unsigned i = 0; i < 1000 && !t.presenter.scanouts[0].late; i++) {
		gp_presenter_flush(&t.presenter, 0, &part);
	}
	assert_true(t.presenter.scanouts[0].late);
}

/* A guest that does not wait: frames are put together, and the last one counts. */
static void test_flood(void **state) {
	struct gp_resource *first = add_blob(1);
	flood(first);
	unsigned shown = t.client.shown;
	fill(first, 9);
	assert_false(gp_presenter_flush(&t.presenter, 0, &other_part));
	assert_int_equal(t.client.shown, shown);
	while (!gp_presenter_end_turn(&t.presenter)) {
		usleep(1000);
	}
	assert_int_equal(t.client.shown, shown + 1);
	const struct gp_rect both = {8, 4, 40, 24};
	assert_memory_equal(&t.client.damage, &both, sizeof(both));
	const struct gp_import *picture = first->outside;
	assert_int_equal(picture->export.map[(both.y * W + both.x) * 4], 9);
	assert_int_equal(picture->export.map[0], 0);
}

/* The frame that waited is gone, with its damage. */
static void test_flood_set_away(void **state) {
	struct gp_resource *first = add_blob(1), *second = add_blob(2);
	flood(first);
	unsigned shown = t.client.shown;
	gp_presenter_set(&t.presenter, 0, second, &t.fb);
	while (!gp_presenter_end_turn(&t.presenter)) {
		usleep(1000);
	}
	assert_int_equal(t.client.shown, shown);
	usleep(5000);
	show(second, &part);
	assert_int_equal(t.client.shown, shown + 1);
	assert_memory_equal(&t.client.damage, &whole, sizeof(whole));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_damage),
		TEST(test_set_away_and_back),
		TEST(test_missed_frame),
		TEST(test_shared),
		TEST(test_refused_format),
		TEST(test_flood),
		TEST(test_flood_set_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
