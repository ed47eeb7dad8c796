#include "vmm-bridge/gpu/resource.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/virtio_gpu.h>
#include <cmocka.h>

#define PAGE 4096ull
#define RAM_PAGES 16
#define GPA 0x10000ull

struct fixture {
	struct gp_resources resources;
	struct gp_guest_memory memory;
	uint8_t *ram;
	const struct gp_format *format;
};

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	gp_guest_memory_init(&f->memory);
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, RAM_PAGES * PAGE), 0);
	assert_int_equal(gp_guest_memory_add(&f->memory, fd, GPA, 0, RAM_PAGES * PAGE, 0), 0);
	f->ram = f->memory.regions[0]->map;
	for (size_t i = 0; i < RAM_PAGES * PAGE; i++) {
		f->ram[i] = (uint8_t)(i * 7 + i / 251);
	}
	f->format = gp_format_from_virtio(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	gp_resources_finish(&f->resources);
	gp_guest_memory_finish(&f->memory);
	free(f);
	return 0;
}

/* Backing of the given pages of RAM, in that order. */
static void attach(
	struct fixture *f, struct gp_resource *resource, const uint8_t *pages, size_t n) {
	struct gp_extents extents = {0};
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(
			gp_guest_memory_extents(&f->memory, GPA + pages[i] * PAGE, PAGE, &extents),
			0);
	}
	gp_resource_attach(resource, &extents);
	assert_int_equal(extents.count, 0);
}

static void test_list(void **state) {
	struct fixture *f = *state;
	static const uint32_t ids[] = {5, 1, UINT32_MAX, 3, 2, 100, 4};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_non_null(gp_resources_add_blob(&f->resources, ids[i], 4096));
	}
	for (size_t i = 1; i < f->resources.count; i++) {
		assert_true(f->resources.items[i - 1]->id < f->resources.items[i]->id);
	}
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_int_equal(gp_resources_find(&f->resources, ids[i])->id, ids[i]);
	}
	assert_null(gp_resources_find(&f->resources, 0));
	assert_null(gp_resources_find(&f->resources, 6));
	gp_resources_remove(&f->resources, gp_resources_find(&f->resources, 3));
	assert_null(gp_resources_find(&f->resources, 3));
	gp_resources_remove(&f->resources, gp_resources_find(&f->resources, UINT32_MAX));
	assert_int_equal(f->resources.count, 5);
}

static void test_limits(void **state) {
	struct fixture *f = *state;
	struct gp_resources *r = &f->resources;
	assert_null(gp_resources_add_blob(r, 1, 0));
	assert_null(gp_resources_add_blob(r, 1, GP_RESOURCE_BYTES_MAX + 1));
	assert_null(gp_resources_add_blob(r, 1, UINT64_MAX));
	assert_null(gp_resources_add_2d(r, 1, f->format, 0, 1));
	assert_null(gp_resources_add_2d(r, 1, f->format, 1, 0));
	assert_null(gp_resources_add_2d(r, 1, f->format, UINT32_MAX, UINT32_MAX));
	assert_int_equal(r->count, 0);
	for (uint32_t id = 1; id <= GP_RESOURCES_MAX; id++) {
		assert_non_null(gp_resources_add_blob(r, id, GP_RESOURCE_BYTES_MAX));
	}
	assert_null(gp_resources_add_blob(r, GP_RESOURCES_MAX + 1, 1));
	assert_null(gp_resources_add_2d(r, GP_RESOURCES_MAX + 1, f->format, 1, 1));
	gp_resources_remove(r, r->items[0]);
	assert_non_null(gp_resources_add_blob(r, GP_RESOURCES_MAX + 1, 1));
}

/* All host copies together have a limit, and give it back. */
static void test_host_bytes(void **state) {
	struct fixture *f = *state;
	struct gp_resources *r = &f->resources;
	struct gp_resource *first = gp_resources_add_2d(r, 1, f->format, 16384, 8192);
	struct gp_resource *second = gp_resources_add_2d(r, 2, f->format, 16384, 8191);
	assert_non_null(first);
	assert_non_null(second);
	assert_int_equal(r->host_bytes, 16384ull * 16383 * 4 * 2);
	assert_null(gp_resources_add_2d(r, 3, f->format, 16384, 2));
	struct gp_resource *third = gp_resources_add_2d(r, 3, f->format, 16384, 1);
	assert_non_null(third);
	assert_int_equal(r->host_bytes, GP_RESOURCE_HOST_BYTES_MAX);
	gp_resources_remove(r, second);
	assert_non_null(gp_resources_add_2d(r, 2, f->format, 16384, 2));
	gp_resources_remove(r, first);
	gp_resources_remove(r, third);
	assert_int_equal(r->host_bytes, 16384 * 2 * 4 * 2);
	/* With two halves no compositor would take it. */
	first = gp_resources_add_2d(r, 1, f->format, 16384, 8193);
	assert_non_null(first);
	assert_int_equal(first->host_copy.n_halves, 1);
}

static void test_host_copy(void **state) {
	struct fixture *f = *state;
	struct gp_resource *resource = gp_resources_add_2d(&f->resources, 1, f->format, 33, 5);
	assert_false(resource->blob);
	assert_int_equal(resource->stride, 132);
	assert_int_equal(resource->size, 660);
	assert_true(gp_resource_has_pixels(resource));
	/* The compositor may map it: it must not shrink. */
	int seals = fcntl(resource->host_copy.fd, F_GET_SEALS);
	assert_true(seals != -1 && (seals & F_SEAL_SHRINK) != 0);
	for (size_t i = 0; i < resource->size; i++) {
		assert_int_equal(gp_host_copy_pixels(&resource->host_copy)[i], 0);
	}
}

static void test_backing(void **state) {
	struct fixture *f = *state;
	struct gp_resource *resource = gp_resources_add_blob(&f->resources, 1, PAGE);
	assert_int_equal(resource->host_copy.fd, -1);
	assert_false(gp_resource_has_pixels(resource));
	attach(f, resource, (const uint8_t[]){3, 4, 9}, 3);
	assert_true(resource->backed);
	assert_true(gp_resource_has_pixels(resource));
	assert_int_equal(resource->generation, 1);
	assert_int_equal(resource->backing.count, 2); // neighbours are merged (B1)
	assert_int_equal(resource->backing.length, 3 * PAGE);
	gp_resource_detach(resource);
	assert_false(resource->backed);
	assert_int_equal(resource->backing.count, 0);
	attach(f, resource, (const uint8_t[]){1}, 1);
	assert_int_equal(resource->generation, 2);
}

#define W 100
#define H 20
#define STRIDE (W * 4)

static const struct {
	struct gp_rect rect;
	uint64_t offset;
	bool ok;
} transfers[] = {
	{{0, 0, W, H}, 0, true},
	{{0, 5, W, 3}, 5 * STRIDE, true},
	{{10, 5, 30, 7}, 5 * STRIDE + 40, true},
	{{99, 19, 1, 1}, 19 * STRIDE + 99 * 4, true},
	{{10, 10, 5, 5}, 3, true}, // any offset is legal
	{{0, 0, 0, 0}, 0, true},
	{{0, 0, W, 0}, UINT64_MAX, true},
	{{W, H, 0, 0}, 0, true},
	{{0, 0, W, H}, 2 * PAGE - H *STRIDE, true},
	{{0, 0, W, H}, 2 * PAGE - H *STRIDE + 1, false},
	{{0, 0, W, H}, UINT64_MAX, false},
	{{0, 0, W, H}, UINT64_MAX - H *STRIDE + 1, false},
	{{0, 0, 1, 1}, 2 * PAGE - 4, true},
	{{0, 0, 1, 1}, 2 * PAGE - 3, false},
	{{0, 0, W + 1, 1}, 0, false},
	{{1, 0, W, 1}, 0, false},
	{{0, 1, 1, H}, 0, false},
	{{UINT32_MAX, 0, 2, 1}, 0, false}, // wraps in 32 bits
	{{0, UINT32_MAX, 1, 2}, 0, false},
	{{1, 1, UINT32_MAX, UINT32_MAX}, 0, false},
};

static void check_transfer(struct fixture *f, struct gp_resource *resource, const uint8_t *linear,
	const struct gp_rect *rect, uint64_t offset, bool ok) {
	uint8_t *wanted = malloc(resource->size);
	assert_non_null(wanted);
	memset(wanted, 0xee, resource->size);
	memset(gp_host_copy_pixels(&resource->host_copy), 0xee, resource->size);
	for (uint32_t row = 0; ok && row < rect->height && rect->width > 0; row++) {
		memcpy(wanted + (uint64_t)(rect->y + row) * STRIDE + rect->x * 4,
			linear + offset + (uint64_t)row * STRIDE, rect->width * 4);
	}
	uint64_t copied, bytes = ok ? (uint64_t)rect->width * rect->height * 4 : 0;
	assert_int_equal(gp_resource_transfer(resource, rect, offset, &copied), ok);
	assert_int_equal(copied, 0);
	assert_int_equal(gp_resource_complete_transfers(resource), bytes);
	assert_memory_equal(gp_host_copy_pixels(&resource->host_copy), wanted, resource->size);
	free(wanted);
}

/* Pages in disorder: rows cross extents. */
static void test_transfer(void **state) {
	struct fixture *f = *state;
	static const uint8_t pages[] = {7, 2};
	struct gp_resource *resource = gp_resources_add_2d(&f->resources, 1, f->format, W, H);
	attach(f, resource, pages, 2);
	uint8_t linear[2 * PAGE];
	for (size_t i = 0; i < 2; i++) {
		memcpy(linear + i * PAGE, f->ram + pages[i] * PAGE, PAGE);
	}
	for (size_t i = 0; i < sizeof(transfers) / sizeof(transfers[0]); i++) {
		check_transfer(f, resource, linear, &transfers[i].rect, transfers[i].offset,
			transfers[i].ok);
	}
}

/* Small, odd pieces: a row has many extents. */
static void test_transfer_pieces(void **state) {
	struct fixture *f = *state;
	struct gp_resource *resource = gp_resources_add_2d(&f->resources, 1, f->format, W, H);
	struct gp_extents extents = {0};
	uint8_t *linear = malloc(2 * PAGE);
	assert_non_null(linear);
	uint64_t length = 0;
	for (uint64_t i = 0; length + 64 < 2 * PAGE; i++) {
		uint64_t part = 1 + i * 13 % 61, at = i * 1117 % (RAM_PAGES * PAGE - 64);
		assert_true(gp_extents_append(&extents, f->memory.regions[0], at, part));
		memcpy(linear + length, f->ram + at, part);
		length += part;
	}
	gp_resource_attach(resource, &extents);
	check_transfer(f, resource, linear, &(struct gp_rect){0, 0, W, H}, 0, true);
	check_transfer(f, resource, linear, &(struct gp_rect){3, 4, 50, 10}, 77, true);
	free(linear);
}

static void test_transfer_unbacked(void **state) {
	struct fixture *f = *state;
	struct gp_resource *resource = gp_resources_add_2d(&f->resources, 1, f->format, W, H);
	uint64_t copied;
	assert_false(gp_resource_transfer(resource, &(struct gp_rect){0, 0, 1, 1}, 0, &copied));
}

/* Device memory that is not mapped in this process. */
static void test_transfer_unmapped(void **state) {
	struct fixture *f = *state;
	struct gp_memory_object object = {
		.refs = 1, .kind = GP_MEMORY_VFIO, .fd = -1, .size = PAGE};
	struct gp_resource *resource = gp_resources_add_2d(&f->resources, 1, f->format, 8, 8);
	struct gp_extents extents = {0};
	assert_true(gp_extents_append(&extents, &object, 0, PAGE));
	gp_resource_attach(resource, &extents);
	assert_false(gp_extents_map(&resource->backing));
	uint64_t copied;
	assert_false(gp_resource_transfer(resource, &(struct gp_rect){0, 0, 8, 8}, 0, &copied));
	gp_resource_detach(resource);
	assert_int_equal(object.refs, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_list),
		TEST(test_limits),
		TEST(test_host_bytes),
		TEST(test_host_copy),
		TEST(test_backing),
		TEST(test_transfer),
		TEST(test_transfer_pieces),
		TEST(test_transfer_unbacked),
		TEST(test_transfer_unmapped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
