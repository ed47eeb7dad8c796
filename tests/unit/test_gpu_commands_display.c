#include "vmm-bridge/gpu/commands_display.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/edid.h"
#include "tests/unit/gpu_cases.h"

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

#define TEST(f) cmocka_unit_test_setup_teardown(f, gpu_setup, gpu_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_set_scanout_blob),
		TEST(test_set_scanout),
		TEST(test_display_info),
		TEST(test_edid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
