#include "vmm-bridge/gpu/commands_resource.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>
#include <cmocka.h>

#include "common/fd.h"
#include "tests/unit/gpu_cases.h"

static const struct {
	uint32_t id, format, width, height, type;
} creates_2d[] = {
	{10, 2, 1, 1, OK},
	{11, 1, 16384, 1, OK},
	{12, 134, 1, 16384, OK},
	{UINT32_MAX, 68, 3, 3, OK},
	{0, 2, 1, 1, BAD_ID},
	{1, 2, 1, 1, BAD_ID},
	{2, 2, 1, 1, BAD_ID},
	{13, 0, 1, 1, BAD_PARAMETER},
	{13, 5, 1, 1, BAD_PARAMETER},
	{13, UINT32_MAX, 1, 1, BAD_PARAMETER},
	{13, 2, 0, 1, BAD_PARAMETER},
	{13, 2, 1, 0, BAD_PARAMETER},
	{13, 2, 16385, 1, BAD_PARAMETER},
	{13, 2, 1, UINT32_MAX, BAD_PARAMETER},
	{14, 2, 16384, 16384, OK}, // 1 GiB
	{13, 2, 16384, 16384, NO_MEMORY}, // 2 GiB, and there is something already
};

static void test_create_2d(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	for (size_t i = 0; i < sizeof(creates_2d) / sizeof(creates_2d[0]); i++) {
		uint64_t errors = guest_errors(rig);
		struct virtio_gpu_resource_create_2d wire = wire_create_2d(creates_2d[i].id,
			creates_2d[i].format, creates_2d[i].width, creates_2d[i].height);
		assert_int_equal(RIG_COMMAND(rig, wire), creates_2d[i].type);
		check_errors(rig, errors, creates_2d[i].type);
	}
	assert_null(gp_gpu_find_resource(rig->gpu, 13));
	assert_int_equal(n_resources(rig), 8);
}

/* B11, A5. One entry each; gpa 0: no entry. */
static const struct {
	uint32_t id, blob_mem;
	uint64_t size, gpa;
	uint32_t length, type;
} creates_blob[] = {
	{10, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, GPA, SIZE, OK},
	{11, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, GPA, SIZE + 1, OK},
	{12, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, 0, 0, OK},
	{14, VIRTIO_GPU_BLOB_MEM_GUEST, PAGE, GPA_END - PAGE, PAGE, OK},
	{0, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, GPA, SIZE, BAD_ID},
	{1, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, GPA, SIZE, BAD_ID},
	{2, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, GPA, SIZE, BAD_ID},
	{13, 0, SIZE, GPA, SIZE, BAD_PARAMETER},
	{13, VIRTIO_GPU_BLOB_MEM_HOST3D, SIZE, 0, 0, BAD_PARAMETER},
	{13, VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, SIZE, GPA, SIZE, BAD_PARAMETER},
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, 0, GPA, SIZE, BAD_PARAMETER},
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, GPA, SIZE - 1, BAD_PARAMETER},
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, 1ull << 40, GPA, SIZE, BAD_PARAMETER},
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, 1ull << 40, 0, 0, NO_MEMORY},
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, UINT64_MAX, 0, 0, NO_MEMORY},
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, GPA_END - PAGE, SIZE, UNSPEC}, // half of it outside
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, GPA_END, SIZE, UNSPEC},
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, 1, SIZE, UNSPEC},
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, 0xfffffffffffff000ull, SIZE, UNSPEC}, // wraps
	{13, VIRTIO_GPU_BLOB_MEM_GUEST, SIZE, GPA, 0, UNSPEC},
};

static void test_create_blob(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	for (size_t i = 0; i < sizeof(creates_blob) / sizeof(creates_blob[0]); i++) {
		uint64_t errors = guest_errors(rig);
		struct {
			struct virtio_gpu_resource_create_blob fixed;
			struct virtio_gpu_mem_entry entry;
		} wire = {
			wire_create_blob(
				creates_blob[i].id, creates_blob[i].size, creates_blob[i].gpa != 0),
			wire_entry(creates_blob[i].gpa, creates_blob[i].length),
		};
		wire.fixed.blob_mem = htole32(creates_blob[i].blob_mem);
		assert_int_equal(RIG_COMMAND(rig, wire), creates_blob[i].type);
		check_errors(rig, errors, creates_blob[i].type);
	}
	assert_null(gp_gpu_find_resource(rig->gpu, 13)); // nothing half-made
	assert_int_equal(n_resources(rig), 7);
	assert_false(gp_gpu_find_resource(rig->gpu, 12)->backed);
}

/* An entry in the middle that cannot be mapped, and more entries than allowed. */
static void test_many_entries(void **state) {
	struct rig *rig = *state;
	enum { N = GP_BACKING_ENTRIES_MAX + 1 };
	size_t size = sizeof(struct virtio_gpu_resource_create_blob) +
		N * sizeof(struct virtio_gpu_mem_entry);
	uint8_t *bytes = calloc(1, size);
	assert_non_null(bytes);
	struct virtio_gpu_resource_create_blob *fixed = (void *)bytes;
	struct virtio_gpu_mem_entry *entries = (void *)(fixed + 1);
	for (uint32_t i = 0; i < N; i++) {
		entries[i] = wire_entry(GPA + (i * 7 % 4096) * PAGE, PAGE);
	}
	*fixed = wire_create_blob(1, (N - 1ull) * PAGE, N);
	assert_int_equal(rig_command(rig, bytes, size), UNSPEC);
	*fixed = wire_create_blob(1, (N - 1ull) * PAGE, N - 1);
	entries[9000].addr = htole64(GPA_END);
	assert_int_equal(rig_command(rig, bytes, size), UNSPEC);
	assert_int_equal(n_resources(rig), 0);
	entries[9000].addr = htole64(GPA);
	assert_int_equal(rig_command(rig, bytes, size), OK);
	assert_int_equal(gp_gpu_find_resource(rig->gpu, 1)->backing.length, (N - 1ull) * PAGE);
	*fixed = wire_create_blob(2, (N - 1ull) * PAGE + 1, N - 1);
	assert_int_equal(rig_command(rig, bytes, size), BAD_PARAMETER);
	free(bytes);
}

/* ATTACH and DETACH: A5, B11. */
static void test_backing_errors(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	assert_int_equal(rig_attach(rig, 99, GPA, SIZE), BAD_ID);
	assert_int_equal(rig_attach(rig, 0, GPA, SIZE), BAD_ID);
	assert_int_equal(rig_attach(rig, 1, GPA, SIZE), UNSPEC);
	assert_int_equal(rig_attach(rig, 2, GPA, SIZE), UNSPEC);
	assert_int_equal(rig_attach(rig, 3, GPA, SIZE - 1), BAD_PARAMETER);
	assert_int_equal(rig_attach(rig, 3, 0, 0), BAD_PARAMETER);
	assert_int_equal(rig_attach(rig, 3, GPA_END, SIZE), UNSPEC);
	assert_false(gp_gpu_find_resource(rig->gpu, 3)->backed);
	assert_int_equal(rig_attach(rig, 3, GPA, SIZE), OK);
	assert_int_equal(rig_detach(rig, 99), BAD_ID);
	assert_int_equal(rig_detach(rig, 1), OK);
	assert_int_equal(rig_detach(rig, 1), UNSPEC);
	assert_int_equal(rig_attach(rig, 1, GPA, PAGE), OK); // less than the framebuffer: only 2D
	assert_int_equal(rig_unref(rig, 99), BAD_ID);
	assert_int_equal(rig_unref(rig, 0), BAD_ID);
	assert_int_equal(rig_unref(rig, 1), OK);
	assert_int_equal(rig_unref(rig, 1), BAD_ID);
}

static const uint8_t *pixels(const struct rig *rig) {
	return gp_host_copy_pixels(&gp_gpu_find_resource(rig->gpu, 1)->host_copy);
}

/* C2. The ranges are those of test_gpu_resource. */
static void test_transfer(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	memset(rig->ram, 0x5a, SIZE);
	const struct gp_rect whole = {0, 0, W, H}, outside = {1, 0, W, H};
	struct virtio_gpu_transfer_to_host_2d wire = wire_transfer(1, &whole, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), OK);
	assert_int_equal(pixels(rig)[SIZE - 1], 0); // nobody needs it yet
	wire = wire_transfer(1, &outside, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), BAD_PARAMETER);
	wire = wire_transfer(1, &whole, 1);
	assert_int_equal(RIG_COMMAND(rig, wire), BAD_PARAMETER);
	wire = wire_transfer(1, &whole, UINT64_MAX - SIZE + 1);
	assert_int_equal(RIG_COMMAND(rig, wire), BAD_PARAMETER);
	wire = wire_transfer(99, &whole, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), BAD_ID);
	/* Nothing is done, and nothing checked, on a blob. */
	wire = wire_transfer(2, &outside, UINT64_MAX);
	assert_int_equal(RIG_COMMAND(rig, wire), OK);
	wire = wire_transfer(3, &whole, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), OK);
	assert_int_equal(rig_detach(rig, 1), OK);
	assert_int_equal(pixels(rig)[SIZE - 1], 0x5a);
	wire = wire_transfer(1, &whole, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), UNSPEC);
	struct gp_gpu_info info;
	gp_gpu_get_info(rig->gpu, &info);
	assert_int_equal(info.transferred, SIZE);
	assert_int_equal(info.copied, SIZE);
	assert_int_equal(info.host_bytes, 2 * SIZE);
	assert_int_equal(info.n_scanouts, 2);
}

/* B8: new backing of a resource that is shown, and only a flush after it. */
static void test_new_backing(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 1, W, H), OK);
	assert_int_equal(rig_detach(rig, 1), OK);
	assert_int_equal(rig_count(rig, RIG_REVOKE), 1);
	assert_int_equal(rig_count(rig, RIG_DISABLE), 0); // no flicker
	/* Nothing to show in between. */
	assert_int_equal(rig_type(rig, rig_flush(rig, 1, W, H, 1)), OK);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 0);
	rig_forget_events(rig);
	assert_int_equal(rig_attach(rig, 1, GPA + 4 * SIZE, SIZE), OK);
	assert_int_equal(rig_count(rig, RIG_SET), 2);
	assert_int_equal(rig_event(rig, RIG_SET, 1)->scanout, 1);
	assert_int_equal(rig_event(rig, RIG_SET, 1)->generation, 2);
	assert_int_equal(rig_event(rig, RIG_SET, 1)->fb.stride, W * 4);
	rig_flush(rig, 1, W, H, 2);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 2);
}

/* A 2D resource does not show its backing. */
static void test_new_backing_2d(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	assert_int_equal(rig_set_scanout(rig, 0, 1, W, H), OK);
	rig_forget_events(rig);
	assert_int_equal(rig_detach(rig, 1), OK);
	rig_flush(rig, 1, W, H, 0);
	assert_int_equal(rig_attach(rig, 1, GPA, SIZE), OK);
	rig_flush(rig, 1, W, H, 0);
	assert_int_equal(rig->n_events, 2);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 2);
}

/* B12: the scanout is disabled, then the memory revoked, then the resource freed. */
static void test_unref_shown(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	for (uint32_t id = 1; id <= 2; id++) {
		if (id == 1) {
			assert_int_equal(rig_set_scanout(rig, 0, id, W, H), OK);
			assert_int_equal(rig_set_scanout(rig, 1, id, W, H), OK);
		} else {
			assert_int_equal(rig_set_scanout_blob(rig, 0, id, W, H), OK);
			assert_int_equal(rig_set_scanout_blob(rig, 1, id, W, H), OK);
		}
		rig_forget_events(rig);
		assert_int_equal(rig_unref(rig, id), OK);
		assert_int_equal(rig->n_events, 3);
		assert_int_equal(rig->events[0].kind, RIG_DISABLE);
		assert_int_equal(rig->events[1].kind, RIG_DISABLE);
		assert_int_equal(rig->events[2].kind, RIG_REVOKE);
		assert_int_equal(rig->events[2].resource, id);
		assert_int_equal(rig->live, 0);
	}
	struct gp_gpu_scanout_info info;
	gp_gpu_get_scanout_info(rig->gpu, 0, &info);
	assert_false(info.enabled);
	/* One that nobody has seen needs no revoke. */
	rig_forget_events(rig);
	assert_int_equal(rig_unref(rig, 3), OK);
	assert_int_equal(rig->n_events, 0);
}

static void test_resource_limit(void **state) {
	struct rig *rig = *state;
	for (uint32_t id = 1; id <= GP_RESOURCES_MAX; id++) {
		assert_int_equal(rig_create_blob(rig, id, PAGE, 0), OK);
	}
	assert_int_equal(rig_create_blob(rig, GP_RESOURCES_MAX + 1, PAGE, GPA), NO_MEMORY);
	assert_int_equal(rig_create_2d(rig, GP_RESOURCES_MAX + 1, 1, 1), NO_MEMORY);
}

/* A guest cannot use up the descriptors that the VM's memory needs. */
static void test_descriptor_limit(void **state) {
	struct rig *rig = *state;
	enum { LIMIT = 64 };
	gp_fd_keep_reserve(LIMIT);
	uint32_t id = 1;
	while (id <= LIMIT && rig_create_2d(rig, id, 1, 1) == OK) {
		id++;
	}
	int next = dup(STDIN_FILENO);
	close(next);
	assert_int_equal(next, LIMIT / 2);
	assert_int_equal(rig_create_2d(rig, id, 1, 1), NO_MEMORY);
	assert_int_equal(n_resources(rig), id - 1);
	assert_int_equal(rig_create_blob(rig, id, PAGE, GPA), OK);
	assert_int_equal(rig_unref(rig, 1), OK);
	assert_int_equal(rig_create_2d(rig, 1, 1, 1), OK);
	gp_fd_keep_reserve(UINT64_MAX);
}

/* The guest's lists have a limit in all; an unref gives back its part. */
static void test_extents_limit(void **state) {
	struct rig *rig = *state;
	enum { N = GP_BACKING_ENTRIES_MAX, FULL = GP_BACKING_EXTENTS_MAX / N };
	size_t size = sizeof(struct virtio_gpu_resource_create_blob) +
		N * sizeof(struct virtio_gpu_mem_entry);
	struct virtio_gpu_resource_create_blob *fixed = calloc(1, size);
	assert_non_null(fixed);
	struct virtio_gpu_mem_entry *entries = (void *)(fixed + 1);
	for (uint32_t i = 0; i < N; i++) {
		entries[i] = wire_entry(GPA + (i * 7 % 4096) * PAGE, PAGE);
	}
	for (uint32_t id = 1; id <= FULL + 1; id++) {
		*fixed = wire_create_blob(id, (uint64_t)N * PAGE, N);
		assert_int_equal(rig_command(rig, fixed, size), id <= FULL ? OK : NO_MEMORY);
	}
	assert_null(gp_gpu_find_resource(rig->gpu, FULL + 1));
	assert_int_equal(rig_create_blob(rig, FULL + 1, PAGE, GPA), NO_MEMORY);
	assert_int_equal(rig_create_blob(rig, FULL + 1, PAGE, 0), OK);
	assert_int_equal(rig_attach(rig, FULL + 1, GPA, PAGE), NO_MEMORY);
	assert_int_equal(rig_unref(rig, 1), OK);
	assert_int_equal(rig_attach(rig, FULL + 1, GPA, PAGE), OK);
	free(fixed);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, gpu_setup, gpu_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_create_2d),
		TEST(test_create_blob),
		TEST(test_many_entries),
		TEST(test_backing_errors),
		TEST(test_transfer),
		TEST(test_new_backing),
		TEST(test_new_backing_2d),
		TEST(test_unref_shown),
		TEST(test_resource_limit),
		TEST(test_descriptor_limit),
		TEST(test_extents_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
