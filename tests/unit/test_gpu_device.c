#include "vmm-bridge/gpu/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/gpu_cases.h"
#include "vmm-bridge/gpu/resource.h"

static void test_wrong_queue(void **state) {
	struct rig *rig = *state;
	struct virtio_gpu_ctrl_hdr info = wire_hdr(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 9);
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CURSOR, &info, sizeof(info), RESPONSE);
	assert_int_equal(rig_type(rig, head), UNSPEC);
	assert_true(rig_reply(rig, head).fence_id == htole64(9));
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

/* The header of a reply: fence, id and context of fenced commands, also on errors. */
static void test_reply_header(void **state) {
	struct rig *rig = *state;
	struct virtio_gpu_resource_unref wire =
		wire_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, 99, 0x123456789a);
	wire.hdr.ctx_id = htole32(7);
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), RESPONSE);
	struct virtio_gpu_ctrl_hdr hdr = rig_reply(rig, head);
	assert_int_equal(le32toh(hdr.type), BAD_ID);
	assert_int_equal(le32toh(hdr.flags), VIRTIO_GPU_FLAG_FENCE);
	assert_true(le64toh(hdr.fence_id) == 0x123456789a);
	assert_int_equal(le32toh(hdr.ctx_id), 7);
	wire.hdr.flags = 0;
	head = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), RESPONSE);
	hdr = rig_reply(rig, head);
	assert_true(hdr.flags == 0 && hdr.fence_id == 0 && hdr.ctx_id == 0);
}

/* The guest does not wait for a reply that only says that all is well. */
static void test_interrupt(void **state) {
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

/* The device survives response buffers of any size, and returns how much it wrote. */
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

/* C6: the event comes with a real change, and stays until the guest clears it. */
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
	/* The guest detaches what it cannot know to be lost, and attaches again. */
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

static void readd_region(struct rig *rig) {
	add_region(rig);
	gp_gpu_memory_added(rig->gpu, rig->now_ns);
}

/* RAM that was moved: nobody notifies the guest, so its blobs are shown again without it (B13). */
static void test_memory_returns(void **state) {
	struct rig *rig = *state;
	const struct gp_rect whole = {0, 0, W, H};
	add_region(rig);
	assert_int_equal(rig_create_blob(rig, 10, SIZE, REGION_GPA + SIZE), OK);
	assert_int_equal(rig_create_2d(rig, 12, W, H), OK);
	assert_int_equal(rig_attach(rig, 12, REGION_GPA, SIZE), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 10, W, H), OK);
	assert_int_equal(rig_set_scanout(rig, 1, 12, W, H), OK);
	gp_gpu_memory_added(rig->gpu, rig->now_ns); // nothing was removed
	for (unsigned round = 0; round < 3; round++) {
		remove_region(rig);
		rig_forget_events(rig);
		gp_gpu_memory_added(rig->gpu, rig->now_ns); // other memory
		assert_int_equal(rig->n_events, 0);
		readd_region(rig);
		assert_int_equal(rig->n_events, 2);
		assert_int_equal(rig->events[0].kind, RIG_SET);
		assert_int_equal(rig->events[0].scanout, 0);
		assert_int_equal(rig->events[0].resource, 10);
		assert_int_equal(rig->events[1].kind, RIG_FLUSH);
		assert_memory_equal(&rig->events[1].damage, &whole, sizeof(whole));
		const struct gp_resource *blob = gp_gpu_find_resource(rig->gpu, 10);
		assert_true(blob->backed && !blob->lost);
		assert_int_equal(blob->backing.length, SIZE);
		assert_ptr_equal(blob->backing.items[0].object, rig->memory.regions[1]);
		assert_int_equal(blob->backing.items[0].offset, SIZE);
		struct virtio_gpu_transfer_to_host_2d transfer = wire_transfer(12, &whole, 0);
		assert_int_equal(RIG_COMMAND(rig, transfer), OK);
	}
	assert_int_equal(rig_set_scanout_blob(rig, 1, 10, W, H), OK);
	assert_int_equal(rig_attach(rig, 10, GPA, SIZE), UNSPEC); // it is backed
}

/* What the guest has done meanwhile counts. */
static void test_memory_returns_late(void **state) {
	struct rig *rig = *state;
	add_region(rig);
	assert_int_equal(rig_create_blob(rig, 10, SIZE, REGION_GPA), OK);
	assert_int_equal(rig_create_blob(rig, 11, SIZE, REGION_GPA), OK);
	assert_int_equal(rig_create_blob(rig, 12, SIZE, REGION_GPA), OK);
	assert_int_equal(rig_create_blob(rig, 13, SIZE, REGION_GPA), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 10, W, H), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 13, W, H), OK);
	remove_region(rig);
	assert_int_equal(rig_detach(rig, 10), OK);
	assert_int_equal(rig_attach(rig, 11, GPA, SIZE), OK);
	assert_int_equal(rig_unref(rig, 12), OK);
	assert_int_equal(rig_set_scanout(rig, 1, 0, 0, 0), OK);
	rig_forget_events(rig);
	readd_region(rig);
	assert_int_equal(rig->n_events, 0);
	assert_false(gp_gpu_find_resource(rig->gpu, 10)->backed);
	assert_ptr_equal(gp_gpu_find_resource(rig->gpu, 11)->backing.items[0].object,
		rig->memory.regions[0]);
	assert_true(gp_gpu_find_resource(rig->gpu, 13)->backed);
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

static void test_destroy_null(void **state) {
	gp_gpu_destroy(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, gpu_setup, gpu_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_wrong_queue),
		TEST(test_reply_header),
		TEST(test_interrupt),
		TEST(test_response_sizes),
		TEST(test_config),
		TEST(test_monitor_events),
		TEST(test_memory_removed),
		TEST(test_memory_removed_then_off),
		TEST(test_memory_returns),
		TEST(test_memory_returns_late),
		TEST(test_reset),
		cmocka_unit_test(test_destroy_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
