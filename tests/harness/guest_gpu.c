#include "tests/harness/guest_gpu.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/virtio_gpu.h>

#include "tests/harness/gpu_wire.h"

#define QUEUE_CONTROL 0
#define QUEUE_CURSOR 1
#define TIMEOUT_MS 2000
#define PAGE 4096u

static int64_t now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the used entry of one head. */
static bool wait_head(
	struct fe *fe, unsigned queue, int head, void *in, size_t size, uint32_t *written) {
	int64_t end = now_ms() + TIMEOUT_MS;
	for (int64_t now = now_ms(); now < end; now = now_ms()) {
		int got = fe_wait_used(fe, queue, in, size, written, (int)(end - now));
		if (got == head) {
			return true;
		}
		if (got < 0) {
			return false;
		}
	}
	return false;
}

uint32_t gg_command(struct fe *fe, const void *cmd, size_t size, void *resp, size_t resp_size) {
	uint32_t written = 0;
	int head = fe_submit(fe, QUEUE_CONTROL, cmd, size, resp_size);
	if (head < 0 || !wait_head(fe, QUEUE_CONTROL, head, resp, resp_size, &written)) {
		return 0;
	}
	struct virtio_gpu_ctrl_hdr hdr;
	if (written < sizeof(hdr) || resp_size < sizeof(hdr)) {
		return 0;
	}
	memcpy(&hdr, resp, sizeof(hdr));
	return le32toh(hdr.type);
}

int gg_send(struct fe *fe, const void *cmd, size_t size) {
	return fe_submit(fe, QUEUE_CONTROL, cmd, size, sizeof(struct virtio_gpu_ctrl_hdr));
}

static uint32_t command(struct fe *fe, const void *cmd, size_t size) {
	struct virtio_gpu_ctrl_hdr hdr;
	return gg_command(fe, cmd, size, &hdr, sizeof(hdr));
}

/* A command with a table behind it. */
static uint32_t command_with_entries(struct fe *fe, const void *fixed, size_t size,
	const struct virtio_gpu_mem_entry *entries, uint32_t n_entries) {
	size_t table = n_entries * sizeof(*entries);
	uint8_t *bytes = malloc(size + table);
	if (bytes == NULL) {
		return 0;
	}
	memcpy(bytes, fixed, size);
	if (table > 0) {
		memcpy(bytes + size, entries, table);
	}
	uint32_t type = command(fe, bytes, size + table);
	free(bytes);
	return type;
}

static struct virtio_gpu_mem_entry *page_entries(const uint64_t *gpas, uint32_t n_pages) {
	struct virtio_gpu_mem_entry *entries = calloc(n_pages + 1, sizeof(*entries));
	for (uint32_t i = 0; entries != NULL && i < n_pages; i++) {
		entries[i] = wire_entry(gpas[i], PAGE);
	}
	return entries;
}

/* An entry has 32 bits of length; whole pages. */
#define ENTRY_MAX UINT64_C(0xfffff000)

/* Cuts a range into entries. The caller frees them. */
static struct virtio_gpu_mem_entry *range_entries(
	uint64_t gpa, uint64_t size, uint32_t *n_entries) {
	*n_entries = (uint32_t)((size + ENTRY_MAX - 1) / ENTRY_MAX);
	struct virtio_gpu_mem_entry *entries = calloc(*n_entries + 1, sizeof(*entries));
	for (uint32_t i = 0; entries != NULL && i < *n_entries; i++) {
		uint64_t part = size < ENTRY_MAX ? size : ENTRY_MAX;
		entries[i] = wire_entry(gpa, (uint32_t)part);
		gpa += part;
		size -= part;
	}
	return entries;
}

uint32_t gg_create_2d(struct fe *fe, uint32_t id, uint32_t format, uint32_t w, uint32_t h) {
	struct virtio_gpu_resource_create_2d wire = wire_create_2d(id, format, w, h);
	return command(fe, &wire, sizeof(wire));
}

static uint32_t attach_entries(
	struct fe *fe, uint32_t id, struct virtio_gpu_mem_entry *entries, uint32_t n_entries) {
	struct virtio_gpu_resource_attach_backing wire = wire_attach(id, n_entries);
	uint32_t type = entries == NULL
		? 0
		: command_with_entries(fe, &wire, sizeof(wire), entries, n_entries);
	free(entries);
	return type;
}

uint32_t gg_attach(struct fe *fe, uint32_t id, uint64_t gpa, uint64_t size) {
	uint32_t n_entries;
	struct virtio_gpu_mem_entry *entries = range_entries(gpa, size, &n_entries);
	return attach_entries(fe, id, entries, n_entries);
}

uint32_t gg_attach_pages(struct fe *fe, uint32_t id, const uint64_t *gpas, uint32_t n_pages) {
	return attach_entries(fe, id, page_entries(gpas, n_pages), n_pages);
}

uint32_t gg_detach(struct fe *fe, uint32_t id) {
	/* Linux fences it and waits (B9). */
	struct virtio_gpu_resource_unref wire =
		wire_id(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, id, id);
	return command(fe, &wire, sizeof(wire));
}

uint32_t gg_unref(struct fe *fe, uint32_t id) {
	struct virtio_gpu_resource_unref wire = wire_id(VIRTIO_GPU_CMD_RESOURCE_UNREF, id, 0);
	return command(fe, &wire, sizeof(wire));
}

uint32_t gg_transfer(struct fe *fe, uint32_t id, const struct gp_rect *rect, uint64_t offset) {
	struct virtio_gpu_transfer_to_host_2d wire = wire_transfer(id, rect, offset);
	return command(fe, &wire, sizeof(wire));
}

uint32_t gg_set_scanout(struct fe *fe, uint32_t scanout, uint32_t id, const struct gp_rect *rect) {
	struct virtio_gpu_set_scanout wire = wire_set_scanout(scanout, id, rect);
	return command(fe, &wire, sizeof(wire));
}

static uint32_t create_blob_entries(struct fe *fe, uint32_t id, uint64_t size,
	struct virtio_gpu_mem_entry *entries, uint32_t n_entries) {
	struct virtio_gpu_resource_create_blob wire = wire_create_blob(id, size, n_entries);
	uint32_t type = entries == NULL
		? 0
		: command_with_entries(fe, &wire, sizeof(wire), entries, n_entries);
	free(entries);
	return type;
}

uint32_t gg_create_blob(struct fe *fe, uint32_t id, uint64_t size, struct gg_blob *blob) {
	uint64_t pages = (size + PAGE - 1) / PAGE * PAGE;
	*blob = (struct gg_blob){.id = id, .gpa = fe_alloc(fe, pages), .size = size};
	if (blob->gpa == 0) {
		return 0;
	}
	blob->pixels = fe_ptr(fe, blob->gpa);
	uint32_t n_entries;
	struct virtio_gpu_mem_entry *entries = range_entries(blob->gpa, pages, &n_entries);
	return create_blob_entries(fe, id, size, entries, n_entries);
}

uint32_t gg_create_blob_pages(
	struct fe *fe, uint32_t id, uint64_t size, const uint64_t *gpas, uint32_t n_pages) {
	return create_blob_entries(fe, id, size, page_entries(gpas, n_pages), n_pages);
}

uint32_t gg_set_scanout_blob(struct fe *fe, uint32_t scanout, uint32_t id, uint32_t w, uint32_t h) {
	struct virtio_gpu_set_scanout_blob wire = wire_set_scanout_blob(scanout, id, w, h);
	return command(fe, &wire, sizeof(wire));
}

uint32_t gg_flush(struct fe *fe, uint32_t id, const struct gp_rect *rect, bool fence) {
	static uint64_t last_fence_id;
	uint64_t fence_id = fence ? ++last_fence_id : 0;
	struct virtio_gpu_resource_flush wire = wire_flush(id, rect, fence_id);
	return command(fe, &wire, sizeof(wire));
}

static bool cursor_command(struct fe *fe, const struct virtio_gpu_update_cursor *wire) {
	uint8_t nothing;
	uint32_t written;
	int head = fe_submit(fe, QUEUE_CURSOR, wire, sizeof(*wire), 0);
	return head >= 0 && wait_head(fe, QUEUE_CURSOR, head, &nothing, 0, &written);
}

bool gg_cursor(struct fe *fe, uint32_t scanout, uint32_t id, int32_t x, int32_t y, uint32_t hot_x,
	uint32_t hot_y) {
	struct virtio_gpu_update_cursor wire =
		wire_cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, scanout, id, x, y, hot_x, hot_y);
	return cursor_command(fe, &wire);
}

bool gg_move_cursor(struct fe *fe, uint32_t scanout, int32_t x, int32_t y) {
	struct virtio_gpu_update_cursor wire =
		wire_cursor(VIRTIO_GPU_CMD_MOVE_CURSOR, scanout, 0, x, y, 0, 0);
	return cursor_command(fe, &wire);
}

void gg_fill(uint32_t *pixels, uint32_t stride_px, const struct gp_rect *rect, uint32_t color) {
	for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
		for (uint32_t x = rect->x; x < rect->x + rect->width; x++) {
			pixels[(size_t)y * stride_px + x] = color;
		}
	}
}
