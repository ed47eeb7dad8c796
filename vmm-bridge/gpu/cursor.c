#include "vmm-bridge/gpu/cursor.h"

#include <string.h>

#include "common/checked.h"

#define CURSOR_BYTES (GP_CURSOR_SIZE * GP_CURSOR_SIZE * sizeof(uint32_t))

/* The layout of a cursor in memory: rows of 32-bit pixels. */
struct source {
	uint64_t width, height; // pixels
	uint64_t stride; // bytes
};

/*
 * A blob holds 64×64 pixels, unless it has another size than that and the last transfer, which
 * Linux sends before each new cursor, had the true one (C5).
 */
static struct source blob_source(const struct gp_resource *resource) {
	struct source source = {.width = GP_CURSOR_SIZE, .height = GP_CURSOR_SIZE};
	uint64_t hinted = (uint64_t)resource->hint_width * resource->hint_height;
	if (resource->size != CURSOR_BYTES && hinted != 0 &&
		hinted <= resource->size / sizeof(uint32_t)) {
		source.width = resource->hint_width;
		source.height = resource->hint_height;
	}
	source.stride = source.width * sizeof(uint32_t);
	return source;
}

static bool read_row(
	const struct gp_resource *resource, uint64_t offset, void *out, uint64_t length) {
	if (resource->blob) {
		return gp_extents_read(&resource->backing, offset, out, length);
	}
	memcpy(out, gp_host_copy_pixels(&resource->host_copy) + offset, length);
	return true;
}

/* Reads the top left 64×64 pixels, with what is missing left transparent. */
static bool read_pixels(const struct gp_resource *resource, uint32_t *pixels) {
	struct source source = {resource->width, resource->height, resource->stride};
	if (resource->blob) {
		source = blob_source(resource);
	}
	uint64_t width = source.width < GP_CURSOR_SIZE ? source.width : GP_CURSOR_SIZE;
	uint64_t rows = source.height < GP_CURSOR_SIZE ? source.height : GP_CURSOR_SIZE;
	uint64_t row_bytes = width * sizeof(uint32_t);
	if (!gp_range_inside(0, source.stride * (rows - 1) + row_bytes, resource->size)) {
		return false;
	}
	memset(pixels, 0, CURSOR_BYTES);
	for (uint64_t row = 0; row < rows; row++) {
		uint32_t *out = pixels + row * GP_CURSOR_SIZE;
		if (!read_row(resource, row * source.stride, out, row_bytes)) {
			return false;
		}
	}
	return true;
}

static uint32_t clamp_hotspot(uint32_t value) {
	return value < GP_CURSOR_SIZE ? value : GP_CURSOR_SIZE - 1;
}

static void show(struct gp_gpu_call *call, const void *pixels, uint32_t hot_x, uint32_t hot_y) {
	struct gp_gpu *gpu = call->gpu;
	uint32_t scanout = call->command.cursor.scanout;
	gpu->ops->cursor_set(gpu->data, scanout, pixels, hot_x, hot_y);
	gp_saved_state_cursor(&gpu->saved_state, scanout, pixels, hot_x, hot_y);
}

static uint32_t set_pixels(struct gp_gpu_call *call, uint32_t id) {
	struct gp_resource *resource = gp_gpu_call_resource(call, id);
	if (resource == NULL) {
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	}
	if (!gp_resource_has_pixels(resource)) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
			"resource %u is without memory", id);
	}
	if (!gp_extents_map(&resource->backing)) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_UNSPEC,
			"resource %u is in device memory that cannot be read", id);
	}
	call->gpu->copied += gp_resource_complete_transfers(resource);
	uint32_t pixels[GP_CURSOR_SIZE * GP_CURSOR_SIZE];
	if (!read_pixels(resource, pixels)) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			"resource %u has %llu bytes, too few for a cursor", id,
			(unsigned long long)resource->size);
	}
	show(call, pixels, clamp_hotspot(call->command.cursor.hot_x),
		clamp_hotspot(call->command.cursor.hot_y));
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t move(struct gp_gpu_call *call) {
	struct gp_gpu *gpu = call->gpu;
	uint32_t scanout = call->command.cursor.scanout;
	int32_t x = call->command.cursor.x, y = call->command.cursor.y;
	gpu->ops->cursor_move(gpu->data, scanout, x, y);
	gp_saved_state_cursor_move(&gpu->saved_state, scanout, x, y);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static bool scanout_exists(struct gp_gpu_call *call) {
	if (call->command.cursor.scanout < call->gpu->displays.count) {
		return true;
	}
	gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, "no scanout %u",
		call->command.cursor.scanout);
	return false;
}

uint32_t gp_gpu_update_cursor(struct gp_gpu_call *call) {
	uint32_t id = call->command.cursor.resource;
	if (!scanout_exists(call)) {
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	}
	if (id == 0) {
		show(call, NULL, 0, 0);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	/* The position first: the new cursor must not be seen at the old one. */
	move(call);
	return set_pixels(call, id);
}

uint32_t gp_gpu_move_cursor(struct gp_gpu_call *call) {
	if (!scanout_exists(call)) {
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	}
	return move(call);
}

void gp_gpu_reset_cursors(struct gp_gpu *gpu) {
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		gpu->ops->cursor_set(gpu->data, i, NULL, 0, 0);
	}
}
