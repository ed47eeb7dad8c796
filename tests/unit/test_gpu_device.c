#include "vmm-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/edid.h"
#include "tests/harness/gpu_rig.h"
#include "tests/harness/gpu_wire.h"
#include "vmm-bridge/gpu/resource.h"

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

static int setup(void **state) {
	*state = rig_create(2);
	return 0;
}

static int teardown(void **state) {
	rig_destroy(*state);
	return 0;
}

static uint64_t guest_errors(struct rig *rig) {
	struct gp_gpu_info info;
	gp_gpu_get_info(rig->gpu, &info);
	return info.guest_errors;
}

static size_t n_resources(struct rig *rig) {
	struct gp_gpu_info info;
	gp_gpu_get_info(rig->gpu, &info);
	return info.n_resources;
}

/* What the tables of errors work on: 1 is a 2D resource, 2 a blob, 3 a blob without memory. */
static void make_resources(struct rig *rig) {
	assert_int_equal(rig_create_2d(rig, 1, W, H), OK);
	assert_int_equal(rig_attach(rig, 1, GPA, SIZE), OK);
	assert_int_equal(rig_create_blob(rig, 2, SIZE, GPA + SIZE), OK);
	assert_int_equal(rig_create_blob(rig, 3, SIZE, 0), OK);
}

static void check_errors(struct rig *rig, uint64_t before, uint32_t type) {
	assert_int_equal(guest_errors(rig), before + (type >= UNSPEC));
}

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
	{13, 2, 16384, 16384, NO_MEMORY}, // 1 GiB, and there is something already
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
	assert_int_equal(n_resources(rig), 7);
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

/* C1. Rows differ from a good command in one value each. */
static const struct {
	uint32_t scanout, id, width, height, format, stride, offset;
	struct gp_rect rect;
	uint32_t type;
} sets_blob[] = {
	{0, 2, W, H, 2, W * 4, 0, {0, 0, W, H}, OK},
	{1, 2, W, H, 2, W * 4, 0, {0, 0, W, H}, OK}, // overlapping scanouts are legal
	{1, 2, W, H, 1, W * 4, 0, {48, 16, 16, 16}, OK},
	{1, 2, W, H / 2, 67, W * 4, SIZE / 2, {0, 0, W, H / 2}, OK},
	{1, 0, 0, 0, 0, 0, 0, {0, 0, 0, 0}, OK},
	{2, 2, W, H, 2, W * 4, 0, {0, 0, W, H}, BAD_SCANOUT},
	{UINT32_MAX, 0, W, H, 2, W * 4, 0, {0, 0, W, H}, BAD_SCANOUT},
	{1, 1, W, H, 2, W * 4, 0, {0, 0, W, H}, BAD_ID}, // 2D
	{1, 3, W, H, 2, W * 4, 0, {0, 0, W, H}, BAD_ID}, // no memory
	{1, 99, W, H, 2, W * 4, 0, {0, 0, W, H}, BAD_ID},
	{1, 2, W, H, 0, W * 4, 0, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, W, H, 133, W * 4, 0, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, W, H, 2, W * 4 - 1, 0, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, W, H, 2, W * 4 + 4, 0, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, W, H, 2, W * 4, 4, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, W, H, 2, W * 4, UINT32_MAX, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, W, H, 2, UINT32_MAX, 0, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, W, H + 1, 2, W * 4, 0, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, 1u << 30, 1u << 30, 2, 0, 0, {0, 0, W, H}, BAD_PARAMETER}, // width × 4 is 2^32
	{1, 2, W, UINT32_MAX, 2, W * 4, 0, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, 0, 0, 2, W * 4, 0, {0, 0, W, H}, BAD_PARAMETER},
	{1, 2, 60, H, 2, W * 4, 16, {0, 0, 60, H}, BAD_PARAMETER}, // the last row counts whole
	{1, 2, W, H, 2, W * 4, 0, {0, 0, 15, 16}, BAD_PARAMETER},
	{1, 2, W, H, 2, W * 4, 0, {0, 0, 16, 15}, BAD_PARAMETER},
	{1, 2, W, H, 2, W * 4, 0, {1, 0, W, H}, BAD_PARAMETER},
	{1, 2, W, H, 2, W * 4, 0, {0, 0, W, H + 1}, BAD_PARAMETER},
	{1, 2, W, H, 2, W * 4, 0, {UINT32_MAX - 15, 0, 16, 16}, BAD_PARAMETER}, // wraps
	{1, 2, W, H, 2, W * 4, 0, {0, 17, W, UINT32_MAX - 15}, BAD_PARAMETER},
};

static void test_set_scanout_blob(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	for (size_t i = 0; i < sizeof(sets_blob) / sizeof(sets_blob[0]); i++) {
		uint64_t errors = guest_errors(rig);
		rig_forget_events(rig);
		struct virtio_gpu_set_scanout_blob wire =
			wire_set_scanout_blob(sets_blob[i].scanout, sets_blob[i].id,
				sets_blob[i].width, sets_blob[i].height);
		wire.format = htole32(sets_blob[i].format);
		wire.strides[0] = htole32(sets_blob[i].stride);
		wire.offsets[0] = htole32(sets_blob[i].offset);
		wire.r = wire_rect(&sets_blob[i].rect);
		assert_int_equal(RIG_COMMAND(rig, wire), sets_blob[i].type);
		check_errors(rig, errors, sets_blob[i].type);
		bool shows = sets_blob[i].type == OK && sets_blob[i].id != 0;
		assert_int_equal(rig_count(rig, RIG_SET), shows);
		if (shows) {
			const struct gp_framebuffer *fb = &rig_event(rig, RIG_SET, 0)->fb;
			assert_memory_equal(&fb->rect, &sets_blob[i].rect, sizeof(fb->rect));
			assert_int_equal(fb->offset, sets_blob[i].offset);
			assert_int_equal(fb->format->drm,
				gp_format_from_virtio(sets_blob[i].format)->drm_opaque);
		}
	}
	/* Room enough, but larger than anything may be. */
	assert_int_equal(rig_create_blob(rig, 4, 16385 * 16 * 4, GPA), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 4, 16385, 16), BAD_PARAMETER);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 4, 16, 16385), BAD_PARAMETER);
	/* Errors left the scanouts alone. */
	assert_ptr_equal(rig->shown[0].resource, gp_gpu_find_resource(rig->gpu, 2));
	assert_null(rig->shown[1].resource);
}

static const struct {
	uint32_t scanout, id;
	struct gp_rect rect;
	uint32_t type;
} sets_2d[] = {
	{0, 1, {0, 0, W, H}, OK},
	{1, 1, {16, 8, 16, 16}, OK},
	{1, 0, {0, 0, 0, 0}, OK},
	{1, 0, {0, 0, 0, 0}, OK}, // off already
	{2, 1, {0, 0, W, H}, BAD_SCANOUT},
	{2, 0, {0, 0, W, H}, BAD_SCANOUT},
	{1, 2, {0, 0, W, H}, BAD_ID}, // a blob
	{1, 3, {0, 0, W, H}, BAD_ID},
	{1, 99, {0, 0, W, H}, BAD_ID},
	{1, 1, {0, 0, 15, 16}, BAD_PARAMETER},
	{1, 1, {0, 0, 16, 15}, BAD_PARAMETER},
	{1, 1, {0, 0, W + 1, H}, BAD_PARAMETER},
	{1, 1, {0, 1, W, H}, BAD_PARAMETER},
	{1, 1, {UINT32_MAX, 0, 17, 16}, BAD_PARAMETER},
};

static void test_set_scanout(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	for (size_t i = 0; i < sizeof(sets_2d) / sizeof(sets_2d[0]); i++) {
		struct virtio_gpu_set_scanout wire =
			wire_set_scanout(sets_2d[i].scanout, sets_2d[i].id, &sets_2d[i].rect);
		assert_int_equal(RIG_COMMAND(rig, wire), sets_2d[i].type);
	}
	assert_int_equal(rig_count(rig, RIG_DISABLE), 1);
	const struct gp_framebuffer *fb = &rig->shown[0].fb;
	assert_int_equal(fb->stride, W * 4);
	assert_int_equal(fb->offset, 0);
	assert_int_equal(fb->width, W);
	assert_int_equal(fb->height, H);
	struct gp_gpu_scanout_info info;
	gp_gpu_get_scanout_info(rig->gpu, 0, &info);
	assert_true(info.enabled && info.connected);
	assert_int_equal(info.resource_id, 1);
	assert_int_equal(info.width, W);
	assert_int_equal(info.format->virtio, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	gp_gpu_get_scanout_info(rig->gpu, 1, &info);
	assert_false(info.enabled || info.connected);
	/* A 2D resource without backing has its host copy to show. */
	assert_int_equal(rig_create_2d(rig, 4, W, H), OK);
	assert_int_equal(rig_set_scanout(rig, 1, 4, W, H), OK);
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
	assert_int_equal(rig_attach(rig, 1, GPA, PAGE), OK); // less than the picture: only 2D
	assert_int_equal(rig_unref(rig, 99), BAD_ID);
	assert_int_equal(rig_unref(rig, 0), BAD_ID);
	assert_int_equal(rig_unref(rig, 1), OK);
	assert_int_equal(rig_unref(rig, 1), BAD_ID);
}

/* C2. The ranges are those of test_gpu_resource. */
static void test_transfer(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	memset(rig->ram, 0x5a, SIZE);
	const struct gp_rect whole = {0, 0, W, H}, outside = {1, 0, W, H};
	struct virtio_gpu_transfer_to_host_2d wire = wire_transfer(1, &whole, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), OK);
	assert_int_equal(gp_gpu_find_resource(rig->gpu, 1)->shm_map[SIZE - 1], 0x5a);
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
	wire = wire_transfer(1, &whole, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), UNSPEC);
	struct gp_gpu_info info;
	gp_gpu_get_info(rig->gpu, &info);
	assert_int_equal(info.transferred, SIZE);
	assert_int_equal(info.host_bytes, SIZE);
	assert_int_equal(info.n_scanouts, 2);
}

static void test_wrong_queue(void **state) {
	struct rig *rig = *state;
	struct virtio_gpu_ctrl_hdr info = wire_hdr(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 9);
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CURSOR, &info, sizeof(info), RESPONSE);
	assert_int_equal(rig_type(rig, head), UNSPEC);
	assert_true(rig_answer(rig, head).fence_id == htole64(9));
	head = rig_send(rig, GP_GPU_QUEUE_CURSOR, &info, sizeof(info), 0);
	assert_true(rig->replies[head].replied);
	assert_int_equal(rig->replies[head].written, 0);
	struct virtio_gpu_update_cursor cursor =
		wire_cursor(VIRTIO_GPU_CMD_MOVE_CURSOR, 0, 0, 1, 1, 0, 0);
	assert_int_equal(RIG_COMMAND(rig, cursor), UNSPEC);
	assert_int_equal(rig_count(rig, RIG_CURSOR_MOVE), 0);
	struct virtio_gpu_ctrl_hdr unknown = wire_hdr(VIRTIO_GPU_CMD_CTX_CREATE, 0);
	assert_int_equal(RIG_COMMAND(rig, unknown), UNSPEC);
	assert_int_equal(guest_errors(rig), 4);
}

/* The header of an answer: fence, id and context of fenced commands, also on errors. */
static void test_answer_header(void **state) {
	struct rig *rig = *state;
	struct virtio_gpu_resource_unref wire =
		wire_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 99, 0x123456789a);
	wire.hdr.ctx_id = htole32(7);
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), RESPONSE);
	struct virtio_gpu_ctrl_hdr hdr = rig_answer(rig, head);
	assert_int_equal(le32toh(hdr.type), BAD_ID);
	assert_int_equal(le32toh(hdr.flags), VIRTIO_GPU_FLAG_FENCE);
	assert_true(le64toh(hdr.fence_id) == 0x123456789a);
	assert_int_equal(le32toh(hdr.ctx_id), 7);
	wire.hdr.flags = 0;
	head = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), RESPONSE);
	hdr = rig_answer(rig, head);
	assert_true(hdr.flags == 0 && hdr.fence_id == 0 && hdr.ctx_id == 0);
}

/* Only what tells nothing has time. */
static void test_awaited(void **state) {
	struct rig *rig = *state;
	struct virtio_gpu_ctrl_hdr info = wire_hdr(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	struct virtio_gpu_resource_create_2d create =
		wire_create_2d(1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 16, 16);
	struct virtio_gpu_resource_unref unref = wire_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 1, 0);
	struct virtio_gpu_resource_flush flush =
		wire_flush(1, &(struct gp_rect){.width = 16, .height = 16}, 1);
	const struct {
		const void *wire;
		size_t size;
		bool interrupt;
	} cases[] = {
		{&info, sizeof(info), true},
		{&create, sizeof(create), false},
		{&flush, sizeof(flush), true},
		{&unref, sizeof(unref), false},
		{&unref, sizeof(unref), true}, // an error
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t head =
			rig_send(rig, GP_GPU_QUEUE_CONTROL, cases[i].wire, cases[i].size, RESPONSE);
		assert_true(rig->replies[head].replied);
		assert_int_equal(rig->replies[head].interrupt, cases[i].interrupt);
	}
}

/* Any size of the response buffer is survived, and the ring is told what was written. */
static void test_response_sizes(void **state) {
	struct rig *rig = *state;
	struct virtio_gpu_ctrl_hdr wire = wire_hdr(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	static const uint32_t sizes[] = {0, 1, 23, 24, 25, 407, 408, 409};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint16_t head = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), sizes[i]);
		assert_true(rig->replies[head].replied);
		uint32_t wanted = sizes[i] < 408 ? sizes[i] : 408;
		assert_int_equal(rig->replies[head].written, wanted);
	}
}

static void test_display_info(void **state) {
	struct rig *rig = *state;
	struct gp_monitor monitor = {.modes = {{1920, 1080, 59940}}, .n_modes = 1};
	gp_gpu_set_monitor(rig->gpu, 1, &monitor);
	struct virtio_gpu_ctrl_hdr wire = wire_hdr(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	struct virtio_gpu_resp_display_info info;
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), sizeof(info));
	assert_int_equal(rig_type(rig, head), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(rig->replies[head].written, sizeof(info)); // 16 entries (C6)
	memcpy(&info, rig->replies[head].buffer, sizeof(info));
	assert_int_equal(le32toh(info.pmodes[0].enabled), 1);
	assert_int_equal(le32toh(info.pmodes[0].r.x), 0);
	assert_int_equal(le32toh(info.pmodes[0].r.width), 1280);
	assert_int_equal(le32toh(info.pmodes[0].r.height), 800);
	assert_int_equal(le32toh(info.pmodes[1].enabled), 1);
	assert_int_equal(le32toh(info.pmodes[1].r.x), 1280);
	assert_int_equal(le32toh(info.pmodes[1].r.width), 1920);
	for (size_t i = 2; i < 16; i++) {
		static const struct virtio_gpu_display_one none;
		assert_memory_equal(&info.pmodes[i], &none, sizeof(none));
	}
}

static struct virtio_gpu_resp_edid get_edid(struct rig *rig, uint32_t scanout) {
	struct virtio_gpu_cmd_get_edid wire = wire_get_edid(scanout);
	struct virtio_gpu_resp_edid edid;
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), sizeof(edid));
	memset(&edid, 0xff, sizeof(edid));
	memcpy(&edid, rig->replies[head].buffer, rig->replies[head].written);
	return edid;
}

static void test_edid(void **state) {
	struct rig *rig = *state;
	struct virtio_gpu_resp_edid edid = get_edid(rig, 0);
	assert_int_equal(le32toh(edid.hdr.type), VIRTIO_GPU_RESP_OK_EDID);
	uint8_t wanted[GP_EDID_SIZE_MAX];
	struct gp_monitor monitor = {.modes = {{1280, 800, 60000}}, .n_modes = 1};
	assert_int_equal(le32toh(edid.size), gp_edid_write(&monitor, wanted));
	assert_memory_equal(edid.edid, wanted, le32toh(edid.size));
	assert_int_equal(edid.edid[1023], 0);
	/* Nothing is connected there. */
	edid = get_edid(rig, 1);
	assert_int_equal(le32toh(edid.hdr.type), VIRTIO_GPU_RESP_OK_EDID);
	assert_int_equal(edid.size, 0);
	edid = get_edid(rig, 2);
	assert_int_equal(le32toh(edid.hdr.type), BAD_SCANOUT);
}

static struct virtio_gpu_config get_config(struct rig *rig) {
	struct virtio_gpu_config config;
	gp_gpu_get_config(rig->gpu, 0, sizeof(config), (uint8_t *)&config);
	return config;
}

/* C7: 16, 20 or 24 bytes, or any part. */
static void test_config(void **state) {
	struct rig *rig = *state;
	struct virtio_gpu_config config = get_config(rig);
	assert_int_equal(config.events_read, 0);
	assert_int_equal(config.events_clear, 0);
	assert_int_equal(le32toh(config.num_scanouts), 2);
	assert_int_equal(config.num_capsets, 0);
	static const struct {
		uint32_t offset, size, first;
	} reads[] = {
		{0, 16, 0},
		{0, 20, 0},
		{0, 24, 0},
		{8, 1, 2},
		{8, 4, 2},
		{9, 1, 0},
		{16, 8, 0},
		{20, 4, 0},
		{19, 2, 0},
		{24, 4, 0},
		{UINT32_MAX, 4, 0},
	};
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		uint8_t out[25];
		memset(out, 0xff, sizeof(out));
		gp_gpu_get_config(rig->gpu, reads[i].offset, reads[i].size, out);
		assert_int_equal(out[0], reads[i].first);
		for (uint32_t j = 1; j < reads[i].size; j++) {
			assert_int_equal(out[j], reads[i].offset + j == 8 ? 2 : 0);
		}
		assert_int_equal(out[reads[i].size], 0xff);
	}
	assert_true(gp_gpu_features() ==
		(1ull << VIRTIO_GPU_F_EDID | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB));
}

/* C6: the event comes with a real change, and goes when the guest clears it. */
static void test_monitor_events(void **state) {
	struct rig *rig = *state;
	struct gp_monitor monitor = {.modes = {{1280, 800, 60000}}, .n_modes = 1};
	gp_gpu_set_monitor(rig->gpu, 0, &monitor);
	gp_gpu_set_monitor(rig->gpu, 1, NULL);
	assert_int_equal(rig_count(rig, RIG_CONFIG), 0);
	assert_int_equal(get_config(rig).events_read, 0);

	struct gp_monitor changes[4] = {monitor, monitor, monitor, monitor};
	changes[0].modes[0].width = 1920;
	changes[1].modes[0].refresh_mhz = 75000;
	changes[2].width_mm = 520;
	changes[2].height_mm = 290;
	strcpy(changes[3].model, "Other");
	for (size_t i = 0; i < 4; i++) {
		gp_gpu_set_monitor(rig->gpu, 0, &changes[i]);
		assert_int_equal(rig_count(rig, RIG_CONFIG), i + 1);
		assert_int_equal(le32toh(get_config(rig).events_read), VIRTIO_GPU_EVENT_DISPLAY);
		/* The driver's write comes as a whole structure (QEMU), */
		struct virtio_gpu_config config = get_config(rig);
		config.events_clear = htole32(VIRTIO_GPU_EVENT_DISPLAY);
		config.num_scanouts = htole32(77);
		gp_gpu_set_config(rig->gpu, 0, sizeof(config), (uint8_t *)&config);
		assert_int_equal(get_config(rig).events_read, 0);
		assert_int_equal(le32toh(get_config(rig).num_scanouts), 2);
	}
	gp_gpu_set_monitor(rig->gpu, 0, NULL);
	assert_int_equal(le32toh(get_config(rig).events_read), VIRTIO_GPU_EVENT_DISPLAY);
	/* or as the four bytes, or one; other places and bits do nothing. */
	gp_gpu_set_config(rig->gpu, 4, 4, (const uint8_t[]){2, 0, 0, 0});
	gp_gpu_set_config(rig->gpu, 5, 1, (const uint8_t[]){1});
	gp_gpu_set_config(rig->gpu, 0, 4, (const uint8_t[]){1, 0, 0, 0});
	gp_gpu_set_config(rig->gpu, UINT32_MAX, 4, (const uint8_t[]){1, 1, 1, 1});
	assert_int_equal(le32toh(get_config(rig).events_read), VIRTIO_GPU_EVENT_DISPLAY);
	gp_gpu_set_config(rig->gpu, 4, 1, (const uint8_t[]){1});
	assert_int_equal(get_config(rig).events_read, 0);
}

static bool send_cursor(struct rig *rig, uint32_t type, uint32_t scanout, uint32_t id, int32_t x,
	int32_t y, uint32_t hot) {
	struct virtio_gpu_update_cursor wire = wire_cursor(type, scanout, id, x, y, hot, hot);
	uint64_t errors = guest_errors(rig);
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CURSOR, &wire, sizeof(wire), 0);
	assert_true(rig->replies[head].replied);
	return guest_errors(rig) == errors;
}

#define UPDATE VIRTIO_GPU_CMD_UPDATE_CURSOR
#define MOVE VIRTIO_GPU_CMD_MOVE_CURSOR

/* C5: no response buffer, signed positions. */
static void test_cursor(void **state) {
	struct rig *rig = *state;
	uint32_t *pixels = (uint32_t *)(void *)rig->ram;
	for (uint32_t i = 0; i < 64 * 64; i++) {
		pixels[i] = i;
	}
	assert_int_equal(rig_create_blob(rig, 1, 64 * 64 * 4, GPA), OK);
	assert_true(send_cursor(rig, UPDATE, 1, 1, -3, 700, 5));
	const struct rig_event *set = rig_event(rig, RIG_CURSOR_SET, 0);
	assert_true(set->visible);
	assert_int_equal(set->scanout, 1);
	assert_int_equal(set->hot_x, 5);
	assert_memory_equal(rig->cursor, pixels, sizeof(rig->cursor));
	const struct rig_event *move = rig_event(rig, RIG_CURSOR_MOVE, 0);
	assert_true(move < set);
	assert_int_equal(move->x, -3);
	assert_int_equal(move->y, 700);
	assert_true(send_cursor(rig, MOVE, 0, 12345, INT32_MIN, INT32_MAX, 0));
	move = rig_event(rig, RIG_CURSOR_MOVE, 1);
	assert_int_equal(move->x, INT32_MIN);
	assert_int_equal(move->y, INT32_MAX);
	assert_true(send_cursor(rig, UPDATE, 1, 0, 0, 0, 0));
	assert_false(rig_event(rig, RIG_CURSOR_SET, 1)->visible);
	assert_true(send_cursor(rig, UPDATE, 0, 1, 0, 0, UINT32_MAX)); // clamped
	assert_int_equal(rig_event(rig, RIG_CURSOR_SET, 2)->hot_y, 63);
}

static void test_cursor_errors(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, 64 * 64 * 4 - 1, GPA), OK);
	assert_int_equal(rig_create_blob(rig, 2, 64 * 64 * 4, 0), OK);
	assert_false(send_cursor(rig, UPDATE, 0, 1, 0, 0, 0)); // too small
	assert_false(send_cursor(rig, UPDATE, 0, 2, 0, 0, 0)); // no memory
	assert_false(send_cursor(rig, UPDATE, 0, 99, 0, 0, 0));
	assert_false(send_cursor(rig, UPDATE, 2, 0, 0, 0, 0));
	assert_false(send_cursor(rig, MOVE, 2, 0, 0, 0, 0));
	assert_int_equal(rig_count(rig, RIG_CURSOR_SET), 0);
	/* With a response buffer the error is said. */
	struct virtio_gpu_update_cursor wire = wire_cursor(UPDATE, 0, 1, 0, 0, 0, 0);
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CURSOR, &wire, sizeof(wire), RESPONSE);
	assert_int_equal(rig_type(rig, head), BAD_PARAMETER);
}

/* C5: the size of another cursor is known from the transfer before it. */
static void test_cursor_sizes(void **state) {
	struct rig *rig = *state;
	uint32_t *pixels = (uint32_t *)(void *)rig->ram;
	for (uint32_t i = 0; i < 128 * 128; i++) {
		pixels[i] = i;
	}
	assert_int_equal(rig_create_blob(rig, 1, 128 * 128 * 4, GPA), OK);
	const struct gp_rect big = {0, 0, 128, 128}, small = {0, 0, 24, 24};
	struct virtio_gpu_transfer_to_host_2d transfer = wire_transfer(1, &big, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_true(send_cursor(rig, UPDATE, 0, 1, 0, 0, 0));
	assert_int_equal(rig->cursor[0], 0);
	assert_int_equal(rig->cursor[64], 128);
	assert_int_equal(rig->cursor[63 * 64 + 63], 63 * 128 + 63);
	/* Smaller than 64×64, in one page. */
	assert_int_equal(rig_create_blob(rig, 2, PAGE, GPA), OK);
	assert_false(send_cursor(rig, UPDATE, 0, 2, 0, 0, 0));
	transfer = wire_transfer(2, &small, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_true(send_cursor(rig, UPDATE, 0, 2, 0, 0, 0));
	assert_int_equal(rig->cursor[64 + 23], 24 + 23);
	assert_int_equal(rig->cursor[64 + 24], 0);
	assert_int_equal(rig->cursor[24 * 64], 0);
	/* A hint that does not fit the blob is none. */
	const struct gp_rect wild = {0, 0, UINT32_MAX, UINT32_MAX};
	transfer = wire_transfer(2, &wild, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_false(send_cursor(rig, UPDATE, 0, 2, 0, 0, 0));
	transfer = wire_transfer(1, &wild, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_true(send_cursor(rig, UPDATE, 0, 1, 0, 0, 0));
	assert_int_equal(rig->cursor[64], 64);
	/* A blob of 64×64 is that, even if less was transferred. */
	assert_int_equal(rig_create_blob(rig, 4, 64 * 64 * 4, GPA), OK);
	transfer = wire_transfer(4, &small, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	assert_true(send_cursor(rig, UPDATE, 0, 4, 0, 0, 0));
	assert_int_equal(rig->cursor[64 + 24], 64 + 24);
	/* 2D, 32×16. */
	assert_int_equal(rig_create_2d(rig, 3, 32, 16), OK);
	memset(gp_gpu_find_resource(rig->gpu, 3)->shm_map, 0xab, 32 * 16 * 4);
	assert_true(send_cursor(rig, UPDATE, 0, 3, 0, 0, 0));
	assert_int_equal(rig->cursor[15 * 64 + 31], 0xabababab);
	assert_int_equal(rig->cursor[15 * 64 + 32], 0);
	assert_int_equal(rig->cursor[16 * 64], 0);
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

/* The picture of a 2D resource is not its backing. */
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

/* B12: the scanout goes off, then the memory goes, then the resource. */
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

/* A second region of RAM, removed while it is in use (A1, B8). */
#define REGION_GPA (GPA_END + (1u << 20))
#define REGION_SIZE (1u << 20)

static void add_region(struct rig *rig) {
	int fd = memfd_create("region", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, REGION_SIZE), 0);
	assert_int_equal(
		gp_guest_memory_add(&rig->memory, fd, REGION_GPA, REGION_GPA, REGION_SIZE, 0), 0);
}

static void remove_region(struct rig *rig) {
	struct gp_memory_object *object =
		gp_guest_memory_take(&rig->memory, REGION_GPA, REGION_GPA, REGION_SIZE);
	assert_non_null(object);
	gp_gpu_memory_removed(rig->gpu, object);
	assert_int_equal(object->refs, 1); // nobody else holds it
	gp_memory_object_unref(object);
}

static void test_memory_removed(void **state) {
	struct rig *rig = *state;
	add_region(rig);
	make_resources(rig);
	assert_int_equal(rig_create_blob(rig, 10, SIZE, REGION_GPA), OK);
	assert_int_equal(rig_create_blob(rig, 11, SIZE, REGION_GPA), OK); // never shown
	assert_int_equal(rig_create_2d(rig, 12, W, H), OK);
	assert_int_equal(rig_attach(rig, 12, REGION_GPA, SIZE), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 10, W, H), OK);
	assert_int_equal(rig_set_scanout(rig, 1, 12, W, H), OK);
	rig_forget_events(rig);
	rig->revoke_later = true;
	remove_region(rig);
	assert_int_equal(rig->n_events, 2);
	assert_int_equal(rig->events[0].kind, RIG_DISABLE);
	assert_int_equal(rig->events[1].kind, RIG_REVOKE);
	assert_true(rig->events[1].wait);
	assert_true(gp_gpu_find_resource(rig->gpu, 2)->backed);
	/* Still on the scanout as the guest sees it; there is nothing to show. */
	assert_int_equal(rig_type(rig, rig_flush(rig, 10, W, H, 1)), OK);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 0);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 10, W, H), BAD_ID);
	const struct gp_rect whole = {0, 0, W, H};
	struct virtio_gpu_transfer_to_host_2d transfer = wire_transfer(12, &whole, 0);
	assert_int_equal(RIG_COMMAND(rig, transfer), UNSPEC);
	/* The guest detaches what it believes to be there, and attaches anew. */
	assert_int_equal(rig_detach(rig, 10), OK);
	assert_int_equal(rig_detach(rig, 10), UNSPEC);
	rig_forget_events(rig);
	assert_int_equal(rig_attach(rig, 10, GPA, SIZE), OK);
	assert_int_equal(rig_count(rig, RIG_SET), 1);
	rig_flush(rig, 10, W, H, 0);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 1);
	/* Without DETACH works too. */
	assert_int_equal(rig_attach(rig, 11, GPA, SIZE), OK);
	assert_int_equal(rig_attach(rig, 11, GPA, SIZE), UNSPEC);
}

static void test_memory_removed_then_off(void **state) {
	struct rig *rig = *state;
	add_region(rig);
	assert_int_equal(rig_create_blob(rig, 10, SIZE, REGION_GPA), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 10, W, H), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 10, W, H), OK);
	remove_region(rig);
	rig_forget_events(rig);
	assert_int_equal(rig_set_scanout(rig, 0, 0, 0, 0), OK);
	assert_int_equal(rig->n_events, 0); // it was off outside already
	assert_int_equal(rig_unref(rig, 10), OK);
	assert_int_equal(rig->n_events, 0);
}

static void test_reset(void **state) {
	struct rig *rig = *state;
	make_resources(rig);
	assert_int_equal(rig_set_scanout(rig, 0, 1, W, H), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 2, W, H), OK);
	struct gp_monitor monitor = {.modes = {{1920, 1080, 60000}}, .n_modes = 1};
	gp_gpu_set_monitor(rig->gpu, 0, &monitor);
	rig_forget_events(rig);
	gp_gpu_reset(rig->gpu);
	assert_int_equal(rig_count(rig, RIG_DISABLE), 2);
	assert_int_equal(rig_count(rig, RIG_REVOKE), 2);
	assert_int_equal(rig_count(rig, RIG_CURSOR_SET), 2);
	assert_false(rig_event(rig, RIG_CURSOR_SET, 0)->visible);
	assert_true(rig_event(rig, RIG_REVOKE, 0)->wait);
	assert_int_equal(rig->live, 0);
	assert_int_equal(n_resources(rig), 0);
	assert_int_equal(get_config(rig).events_read, 0);
	/* The monitor stays, and everything works again. */
	struct gp_gpu_scanout_info info;
	gp_gpu_get_scanout_info(rig->gpu, 0, &info);
	assert_int_equal(info.mode.width, 1920);
	make_resources(rig);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 2, W, H), OK);
	rig_flush(rig, 2, W, H, 1);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 1);
}

static void test_resource_limit(void **state) {
	struct rig *rig = *state;
	for (uint32_t id = 1; id <= GP_RESOURCES_MAX; id++) {
		assert_int_equal(rig_create_blob(rig, id, PAGE, 0), OK);
	}
	assert_int_equal(rig_create_blob(rig, GP_RESOURCES_MAX + 1, PAGE, GPA), NO_MEMORY);
	assert_int_equal(rig_create_2d(rig, GP_RESOURCES_MAX + 1, 1, 1), NO_MEMORY);
}

/* What is kept of the guest's lists has a limit; what goes gives it back. */
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

static void test_cause_names(void **state) {
	assert_string_equal(gp_reply_cause_name(GP_REPLY_RELEASE), "release");
	assert_string_equal(gp_reply_cause_name(GP_REPLY_CAUSES), "unknown");
}

static void test_destroy_null(void **state) {
	gp_gpu_destroy(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_create_2d),
		TEST(test_create_blob),
		TEST(test_many_entries),
		TEST(test_set_scanout_blob),
		TEST(test_set_scanout),
		TEST(test_backing_errors),
		TEST(test_transfer),
		TEST(test_wrong_queue),
		TEST(test_answer_header),
		TEST(test_awaited),
		TEST(test_response_sizes),
		TEST(test_display_info),
		TEST(test_edid),
		TEST(test_config),
		TEST(test_monitor_events),
		TEST(test_cursor),
		TEST(test_cursor_errors),
		TEST(test_cursor_sizes),
		TEST(test_new_backing),
		TEST(test_new_backing_2d),
		TEST(test_unref_shown),
		TEST(test_memory_removed),
		TEST(test_memory_removed_then_off),
		TEST(test_reset),
		TEST(test_resource_limit),
		TEST(test_extents_limit),
		cmocka_unit_test(test_cause_names),
		cmocka_unit_test(test_destroy_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
