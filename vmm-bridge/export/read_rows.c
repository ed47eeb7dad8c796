#include "vmm-bridge/export/read_rows.h"

#include <string.h>

#include "common/checked.h"
#include "vmm-bridge/export/device_read.h"
#include "vmm-bridge/virtio/guest_memory.h"

/* A position in a list of extents. It only moves forward, so that rows do not search from the start. */
struct extent_reader {
	const struct gp_extents *extents;
	size_t index;
	uint64_t start; // of the extent at index, in the concatenation
};

/**
 * The bytes at offset in this process, how many follow, and whether they are a device's; NULL for
 * memory that is not mapped.
 */
static const uint8_t *reader_seek(
	struct extent_reader *reader, uint64_t offset, uint64_t *available, bool *device) {
	const struct gp_extents *extents = reader->extents;
	while (reader->index < extents->count &&
		offset - reader->start >= extents->items[reader->index].length) {
		reader->start += extents->items[reader->index].length;
		reader->index++;
	}
	*available = 0;
	if (reader->index == extents->count) {
		return NULL;
	}
	const struct gp_extent *extent = &extents->items[reader->index];
	const struct gp_memory_object *object = extent->object;
	uint64_t inside = offset - reader->start;
	*available = extent->length - inside;
	*device = object->kind == GP_MEMORY_VFIO;
	if (object->map == NULL || !gp_range_inside(extent->offset, extent->length, object->size)) {
		return NULL;
	}
	return object->map + extent->offset + inside;
}

/* Copies [start, end), in bytes of the concatenated extents, to the same place of the copy. */
static uint64_t copy_range(
	struct extent_reader *reader, uint8_t *copy, uint64_t start, uint64_t end) {
	uint64_t copied = 0;
	while (start < end) {
		uint64_t available;
		bool device;
		const uint8_t *bytes = reader_seek(reader, start, &available, &device);
		if (available == 0) {
			break;
		}
		uint64_t length = end - start < available ? end - start : available;
		if (bytes != NULL && device) {
			gp_device_read(copy + start, bytes, length);
		} else if (bytes != NULL) {
			memcpy(copy + start, bytes, length);
		}
		copied += bytes != NULL ? length : 0;
		start += length;
	}
	return copied;
}

uint64_t gp_extents_read_rows(const struct gp_extents *extents, uint8_t *copy, uint64_t size,
	uint64_t offset, uint64_t stride, uint32_t x_bytes, uint32_t width_bytes, uint32_t y,
	uint32_t height) {
	if (width_bytes > stride) {
		width_bytes = stride; // rows do not overlap: the reader moves forward only
	}
	gp_extents_map(extents); // what cannot be mapped is left out
	uint64_t limit = size < extents->length ? size : extents->length;
	struct extent_reader reader = {.extents = extents};
	uint64_t copied = 0;
	for (uint32_t row = 0; row < height && width_bytes > 0; row++) {
		uint64_t start, end;
		if (!gp_mul_u64((uint64_t)y + row, stride, &start) ||
			!gp_add_u64(start, offset, &start) || !gp_add_u64(start, x_bytes, &start) ||
			!gp_add_u64(start, width_bytes, &end) || start >= limit) {
			break;
		}
		copied += copy_range(&reader, copy, start, end < limit ? end : limit);
	}
	return copied;
}

/* Rows that are the same between others that are not: as near, they are one rectangle. */
#define GAP_MAX 8

static bool is_same(const uint8_t *copy, const uint8_t *bytes, uint64_t length, bool device) {
	uint8_t part[4096];
	while (device && length > 0) {
		uint64_t n = length < sizeof(part) ? length : sizeof(part);
		gp_device_read(part, bytes, n);
		if (memcmp(copy, part, n) != 0) {
			return false;
		}
		copy += n;
		bytes += n;
		length -= n;
	}
	return length == 0 || memcmp(copy, bytes, length) == 0;
}

/* [start, end) is in bytes of the concatenated extents, and inside of them. */
static bool is_same_range(
	struct extent_reader *reader, const uint8_t *copy, uint64_t start, uint64_t end) {
	while (start < end) {
		uint64_t available;
		bool device;
		const uint8_t *bytes = reader_seek(reader, start, &available, &device);
		uint64_t length = end - start < available ? end - start : available;
		if (bytes == NULL || !is_same(copy + start, bytes, length, device)) {
			return false;
		}
		start += length;
	}
	return true;
}

void gp_extents_find_changes(const struct gp_extents *extents, const uint8_t *copy, uint64_t size,
	uint64_t offset, uint64_t stride, uint32_t bpp, const struct gp_rect *rect,
	struct gp_rects *changed) {
	uint64_t limit = size < extents->length ? size : extents->length;
	uint64_t first, length = (uint64_t)rect->width * bpp;
	if (!gp_extents_map(extents) || length == 0 || rect->height == 0 || length > stride ||
		!gp_mul_u64(rect->y, stride, &first) || !gp_add_u64(first, offset, &first) ||
		!gp_add_u64(first, (uint64_t)rect->x * bpp, &first) ||
		!gp_range_inside(first, length, limit) ||
		(limit - first - length) / stride < rect->height - 1) {
		gp_rects_add(changed, rect);
		return;
	}
	struct extent_reader reader = {.extents = extents};
	struct gp_rect run = {.x = rect->x, .width = rect->width};
	for (uint32_t row = 0; row < rect->height; row++) {
		uint64_t start = first + row * stride;
		if (is_same_range(&reader, copy, start, start + length)) {
			continue;
		}
		uint32_t y = rect->y + row;
		if (run.height > 0 && y - (run.y + run.height) > GAP_MAX) {
			gp_rects_add(changed, &run);
			run.height = 0;
		}
		run.y = run.height > 0 ? run.y : y;
		run.height = y + 1 - run.y;
	}
	gp_rects_add(changed, &run);
}
