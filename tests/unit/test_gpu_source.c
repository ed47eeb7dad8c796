/*
 * Resources of the virtio-gpu device as memory of the presenter: what of them the compositor gets,
 * and that it is taken back.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

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
} t;

static const struct gp_rect whole = {0, 0, W, H};

static void handle_memory_revoked(void *data, uint64_t memory_id, uint64_t token) {
	t.revoked_id = memory_id;
	t.revoked_token = token;
}

static const struct gp_presenter_events events = {
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
	gp_exporter_init(&t.exporter, true, gp_udmabuf_open_device(""), "");
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

/* Its host copy is shown as it is. */
static void test_2d(void **state) {
	struct gp_resource *first =
		gp_resources_add_2d(&t.resources, 1, t.fb.format, t.fb.width, t.fb.height);
	assert_non_null(first);
	show(first);
	first->shm_map[100] = 0xa5;
	assert_int_equal(fake_client_read(t.client.buffer, 100), 0xa5);
	assert_int_equal(t.presenter.bytes_copied, 0);
	struct gp_presenter_info info;
	gp_presenter_get_info(&t.presenter, 0, &info);
	assert_string_equal(info.how, "2d");
	assert_true(gp_gpu_source_revoke(&t.source, first, 3, false));
	assert_null(first->outside);
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
	struct gp_resource *first =
		gp_resources_add_2d(&t.resources, 1, t.fb.format, t.fb.width, t.fb.height);
	struct gp_extents extents = {0};
	assert_non_null(first);
	assert_int_equal(gp_guest_memory_extents(&t.memory, REGION_SIZE, SIZE, &extents), 0);
	gp_resource_attach(first, &extents);
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
		TEST(test_new_backing),
		TEST(test_end_users),
		TEST(test_end_users_2d),
		TEST(test_never_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
