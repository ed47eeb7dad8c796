#ifndef GP_TESTS_UNIT_SAVED_STATE_CASES_H
#define GP_TESTS_UNIT_SAVED_STATE_CASES_H

#include "tests/harness/gpu_rig.h"
#include "tests/harness/gpu_wire.h"
#include "vmm-bridge/gpu/resource.h"
#include "vmm-bridge/gpu/restore.h"
#include "vmm-bridge/gpu/saved_state.h"

/**
 * What the tests of the saved state share. After setjmp.h and cmocka.h.
 */

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define BAD_ID VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID

#define PAGE 4096u
#define W 64u
#define H 32u
#define SIZE (W * H * 4)
#define PAGES (SIZE / PAGE)
#define GPA RIG_GPA
#define OTHER_GPA (RIG_GPA + RIG_RAM_SIZE) // of a second region
#define OTHER_SIZE (64u << 10)

/* Bytes of an area with room for a number of entries. */
static inline size_t area_bytes(uint32_t n_entries) {
	return sizeof(struct gp_saved_state_area) + n_entries * sizeof(struct gp_gpu_entry);
}

static inline int setup(void **state) {
	struct rig *rig = rig_create(2);
	rig_save(rig, area_bytes(64));
	*state = rig;
	return 0;
}

static inline int teardown(void **state) {
	rig_destroy(*state);
	return 0;
}

static inline bool take_over(struct rig *rig) {
	rig_crash(rig);
	return gp_gpu_restore(rig->gpu, rig->now_ns);
}

static inline struct gp_gpu_info get_info(const struct rig *rig) {
	struct gp_gpu_info info;
	gp_gpu_get_info(rig->gpu, &info);
	return info;
}

/* Every second page from gpa on, so that none touches another. */
static inline uint32_t attach_pages(struct rig *rig, uint32_t id, uint64_t gpa, uint32_t n) {
	struct {
		struct virtio_gpu_resource_attach_backing fixed;
		struct virtio_gpu_mem_entry entries[32];
	} wire = {.fixed = wire_attach(id, n)};
	assert_true(n <= 32);
	for (uint32_t i = 0; i < n; i++) {
		wire.entries[i] = wire_entry(gpa + i * 2ull * PAGE, PAGE);
	}
	return rig_command(rig, &wire, sizeof(wire.fixed) + n * sizeof(wire.entries[0]));
}

static inline void check_pages(struct rig *rig, uint32_t id, uint64_t gpa, uint32_t n) {
	const struct gp_resource *resource = gp_gpu_find_resource(rig->gpu, id);
	assert_non_null(resource);
	assert_true(resource->backed);
	assert_int_equal(resource->backing.count, n);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(resource->backing.items[i].offset, gpa - GPA + i * 2ull * PAGE);
		assert_int_equal(resource->backing.items[i].length, PAGE);
	}
}

#endif
