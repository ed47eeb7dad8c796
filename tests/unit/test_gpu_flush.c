#include "vmm-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/harness/gpu_rig.h"
#include "tests/harness/gpu_wire.h"
#include "vmm-bridge/gpu/pacer.h"

/*
 * Held replies: flushes (C3, C4) and revocations (B9).
 */

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define HELD 0
#define W 64u
#define H 32u
#define SIZE (W * H * 4)
#define GPA RIG_GPA
#define MS 1000000ull
#define PERIOD 16666666ull

/* Two scanouts: blob 1 is on the first, blob 2 on the second. */
static int setup(void **state) {
	struct rig *rig = rig_create(2);
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_int_equal(rig_create_blob(rig, 2, SIZE, GPA + SIZE), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 2, W, H), OK);
	rig_forget_events(rig);
	*state = rig;
	return 0;
}

static int teardown(void **state) {
	rig_destroy(*state);
	return 0;
}

static uint64_t replies(struct rig *rig, uint32_t scanout, enum gp_reply_cause cause) {
	struct gp_gpu_scanout_info info;
	gp_gpu_get_scanout_info(rig->gpu, scanout, &info);
	return info.replies[cause];
}

static void release(struct rig *rig, uint32_t scanout) {
	gp_gpu_buffer_released(rig->gpu, scanout, rig->now_ns);
}

static void test_unfenced(void **state) {
	struct rig *rig = *state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(rig_type(rig, rig_flush(rig, 1, W, H, 0)), OK);
	}
	assert_int_equal(rig_count(rig, RIG_FLUSH), 10);
	assert_int_equal(replies(rig, 0, GP_REPLY_IMMEDIATE), 10);
	assert_int_equal(rig_count(rig, RIG_WAKE), 0);
}

/* Nothing is replaced, or hidden: paced by time alone. */
static void test_spacing(void **state) {
	struct rig *rig = *state;
	uint64_t start = rig->now_ns;
	assert_int_equal(rig_type(rig, rig_flush(rig, 1, W, H, 1)), OK);
	assert_int_equal(rig_type(rig, rig_flush(rig, 1, W, H, 1)), OK); // catches up a period
	uint16_t head = rig_flush(rig, 1, W, H, 2);
	assert_int_equal(rig_type(rig, head), HELD);
	assert_int_equal(rig->wake_ns, start + PERIOD);
	rig_advance(rig, rig->wake_ns - 1);
	assert_int_equal(rig_type(rig, head), HELD);
	rig_advance(rig, rig->wake_ns);
	assert_int_equal(rig_type(rig, head), OK);
	assert_true(rig_reply(rig, head).fence_id == htole64(2));
	assert_int_equal(rig->wake_ns, 0); // idle
	assert_int_equal(replies(rig, 0, GP_REPLY_IMMEDIATE), 2);
	assert_int_equal(replies(rig, 0, GP_REPLY_SPACING), 1);
	struct gp_gpu_scanout_info info;
	gp_gpu_get_scanout_info(rig->gpu, 0, &info);
	assert_int_equal(info.flushes, 3);
}

static void test_release(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	uint16_t head = rig_flush(rig, 1, W, H, 1);
	assert_int_equal(rig_type(rig, head), HELD);
	assert_int_equal(rig->wake_ns, rig->now_ns + GP_PACER_HOLD_MAX_NS);
	rig->now_ns += 3 * MS;
	release(rig, 1); // another scanout
	assert_int_equal(rig_type(rig, head), HELD);
	release(rig, 0);
	assert_int_equal(rig_type(rig, head), OK);
	assert_int_equal(rig->wake_ns, 0);
	assert_int_equal(replies(rig, 0, GP_REPLY_RELEASE), 1);
	release(rig, 0); // one too many
	/* A release that comes before the time is kept until then. */
	rig_flush(rig, 1, W, H, 1); // catches up a period
	release(rig, 0);
	head = rig_flush(rig, 1, W, H, 1);
	release(rig, 0);
	assert_int_equal(rig_type(rig, head), HELD);
	rig_advance(rig, rig->now_ns + PERIOD);
	assert_int_equal(rig_type(rig, head), OK);
	assert_int_equal(replies(rig, 0, GP_REPLY_SPACING), 1);
}

static void test_timeout(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	uint64_t start = rig->now_ns;
	uint16_t head = rig_flush(rig, 1, W, H, 1);
	rig_advance(rig, start + GP_PACER_HOLD_MAX_NS - 1);
	assert_int_equal(rig_type(rig, head), HELD);
	rig_advance(rig, start + GP_PACER_HOLD_MAX_NS);
	assert_int_equal(rig_type(rig, head), OK);
	assert_int_equal(replies(rig, 0, GP_REPLY_TIMEOUT), 1);
	assert_int_equal(rig->wake_ns, 0);
}

/* A release that comes after its flush timed out is not taken for the next one's. */
static void test_late_release(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	rig_flush(rig, 1, W, H, 1);
	rig_advance(rig, rig->now_ns + GP_PACER_HOLD_MAX_NS);
	uint16_t head = rig_flush(rig, 1, W, H, 2);
	rig->now_ns += 2 * MS;
	release(rig, 0);
	assert_int_equal(rig_type(rig, head), HELD);
	release(rig, 0);
	assert_int_equal(rig_type(rig, head), OK);
}

/* Nor is that of a flush without a fence. */
static void test_unfenced_release(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	rig_flush(rig, 1, W, H, 0);
	uint16_t head = rig_flush(rig, 1, W, H, 1);
	release(rig, 0);
	assert_int_equal(rig_type(rig, head), HELD);
	release(rig, 0);
	assert_int_equal(rig_type(rig, head), OK);
	/* Thousands of them cost no memory without bound, and do not block for ever. */
	for (int i = 0; i < 5000; i++) {
		rig_flush(rig, 1, W, H, 0);
	}
	rig->now_ns += 50 * MS;
	head = rig_flush(rig, 1, W, H, 2);
	for (int i = 0; i < 17; i++) {
		release(rig, 0);
	}
	assert_int_equal(rig_type(rig, head), OK);
}

/* The outside lost a release (it was restarted): after four timeouts all is in step again. */
static void test_lost_release(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	rig_flush(rig, 1, W, H, 1);
	rig_advance(rig, rig->now_ns + GP_PACER_HOLD_MAX_NS); // its release never comes
	unsigned held = 0;
	for (int i = 0; i < 20; i++) {
		uint16_t head = rig_flush(rig, 1, W, H, 2);
		rig_advance(rig, rig->now_ns + 5 * MS);
		release(rig, 0);
		held += rig_type(rig, head) == HELD;
		rig_advance(rig, rig->now_ns + GP_PACER_HOLD_MAX_NS);
		assert_int_equal(rig_type(rig, head), OK);
	}
	assert_int_equal(held, 3);
}

/* Several flushes of a scanout: each release is that of the oldest. */
static void test_queue(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	uint16_t a = rig_flush(rig, 1, W, H, 1);
	rig_advance(rig, rig->now_ns + 15 * MS);
	uint16_t b = rig_flush(rig, 1, W, H, 2);
	assert_int_equal(rig->wake_ns, rig->now_ns - 15 * MS + GP_PACER_HOLD_MAX_NS);
	rig_advance(rig, rig->now_ns + 5 * MS);
	release(rig, 0);
	assert_int_equal(rig_type(rig, a), OK);
	assert_int_equal(rig_type(rig, b), HELD);
	release(rig, 0);
	assert_int_equal(rig_type(rig, b), OK);
	assert_int_equal(replies(rig, 0, GP_REPLY_RELEASE), 2);
}

/* C4: a reply that is due is sent, whatever waits before it. */
static void test_out_of_order(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	uint16_t first = rig_flush(rig, 1, W, H, 1);
	rig->owe_release = false;
	uint16_t second = rig_flush(rig, 2, W, H, 2);
	assert_int_equal(rig_type(rig, second), OK);
	assert_int_equal(rig_create_blob(rig, 3, SIZE, GPA), OK);
	assert_int_equal(rig_type(rig, first), HELD);
	release(rig, 0);
	assert_int_equal(rig_type(rig, first), OK);
}

static void test_two_scanouts(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_set_scanout_blob(rig, 1, 1, W, H), OK);
	rig->owe_release = true;
	uint16_t head = rig_flush(rig, 1, W, H, 1);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 2);
	release(rig, 1);
	assert_int_equal(rig_type(rig, head), HELD);
	release(rig, 0);
	assert_int_equal(rig_type(rig, head), OK);
	assert_int_equal(replies(rig, 0, GP_REPLY_RELEASE), 1);
	assert_int_equal(replies(rig, 1, GP_REPLY_RELEASE), 1);
}

/* Damage is cut to what each scanout shows, in coordinates of the framebuffer. */
static void test_damage(void **state) {
	struct rig *rig = *state;
	struct virtio_gpu_set_scanout_blob set = wire_set_scanout_blob(0, 1, W, H);
	set.r = wire_rect(&(struct gp_rect){0, 0, 32, H});
	assert_int_equal(RIG_COMMAND(rig, set), OK);
	set = wire_set_scanout_blob(1, 1, W, H);
	set.r = wire_rect(&(struct gp_rect){32, 0, 32, H});
	assert_int_equal(RIG_COMMAND(rig, set), OK);
	const struct {
		struct gp_rect rect;
		struct gp_rect damage[2]; // all zero: not flushed
	} cases[] = {
		{{0, 0, W, H}, {{0, 0, 32, H}, {32, 0, 32, H}}},
		{{30, 1, 4, 2}, {{30, 1, 2, 2}, {32, 1, 2, 2}}},
		{{40, 0, 1, 1}, {{0, 0, 0, 0}, {40, 0, 1, 1}}},
		{{0, 0, UINT32_MAX, UINT32_MAX}, {{0, 0, 32, H}, {32, 0, 32, H}}},
		{{31, 31, UINT32_MAX, UINT32_MAX}, {{31, 31, 1, 1}, {32, 31, 32, 1}}},
		{{0, 0, 0, 0}, {{0, 0, 0, 0}, {0, 0, 0, 0}}},
		{{UINT32_MAX, 0, 1, 1}, {{0, 0, 0, 0}, {0, 0, 0, 0}}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_forget_events(rig);
		struct virtio_gpu_resource_flush wire = wire_flush(1, &cases[i].rect, 0);
		assert_int_equal(RIG_COMMAND(rig, wire), OK);
		size_t n = 0;
		for (uint32_t s = 0; s < 2; s++) {
			if (cases[i].damage[s].width == 0) {
				continue;
			}
			const struct rig_event *event = rig_event(rig, RIG_FLUSH, n++);
			assert_non_null(event);
			assert_int_equal(event->scanout, s);
			assert_memory_equal(
				&event->damage, &cases[i].damage[s], sizeof(event->damage));
		}
		assert_int_equal(rig_count(rig, RIG_FLUSH), n);
	}
}

static void test_errors(void **state) {
	struct rig *rig = *state;
	const struct gp_rect inside = {0, 0, W, H}, outside = {1, 0, W, H},
			     wrap = {UINT32_MAX, 0, 2, 1};
	struct virtio_gpu_resource_flush wire = wire_flush(99, &inside, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	assert_int_equal(rig_create_2d(rig, 4, W, H), OK);
	wire = wire_flush(4, &outside, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	wire = wire_flush(4, &wrap, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	/* Not on a scanout: at once, fenced or not. */
	for (uint64_t fence = 1; fence < 5; fence++) {
		assert_int_equal(rig_type(rig, rig_flush(rig, 4, W, H, fence)), OK);
	}
	assert_int_equal(rig_count(rig, RIG_FLUSH), 0);
	/* 2D on a scanout is paced as blobs are. */
	assert_int_equal(rig_set_scanout(rig, 0, 4, W, H), OK);
	rig->owe_release = true;
	uint16_t head = rig_flush(rig, 4, W, H, 9);
	assert_int_equal(rig_type(rig, head), HELD);
	release(rig, 0);
	assert_int_equal(rig_type(rig, head), OK);
}

/* C9: the queue stops. */
static void test_drain(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_set_scanout_blob(rig, 1, 1, W, H), OK);
	rig->owe_release = true;
	rig->revoke_later = true;
	uint16_t heads[4];
	for (uint64_t i = 0; i < 3; i++) {
		heads[i] = rig_flush(rig, 1, W, H, i + 1);
	}
	struct virtio_gpu_resource_unref detach =
		wire_id(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 1, 4);
	heads[3] = rig_send(rig, GP_GPU_QUEUE_CONTROL, &detach, sizeof(detach), 24);
	gp_gpu_drain(rig->gpu, GP_GPU_QUEUE_CURSOR);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(rig_type(rig, heads[i]), HELD);
	}
	unsigned before = rig->n_pushes;
	gp_gpu_drain(rig->gpu, GP_GPU_QUEUE_CONTROL);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(rig_type(rig, heads[i]), OK);
		assert_true(rig_reply(rig, heads[i]).fence_id == htole64(i + 1));
	}
	assert_int_equal(rig->n_pushes, before + 4);
	assert_int_equal(rig->wake_ns, 0);
	assert_int_equal(replies(rig, 0, GP_REPLY_DRAIN), 3);
	assert_int_equal(replies(rig, 1, GP_REPLY_DRAIN), 3);
	/* What comes late is for nobody. */
	uint64_t token = rig_event(rig, RIG_REVOKE, 0)->token;
	gp_gpu_resource_revoked(rig->gpu, 1, token, rig->now_ns);
	for (int i = 0; i < 8; i++) {
		release(rig, 0);
	}
	gp_gpu_drain(rig->gpu, GP_GPU_QUEUE_CONTROL);
	assert_int_equal(rig->n_pushes, before + 4);
}

/* A scanout that is disabled owes no releases. */
static void test_disable_while_held(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	uint16_t first = rig_flush(rig, 1, W, H, 1);
	rig_flush(rig, 1, W, H, 2); // catches up a period
	uint16_t last = rig_flush(rig, 1, W, H, 3);
	assert_int_equal(rig_set_scanout(rig, 0, 0, 0, 0), OK);
	assert_int_equal(rig_type(rig, first), OK);
	assert_int_equal(rig_type(rig, last), HELD); // at the mode's rate
	rig_advance(rig, rig->now_ns + PERIOD);
	assert_int_equal(rig_type(rig, last), OK);
	assert_int_equal(rig->wake_ns, 0);
	/* Nor for flushes that had their reply before. */
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	rig_flush(rig, 1, W, H, 0);
	assert_int_equal(rig_set_scanout(rig, 0, 0, 0, 0), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	rig_advance(rig, rig->now_ns + 50 * MS);
	uint16_t third = rig_flush(rig, 1, W, H, 3);
	assert_int_equal(rig_type(rig, third), HELD);
	release(rig, 0);
	assert_int_equal(rig_type(rig, third), OK);
}

static void test_mode_rate(void **state) {
	struct rig *rig = *state;
	struct gp_monitor monitor = {.modes = {{1280, 800, 120000}}, .n_modes = 1};
	gp_gpu_set_monitor(rig->gpu, 0, &monitor);
	rig_flush(rig, 1, W, H, 1);
	uint16_t head = rig_flush(rig, 1, W, H, 2);
	rig_advance(rig, rig->now_ns + 8333333);
	assert_int_equal(rig_type(rig, head), OK);
	/* Unplugged: the rate stays (C3 c). */
	gp_gpu_set_monitor(rig->gpu, 0, NULL);
	head = rig_flush(rig, 1, W, H, 3);
	rig_advance(rig, rig->now_ns + 8333333);
	assert_int_equal(rig_type(rig, head), OK);
}

/* As many as the queue has: all within the limit. */
static void test_flood(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	unsigned before = rig->n_pushes;
	for (uint64_t i = 0; i < 1000; i++) {
		rig_flush(rig, 1, W, H, i + 1);
	}
	rig_advance(rig, rig->now_ns + GP_PACER_HOLD_MAX_NS);
	assert_int_equal(rig->n_pushes, before + 1000);
	assert_int_equal(rig->wake_ns, 0);
}

/* B9: the reply to DETACH is sent when the revocation is acknowledged, and not by time. */
static void test_revoke(void **state) {
	struct rig *rig = *state;
	rig->revoke_later = true;
	struct virtio_gpu_resource_unref wire =
		wire_id(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 1, 5);
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), 24);
	assert_int_equal(rig_type(rig, head), HELD);
	assert_int_equal(rig->wake_ns, 0);
	const struct rig_event *revoke = rig_event(rig, RIG_REVOKE, 0);
	assert_false(revoke->wait);
	gp_gpu_resource_revoked(rig->gpu, 1, revoke->token + 1, rig->now_ns);
	gp_gpu_resource_revoked(rig->gpu, 2, revoke->token, rig->now_ns);
	gp_gpu_resource_revoked(rig->gpu, 1, 0, rig->now_ns);
	rig_advance(rig, rig->now_ns + 1000 * MS);
	assert_int_equal(rig_type(rig, head), HELD);
	/* The resource is without backing already, and may get another before the reply. */
	assert_int_equal(rig_attach(rig, 1, GPA + 4 * SIZE, SIZE), OK);
	gp_gpu_resource_revoked(rig->gpu, 1, revoke->token, rig->now_ns);
	assert_int_equal(rig_type(rig, head), OK);
	assert_true(rig_reply(rig, head).fence_id == htole64(5));
	gp_gpu_resource_revoked(rig->gpu, 1, revoke->token, rig->now_ns); // twice
}

/* The id of a destroyed resource is free at once; tokens keep the two apart. */
static void test_revoke_unref(void **state) {
	struct rig *rig = *state;
	rig->revoke_later = true;
	uint16_t heads[2];
	for (size_t i = 0; i < 2; i++) {
		struct virtio_gpu_resource_unref wire =
			wire_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 1, 0);
		heads[i] = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), 24);
		assert_int_equal(rig_type(rig, heads[i]), HELD);
		assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
		assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	}
	uint64_t first = rig_event(rig, RIG_REVOKE, 0)->token;
	uint64_t second = rig_event(rig, RIG_REVOKE, 1)->token;
	assert_true(first != second);
	gp_gpu_resource_revoked(rig->gpu, 1, second, rig->now_ns);
	assert_int_equal(rig_type(rig, heads[0]), HELD);
	assert_int_equal(rig_type(rig, heads[1]), OK);
	gp_gpu_resource_revoked(rig->gpu, 1, first, rig->now_ns);
	assert_int_equal(rig_type(rig, heads[0]), OK);
}

/* Replies into a region are sent before it is removed. */
static void test_reply_in_removed_region(void **state) {
	struct rig *rig = *state;
	const uint64_t gpa = GPA + RIG_RAM_SIZE, size = 1 << 20;
	int fd = memfd_create("region", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(gp_guest_memory_add(&rig->memory, fd, gpa, gpa, size, 0), 0);
	rig->owe_release = true;
	const struct gp_rect rect = {0, 0, W, H};
	struct virtio_gpu_resource_flush wire = wire_flush(1, &rect, 7);
	uint16_t head = rig_send_to_ram(rig, &wire, sizeof(wire), gpa + 64, 24);
	uint16_t other = rig_flush(rig, 1, W, H, 8);
	assert_int_equal(rig_type(rig, head), HELD);
	struct gp_memory_object *object = gp_guest_memory_take(&rig->memory, gpa, gpa, size);
	gp_gpu_memory_removed(rig->gpu, object);
	assert_int_equal(rig_type(rig, head), OK);
	assert_int_equal(rig_type(rig, other), HELD);
	assert_int_equal(object->refs, 1);
	gp_memory_object_unref(object);
	rig_advance(rig, rig->now_ns + GP_PACER_HOLD_MAX_NS);
	assert_int_equal(rig_type(rig, other), OK);
}

/* A response buffer in many pieces, and one that is too short. */
static void test_held_response(void **state) {
	struct rig *rig = *state;
	static struct gp_chain chain;
	const struct gp_rect rect = {0, 0, W, H};
	struct virtio_gpu_resource_flush wire = wire_flush(1, &rect, UINT64_MAX);
	rig->owe_release = true;
	for (uint32_t size = 0; size <= 32; size++) {
		chain = (struct gp_chain){.n_out = 1, .out_size = sizeof(wire)};
		chain.out[0] = (struct iovec){&wire, sizeof(wire)};
		uint16_t head = rig_send_chain(rig, GP_GPU_QUEUE_CONTROL, &chain, NULL, size);
		release(rig, 0);
		rig_advance(rig, rig->now_ns + PERIOD);
		assert_true(rig->replies[head].replied);
		assert_int_equal(rig->replies[head].written, size < 24 ? size : 24);
		if (size >= 4) {
			assert_int_equal(rig_type(rig, head), OK);
		}
	}
}

/* Nothing may be in flight at reset, but nothing breaks if it is. */
static void test_reset_while_held(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	rig->revoke_later = true;
	rig_flush(rig, 1, W, H, 1);
	struct virtio_gpu_resource_unref wire = wire_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 2, 0);
	rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), 24);
	unsigned before = rig->n_pushes;
	gp_gpu_reset(rig->gpu);
	assert_int_equal(rig->n_pushes, before);
	assert_int_equal(rig->wake_ns, 0);
	assert_int_equal(rig->live, 0);
	release(rig, 0);
}

static void test_destroy_while_held(void **state) {
	struct rig *rig = *state;
	rig->owe_release = true;
	rig_flush(rig, 1, W, H, 1);
	rig_flush(rig, 2, W, H, 1);
	rig_flush(rig, 2, W, H, 0);
}

/* Ten seconds of two-buffer page flips through the whole device (C3). */
struct guest {
	bool timer; // has a vblank timer of its own
	uint64_t draw_ns; // from reply to flush
	uint64_t release_ns; // from flush to the release of the replaced buffer
};

static unsigned run_guest(struct rig *rig, const struct guest *guest) {
	const uint64_t end = rig->now_ns + 10000 * MS, tick0 = rig->now_ns;
	unsigned frames = 0;
	rig->owe_release = true;
	while (rig->now_ns < end) {
		uint32_t id = 1 + frames % 2;
		assert_int_equal(rig_set_scanout_blob(rig, 0, id, W, H), OK);
		uint16_t head = rig_flush(rig, id, W, H, frames + 1);
		rig_advance(rig, rig->now_ns + guest->release_ns);
		release(rig, 0);
		while (rig_type(rig, head) == HELD) {
			assert_true(rig->wake_ns != 0);
			rig_advance(rig, rig->wake_ns);
		}
		frames++;
		uint64_t next = rig->now_ns + guest->draw_ns;
		if (guest->timer) {
			uint64_t ticks = (next - tick0 + PERIOD - 1) / PERIOD;
			next = tick0 + ticks * PERIOD + frames * 7919 % 2000 * 1000;
		}
		rig_advance(rig, next);
	}
	assert_int_equal(replies(rig, 0, GP_REPLY_TIMEOUT), 0);
	return frames;
}

static void test_guests(void **state) {
	static const struct guest guests[] = {
		{true, 5 * MS, 1 * MS},
		{true, 5 * MS, 4 * MS},
		{false, 0, 1 * MS},
		{false, 5 * MS, 1 * MS},
		{false, 5 * MS, 10 * MS},
	};
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++) {
		struct rig *rig = rig_create(1);
		assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
		assert_int_equal(rig_create_blob(rig, 2, SIZE, GPA + SIZE), OK);
		unsigned frames = run_guest(rig, &guests[i]);
		rig_destroy(rig);
		assert_true(frames >= 570 && frames <= 603);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_unfenced),
		TEST(test_spacing),
		TEST(test_release),
		TEST(test_timeout),
		TEST(test_late_release),
		TEST(test_unfenced_release),
		TEST(test_lost_release),
		TEST(test_queue),
		TEST(test_out_of_order),
		TEST(test_two_scanouts),
		TEST(test_damage),
		TEST(test_errors),
		TEST(test_drain),
		TEST(test_disable_while_held),
		TEST(test_mode_rate),
		TEST(test_flood),
		TEST(test_revoke),
		TEST(test_revoke_unref),
		TEST(test_reply_in_removed_region),
		TEST(test_held_response),
		TEST(test_reset_while_held),
		TEST(test_destroy_while_held),
		cmocka_unit_test(test_guests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
