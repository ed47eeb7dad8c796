#include "vmm-bridge/gpu/restore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/log.h"
#include "tests/unit/saved_state_cases.h"

static uint32_t on_scanout(const struct rig *rig, uint32_t scanout) {
	struct gp_gpu_scanout_info info;
	gp_gpu_get_scanout_info(rig->gpu, scanout, &info);
	return info.resource_id;
}

static void add_region(struct rig *rig) {
	int fd = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, OTHER_SIZE), 0);
	assert_int_equal(
		gp_guest_memory_add(&rig->memory, fd, OTHER_GPA, OTHER_GPA, OTHER_SIZE, 0), 0);
}

static void take_region(struct rig *rig) {
	gp_memory_object_unref(
		gp_guest_memory_take(&rig->memory, OTHER_GPA, OTHER_GPA, OTHER_SIZE));
}

static void test_empty(void **state) {
	struct rig *rig = *state;
	assert_true(take_over(rig));
	assert_int_equal(rig->n_events, 0);
	assert_int_equal(get_info(rig).n_resources, 0);
}

static void test_too_small(void **state) {
	struct rig *rig = rig_create(1);
	uint8_t area[64] = {0};
	assert_false(gp_gpu_set_saved_state(rig->gpu, area, sizeof(area)));
	assert_int_equal(rig_create_2d(rig, 1, W, H), OK);
	assert_false(gp_gpu_restore(rig->gpu, rig->now_ns)); // there is none
	rig_destroy(rig);
}

static void test_resources(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_2d(rig, 1, W, H), OK);
	assert_int_equal(rig_create_2d(rig, 2, W, H), OK);
	assert_int_equal(rig_attach(rig, 2, GPA, SIZE), OK);
	assert_int_equal(rig_create_blob(rig, 3, SIZE, GPA + SIZE), OK);
	assert_int_equal(rig_create_blob(rig, 4, SIZE, 0), OK);
	assert_int_equal(attach_pages(rig, 4, GPA + 4 * SIZE, PAGES), OK);
	assert_int_equal(rig_create_blob(rig, 5, SIZE, GPA + SIZE), OK);
	assert_int_equal(rig_detach(rig, 5), OK);
	assert_true(take_over(rig));
	assert_int_equal(get_info(rig).n_resources, 5);
	assert_int_equal(get_info(rig).host_bytes, 2 * 2 * SIZE);
	assert_int_equal(get_info(rig).guest_errors, 0);
	for (uint32_t id = 1; id <= 5; id++) {
		const struct gp_resource *resource = gp_gpu_find_resource(rig->gpu, id);
		assert_non_null(resource);
		assert_int_equal(resource->blob, id >= 3);
		assert_int_equal(resource->size, SIZE);
		assert_int_equal(resource->backed, id >= 2 && id <= 4);
		assert_false(resource->lost);
	}
	const struct gp_resource *copied = gp_gpu_find_resource(rig->gpu, 1);
	assert_int_equal(copied->format->virtio, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	assert_int_equal(copied->width, W);
	assert_int_equal(copied->height, H);
	const struct gp_resource *blob = gp_gpu_find_resource(rig->gpu, 3);
	assert_int_equal(blob->backing.items[0].offset, SIZE);
	check_pages(rig, 4, GPA + 4 * SIZE, PAGES);
	/* And the guest can use them. */
	assert_int_equal(rig_attach(rig, 1, GPA, SIZE), OK);
	assert_int_equal(rig_detach(rig, 4), OK);
	assert_int_equal(rig_unref(rig, 3), OK);
	assert_true(take_over(rig));
	assert_true(gp_gpu_find_resource(rig->gpu, 1)->backed);
	assert_false(gp_gpu_find_resource(rig->gpu, 4)->backed);
	assert_null(gp_gpu_find_resource(rig->gpu, 3));
}

static void test_blob_layout(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, 4 * SIZE, GPA), OK);
	struct virtio_gpu_set_scanout_blob wire = wire_set_scanout_blob(1, 1, W, H);
	const struct gp_rect rect = {8, 4, 32, 16};
	wire.r = wire_rect(&rect);
	wire.strides[0] = htole32(W * 8);
	wire.offsets[0] = htole32(PAGE);
	wire.format = htole32(VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM);
	assert_int_equal(RIG_COMMAND(rig, wire), OK);
	const struct gp_framebuffer fb = rig_event(rig, RIG_SET, 0)->fb;
	assert_true(take_over(rig));
	const struct rig_event *set = rig_event(rig, RIG_SET, 0);
	assert_non_null(set);
	assert_int_equal(set->scanout, 1);
	assert_int_equal(set->resource, 1);
	assert_int_equal(set->fb.stride, W * 8);
	assert_memory_equal(&set->fb, &fb, sizeof(fb));
	const struct rig_event *flush = rig_event(rig, RIG_FLUSH, 0);
	assert_non_null(flush);
	assert_int_equal(flush->scanout, 1);
	assert_memory_equal(&flush->damage, &rect, sizeof(rect));
	assert_int_equal(rig_count(rig, RIG_FLUSH), 1);
	assert_int_equal(rig->n_pushes, 2);
	/* The next frame is a frame like any other. */
	rig_forget_events(rig);
	uint16_t head = rig_flush(rig, 1, W, H, 7);
	rig_advance(rig, rig->now_ns + 100000000);
	assert_int_equal(rig_type(rig, head), OK);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 1);
}

/* An even number of flips leaves not a byte behind. */
static void test_flips(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_int_equal(rig_create_blob(rig, 2, SIZE, GPA + SIZE), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 2, W, H), OK);
	uint8_t *before = malloc(rig->area_size);
	assert_non_null(before);
	memcpy(before, rig->area, rig->area_size);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(rig_set_scanout_blob(rig, 0, 1 + i % 2, W, H), OK);
		rig_flush(rig, 1 + i % 2, W, H, 0);
	}
	assert_memory_equal(before, rig->area, rig->area_size);
	free(before);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	assert_true(take_over(rig));
	assert_int_equal(on_scanout(rig, 0), 1);
	assert_int_equal(on_scanout(rig, 1), 0);
	assert_int_equal(rig_count(rig, RIG_SET), 1);
	/* Nor is what was taken away put back. */
	assert_int_equal(rig_set_scanout_blob(rig, 0, 0, W, H), OK);
	assert_true(take_over(rig));
	assert_int_equal(on_scanout(rig, 0), 0);
	assert_int_equal(rig->n_events, 0);
}

static void test_cycles(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_int_equal(rig_create_blob(rig, 2, SIZE, 0), OK);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t gpa = GPA + (1 + i % 16) * 4 * SIZE;
		assert_int_equal(attach_pages(rig, 2, gpa, 2 + i % 7), OK);
		assert_int_equal(rig_detach(rig, 2), OK);
	}
	assert_int_equal(attach_pages(rig, 2, GPA + 8 * SIZE, 7), OK);
	const struct gp_saved_state_area *area = rig->area;
	assert_true(area->used <= 64);
	assert_true(take_over(rig));
	check_pages(rig, 2, GPA + 8 * SIZE, 7);
	assert_int_equal(gp_gpu_find_resource(rig->gpu, 1)->backing.items[0].offset, 0);
}

/* Backings that stay are moved to make room, again and again. */
static void test_compaction(void **state) {
	struct rig *rig = *state;
	uint64_t places[8] = {0};
	for (uint32_t id = 1; id <= 7; id++) {
		assert_int_equal(rig_create_blob(rig, id, PAGE, 0), OK);
	}
	srand(1);
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t id = 1 + (uint32_t)rand() % 7;
		if (places[id] != 0) {
			assert_int_equal(rig_detach(rig, id), OK);
		}
		places[id] = GPA + (uint64_t)(rand() % 1000) * 2 * PAGE;
		assert_int_equal(attach_pages(rig, id, places[id], 2 + id), OK); // 42 of 64
		if (i % 100 == 0) {
			assert_true(take_over(rig));
			for (uint32_t j = 1; j <= 7; j++) {
				if (places[j] != 0) {
					check_pages(rig, j, places[j], 2 + j);
				}
			}
		}
	}
}

static void test_full(void **state) {
	struct rig *rig = *state;
	for (uint32_t id = 1; id <= 3; id++) {
		assert_int_equal(rig_create_blob(rig, id, SIZE, 0), OK);
		assert_int_equal(attach_pages(rig, id, GPA + id * 32 * SIZE, 30), OK);
	}
	assert_int_equal(rig_set_scanout_blob(rig, 0, 3, W, H), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 1, W, H), OK);
	assert_int_equal(get_info(rig).guest_errors, 0);
	assert_false(take_over(rig));
	assert_int_equal(get_info(rig).guest_errors, 0);
	check_pages(rig, 1, GPA + 32 * SIZE, 30);
	check_pages(rig, 2, GPA + 64 * SIZE, 30);
	assert_true(gp_gpu_find_resource(rig->gpu, 3)->lost);
	/* The other scanout is there; this one is as after the removal of its memory (B8). */
	assert_int_equal(rig_count(rig, RIG_SET), 1);
	assert_int_equal(on_scanout(rig, 0), 3);
	assert_int_equal(rig_detach(rig, 3), OK);
	assert_int_equal(rig_detach(rig, 2), OK);
	assert_int_equal(attach_pages(rig, 3, GPA, 30), OK);
	assert_int_equal(rig_count(rig, RIG_SET), 2);
	assert_int_equal(rig_event(rig, RIG_SET, 1)->resource, 3);
	assert_true(take_over(rig));
	check_pages(rig, 1, GPA + 32 * SIZE, 30);
	check_pages(rig, 3, GPA, 30);
}

/* As many resources as a guest may have. */
static void test_many(void **state) {
	struct rig *rig = *state;
	for (uint32_t id = 1; id <= GP_RESOURCES_MAX; id++) {
		assert_int_equal(rig_create_blob(rig, id, SIZE, 0), OK);
	}
	for (uint32_t id = 1; id <= GP_RESOURCES_MAX; id += 2) {
		assert_int_equal(rig_unref(rig, id), OK);
		assert_int_equal(rig_create_blob(rig, GP_RESOURCES_MAX + id, 2 * SIZE, 0), OK);
	}
	assert_true(take_over(rig));
	assert_int_equal(get_info(rig).n_resources, GP_RESOURCES_MAX);
	assert_int_equal(gp_gpu_find_resource(rig->gpu, 2)->size, SIZE);
	assert_int_equal(gp_gpu_find_resource(rig->gpu, GP_RESOURCES_MAX + 3)->size, 2 * SIZE);
}

/* What has the same id later is another thing. */
static void test_unref(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	assert_int_equal(rig_unref(rig, 1), OK);
	assert_true(take_over(rig));
	assert_int_equal(get_info(rig).n_resources, 0);
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_true(take_over(rig));
	assert_int_equal(get_info(rig).n_resources, 1);
	assert_int_equal(on_scanout(rig, 0), 0);
	assert_int_equal(rig_count(rig, RIG_SET), 0);
}

static void test_reset(void **state) {
	struct rig *rig = *state;
	uint32_t pixels = GP_CURSOR_SIZE * GP_CURSOR_SIZE * 4;
	assert_int_equal(rig_create_blob(rig, 1, pixels, GPA), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	struct virtio_gpu_update_cursor wire =
		wire_cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 1, 0, 0, 0, 0);
	rig_send(rig, GP_GPU_QUEUE_CURSOR, &wire, sizeof(wire), 0);
	gp_gpu_reset(rig->gpu);
	assert_true(take_over(rig));
	assert_int_equal(get_info(rig).n_resources, 0);
	assert_int_equal(rig->n_events, 0);
}

static void test_2d_content(void **state) {
	struct rig *rig = *state;
	for (uint32_t i = 0; i < SIZE; i++) {
		rig->ram[i] = (uint8_t)(i * 7 + i / 256);
	}
	assert_int_equal(rig_create_2d(rig, 1, W, H), OK);
	assert_int_equal(rig_attach(rig, 1, GPA, SIZE), OK);
	assert_int_equal(rig_create_2d(rig, 2, W, H), OK);
	assert_int_equal(rig_attach(rig, 2, GPA, SIZE / 2 + 5), OK); // the guest may have less
	assert_int_equal(rig_set_scanout(rig, 0, 1, W, H), OK);
	assert_true(take_over(rig));
	struct gp_resource *whole = gp_gpu_find_resource(rig->gpu, 1);
	assert_memory_equal(gp_host_copy_pixels(&whole->host_copy), rig->ram, SIZE);
	struct gp_resource *half = gp_gpu_find_resource(rig->gpu, 2);
	const uint8_t nothing[SIZE / 2] = {0};
	assert_memory_equal(gp_host_copy_pixels(&half->host_copy), nothing, SIZE / 2);
	gp_resource_complete_transfers(half); // nobody needed it: the VM may be paused
	const uint8_t *pixels = gp_host_copy_pixels(&half->host_copy);
	assert_memory_equal(pixels, rig->ram, SIZE / 2);
	assert_memory_equal(pixels + SIZE / 2, nothing, SIZE / 2);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 1);
	assert_int_equal(rig_event(rig, RIG_FLUSH, 0)->damage.height, H);
	/* As scanouts do: without alpha. */
	assert_string_equal(rig_event(rig, RIG_SET, 0)->fb.format->name, "XR24");
	assert_int_equal(get_info(rig).transferred, 0);
}

/* The cursor stays as it was, whatever has become of its resource. */
static void test_cursor(void **state) {
	struct rig *rig = *state;
	uint32_t pixels[GP_CURSOR_SIZE * GP_CURSOR_SIZE];
	for (uint32_t i = 0; i < GP_CURSOR_SIZE * GP_CURSOR_SIZE; i++) {
		pixels[i] = i * 0x10203;
	}
	memcpy(rig->ram, pixels, sizeof(pixels));
	assert_int_equal(rig_create_blob(rig, 1, sizeof(pixels), GPA), OK);
	struct virtio_gpu_update_cursor wire =
		wire_cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 1, 10, 20, 3, 99);
	rig_send(rig, GP_GPU_QUEUE_CURSOR, &wire, sizeof(wire), 0);
	wire = wire_cursor(VIRTIO_GPU_CMD_MOVE_CURSOR, 1, 0, -5, 77, 0, 0);
	rig_send(rig, GP_GPU_QUEUE_CURSOR, &wire, sizeof(wire), 0);
	assert_int_equal(rig_unref(rig, 1), OK);
	memset(rig->ram, 0, sizeof(pixels));
	memset(rig->cursor, 0, sizeof(rig->cursor));
	assert_true(take_over(rig));
	assert_int_equal(rig->n_events, 2);
	assert_int_equal(rig->events[0].kind, RIG_CURSOR_MOVE);
	assert_int_equal(rig->events[0].scanout, 1);
	assert_int_equal(rig->events[0].x, -5);
	assert_int_equal(rig->events[0].y, 77);
	assert_int_equal(rig->events[1].kind, RIG_CURSOR_SET);
	assert_int_equal(rig->events[1].scanout, 1);
	assert_true(rig->events[1].visible);
	assert_int_equal(rig->events[1].hot_x, 3);
	assert_int_equal(rig->events[1].hot_y, GP_CURSOR_SIZE - 1);
	assert_memory_equal(rig->cursor, pixels, sizeof(pixels));
	wire = wire_cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 0, 0, 0, 0, 0);
	rig_send(rig, GP_GPU_QUEUE_CURSOR, &wire, sizeof(wire), 0);
	assert_true(take_over(rig));
	assert_int_equal(rig->n_events, 0);
}

static void test_hint(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	const struct gp_rect whole = {0, 0, 24, 25}, part = {1, 0, 5, 5};
	struct virtio_gpu_transfer_to_host_2d wire = wire_transfer(1, &whole, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), OK);
	wire = wire_transfer(1, &part, 0);
	assert_int_equal(RIG_COMMAND(rig, wire), OK);
	assert_true(take_over(rig));
	assert_int_equal(gp_gpu_find_resource(rig->gpu, 1)->hint_width, 24);
	assert_int_equal(gp_gpu_find_resource(rig->gpu, 1)->hint_height, 25);
	/* A resource that takes the place of another does not take its hint. */
	assert_int_equal(rig_unref(rig, 1), OK);
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_true(take_over(rig));
	assert_int_equal(gp_gpu_find_resource(rig->gpu, 1)->hint_width, 0);
}

static struct virtio_gpu_resp_display_info get_displays(struct rig *rig) {
	struct virtio_gpu_ctrl_hdr wire = wire_hdr(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0);
	struct virtio_gpu_resp_display_info info = {0};
	uint16_t head = rig_send(rig, GP_GPU_QUEUE_CONTROL, &wire, sizeof(wire), sizeof(info));
	memcpy(&info, rig->replies[head].own, rig->replies[head].written);
	return info;
}

static uint32_t get_events(const struct rig *rig) {
	uint32_t events;
	gp_gpu_get_config(rig->gpu, 0, sizeof(events), (uint8_t *)&events);
	return le32toh(events);
}

/* The guest does not see its monitors change; the compositor sends the same ones later. */
static void test_monitors(void **state) {
	struct rig *rig = *state;
	const struct gp_monitor big = {.modes = {{2560, 1440, 75000}}, .n_modes = 1, .model = "B"};
	const struct gp_monitor small = {.modes = {{800, 600, 60000}}, .n_modes = 1};
	gp_gpu_set_monitor(rig->gpu, 0, &small);
	gp_gpu_set_monitor(rig->gpu, 1, &big);
	struct virtio_gpu_resp_display_info before = get_displays(rig);
	uint32_t clear = htole32(VIRTIO_GPU_EVENT_DISPLAY);
	/* Nor does it miss a change that it has not seen. */
	assert_true(take_over(rig));
	assert_int_equal(get_events(rig), VIRTIO_GPU_EVENT_DISPLAY);
	assert_int_equal(rig_count(rig, RIG_CONFIG), 1);
	gp_gpu_set_config(rig->gpu, offsetof(struct virtio_gpu_config, events_clear), sizeof(clear),
		(uint8_t *)&clear);
	gp_gpu_reset(rig->gpu);
	assert_true(take_over(rig));
	struct virtio_gpu_resp_display_info after = get_displays(rig);
	assert_memory_equal(&before, &after, sizeof(before));
	gp_gpu_set_monitor(rig->gpu, 0, &small);
	gp_gpu_set_monitor(rig->gpu, 1, &big);
	assert_int_equal(get_events(rig), 0);
	assert_int_equal(rig_count(rig, RIG_CONFIG), 0);
	gp_gpu_set_monitor(rig->gpu, 0, NULL);
	assert_true(take_over(rig));
	struct gp_gpu_scanout_info info;
	gp_gpu_get_scanout_info(rig->gpu, 0, &info);
	assert_false(info.connected);
	gp_gpu_get_scanout_info(rig->gpu, 1, &info);
	assert_true(info.connected);
	assert_int_equal(info.mode.refresh_mhz, 75000);
}

/* RAM was being moved when the process crashed (B13). */
static void test_memory_returns(void **state) {
	struct rig *rig = *state;
	add_region(rig);
	assert_int_equal(rig_create_blob(rig, 1, SIZE, 0), OK);
	assert_int_equal(attach_pages(rig, 1, OTHER_GPA, SIZE / 4096), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	take_region(rig);
	assert_false(take_over(rig));
	assert_int_equal(rig_count(rig, RIG_SET), 0);
	add_region(rig);
	gp_gpu_memory_added(rig->gpu, rig->now_ns);
	assert_true(gp_gpu_find_resource(rig->gpu, 1)->backed);
	assert_int_equal(rig_count(rig, RIG_SET), 1);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 1);
	assert_true(take_over(rig)); // and the saved state has it as before
	assert_int_equal(rig_count(rig, RIG_FLUSH), 1);
}

static void test_missing_memory(void **state) {
	struct rig *rig = *state;
	add_region(rig);
	assert_int_equal(rig_create_blob(rig, 1, SIZE, OTHER_GPA), OK);
	assert_int_equal(rig_create_2d(rig, 2, W, H), OK);
	assert_int_equal(rig_attach(rig, 2, OTHER_GPA, SIZE), OK);
	assert_int_equal(rig_create_blob(rig, 3, SIZE, GPA), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 1, 3, W, H), OK);
	take_region(rig);
	assert_false(take_over(rig));
	assert_int_equal(get_info(rig).n_resources, 3);
	assert_int_equal(get_info(rig).guest_errors, 0);
	assert_true(gp_gpu_find_resource(rig->gpu, 1)->lost);
	assert_true(gp_gpu_find_resource(rig->gpu, 2)->lost);
	assert_int_equal(rig_count(rig, RIG_SET), 1);
	assert_int_equal(rig_event(rig, RIG_SET, 0)->resource, 3);
	assert_int_equal(rig_type(rig, rig_flush(rig, 1, W, H, 1)), OK);
	/* The guest moves its buffer, and says no more than FLUSH (B8). */
	assert_int_equal(rig_detach(rig, 1), OK);
	assert_int_equal(rig_attach(rig, 1, GPA + SIZE, SIZE), OK);
	rig_forget_events(rig);
	rig_flush(rig, 1, W, H, 0);
	assert_int_equal(rig_count(rig, RIG_FLUSH), 1);
	/* Next time the region is there. */
	add_region(rig);
	assert_true(take_over(rig));
	assert_true(gp_gpu_find_resource(rig->gpu, 2)->backed);
	assert_int_equal(gp_gpu_find_resource(rig->gpu, 1)->backing.items[0].offset, SIZE);
}

/* A crash while one takes over, and one after that. */
static void test_again(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_int_equal(rig_create_2d(rig, 2, W, H), OK);
	assert_int_equal(rig_attach(rig, 2, GPA, SIZE), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	assert_int_equal(rig_set_scanout(rig, 1, 2, W, H), OK);
	uint8_t *before = malloc(rig->area_size);
	assert_non_null(before);
	memcpy(before, rig->area, rig->area_size);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(take_over(rig));
		assert_memory_equal(before, rig->area, rig->area_size);
		assert_int_equal(rig_count(rig, RIG_SET), 2);
		assert_int_equal(rig_count(rig, RIG_FLUSH), 2);
	}
	free(before);
}

/* The reply to a command was not sent, so it comes again. */
static void test_no_reply(void **state) {
	struct rig *rig = *state;
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	rig->owe_release = true;
	uint16_t head = rig_flush(rig, 1, W, H, 1);
	assert_int_equal(rig_type(rig, head), 0);
	assert_true(take_over(rig));
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), BAD_ID);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	head = rig_flush(rig, 1, W, H, 1);
	rig_advance(rig, rig->now_ns + 100000000);
	assert_int_equal(rig_type(rig, head), OK);
}

static void test_torn(void **state) {
	struct rig *rig = *state;
	struct gp_saved_state_area *area = rig->area;
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_int_equal(rig_set_scanout_blob(rig, 0, 1, W, H), OK);
	area->moving = 1;
	assert_false(take_over(rig));
	assert_int_equal(get_info(rig).n_resources, 0);
	assert_int_equal(rig->n_events, 0);
	/* It is of use again at once. */
	assert_int_equal(rig_create_blob(rig, 1, SIZE, GPA), OK);
	assert_true(take_over(rig));
	assert_int_equal(get_info(rig).n_resources, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		cmocka_unit_test(test_too_small),
		TEST(test_resources),
		TEST(test_blob_layout),
		TEST(test_flips),
		TEST(test_cycles),
		TEST(test_compaction),
		TEST(test_full),
		TEST(test_many),
		TEST(test_unref),
		TEST(test_reset),
		TEST(test_2d_content),
		TEST(test_cursor),
		TEST(test_hint),
		TEST(test_monitors),
		TEST(test_memory_returns),
		TEST(test_missing_memory),
		TEST(test_again),
		TEST(test_no_reply),
		TEST(test_torn),
	};
	gp_log_init("test", GP_LOG_SILENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
