#ifndef GP_TESTS_UNIT_GPU_CASES_H
#define GP_TESTS_UNIT_GPU_CASES_H

#include "tests/harness/gpu_rig.h"
#include "tests/harness/gpu_wire.h"

/**
 * What the tests of the virtio-gpu device share. After setjmp.h and cmocka.h.
 */

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_ID VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

#define PAGE 4096u
#define W 64u
#define H 32u
#define SIZE (W * H * 4)
#define GPA RIG_GPA
#define GPA_END (RIG_GPA + RIG_RAM_SIZE)
#define RESPONSE sizeof(struct virtio_gpu_ctrl_hdr)

static inline int gpu_setup(void **state) {
	*state = rig_create(2);
	return 0;
}

static inline int gpu_teardown(void **state) {
	rig_destroy(*state);
	return 0;
}

static inline uint64_t guest_errors(struct rig *rig) {
	struct gp_gpu_info info;
	gp_gpu_get_info(rig->gpu, &info);
	return info.guest_errors;
}

static inline size_t n_resources(struct rig *rig) {
	struct gp_gpu_info info;
	gp_gpu_get_info(rig->gpu, &info);
	return info.n_resources;
}

/* What the tables of errors work on: 1 is a 2D resource, 2 a blob, 3 a blob without memory. */
static inline void make_resources(struct rig *rig) {
	assert_int_equal(rig_create_2d(rig, 1, W, H), OK);
	assert_int_equal(rig_attach(rig, 1, GPA, SIZE), OK);
	assert_int_equal(rig_create_blob(rig, 2, SIZE, GPA + SIZE), OK);
	assert_int_equal(rig_create_blob(rig, 3, SIZE, 0), OK);
}

static inline void check_errors(struct rig *rig, uint64_t before, uint32_t type) {
	assert_int_equal(guest_errors(rig), before + (type >= UNSPEC));
}

#endif
