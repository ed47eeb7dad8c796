#include "vmm-bridge/gpu/host_copy.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/checked.h"
#include "common/fd.h"
#include "common/log.h"

uint64_t gp_host_copy_file_size(uint64_t size, unsigned *n_halves) {
	const uint64_t page = 4096;
	uint64_t half = (size + page - 1) / page * page;
	*n_halves = half <= GP_HOST_COPY_FILE_MAX / GP_HOST_COPY_HALVES ? GP_HOST_COPY_HALVES : 1;
	return *n_halves == 1 ? size : half * *n_halves;
}

bool gp_host_copy_init(
	struct gp_host_copy *copy, uint32_t width, uint32_t height, uint32_t stride, uint32_t bpp) {
	*copy = (struct gp_host_copy){
		.fd = -1,
		.width = width,
		.height = height,
		.stride = stride,
		.bpp = bpp,
	};
	/* Only the pages that are written exist: a half costs nothing until it is used. */
	copy->file_size = gp_host_copy_file_size((uint64_t)stride * height, &copy->n_halves);
	copy->half_size = copy->file_size / copy->n_halves;
	copy->fd = gp_memfd_create_sealed("guestpane-2d", copy->file_size);
	if (gp_fd_is_reserve(copy->fd)) {
		gp_fd_close(&copy->fd);
		errno = EMFILE;
	}
	if (copy->fd == -1) {
		gp_error_limited("memory file for a 2D resource: %m");
		return false;
	}
	void *map = mmap(NULL, copy->file_size, PROT_READ | PROT_WRITE, MAP_SHARED, copy->fd, 0);
	if (map == MAP_FAILED) {
		gp_error_limited("mmap of a 2D resource: %m");
		gp_fd_close(&copy->fd);
		return false;
	}
	copy->map = map;
	return true;
}

void gp_host_copy_finish(struct gp_host_copy *copy) {
	if (copy->map != NULL) {
		munmap(copy->map, copy->file_size);
	}
	gp_fd_close(&copy->fd);
}

static uint64_t offset_of(const struct gp_host_copy *copy, uint32_t x, uint32_t y) {
	return (uint64_t)y * copy->stride + (uint64_t)x * copy->bpp;
}

bool gp_host_copy_want(struct gp_host_copy *copy, const struct gp_rect *rect, uint64_t offset) {
	uint64_t base = offset - offset_of(copy, rect->x, rect->y);
	if (copy->wanted.n > 0 && copy->wanted_base != base) {
		return false;
	}
	copy->wanted_base = base;
	gp_rects_add(&copy->wanted, rect);
	return true;
}

/* A position in a list of extents. Rows are read in rising order, so it only moves forward. */
struct extent_walk {
	const struct gp_extents *extents;
	size_t index; // current extent
	uint64_t start; // of the current extent in the concatenation
};

/* The range must be inside, and not before the last one. */
static void walk_read(struct extent_walk *walk, uint64_t offset, uint8_t *out, uint64_t length) {
	while (length > 0) {
		const struct gp_extent *extent = &walk->extents->items[walk->index];
		uint64_t skip = offset - walk->start;
		if (skip >= extent->length) {
			walk->start += extent->length;
			walk->index++;
			continue;
		}
		uint64_t left = extent->length - skip;
		uint64_t part = left < length ? left : length;
		memcpy(out, extent->object->map + extent->offset + skip, part);
		out += part;
		offset += part;
		length -= part;
	}
}

/* Rows of a rectangle, or all of it as one where it has no gaps. */
struct rows {
	uint64_t first, length, stride; // bytes
	uint32_t n;
};

static struct rows rows_of(const struct gp_host_copy *copy, const struct gp_rect *rect) {
	struct rows rows = {
		.first = offset_of(copy, rect->x, rect->y),
		.length = (uint64_t)rect->width * copy->bpp,
		.stride = copy->stride,
		.n = rect->height,
	};
	if (rows.length == copy->stride) {
		rows.length *= rect->height;
		rows.n = 1;
	}
	return rows;
}

static uint64_t copy_missing(struct gp_host_copy *copy, unsigned half, const struct gp_rect *rect) {
	const uint8_t *from = gp_host_copy_pixels(copy);
	uint8_t *to = copy->map + half * copy->half_size;
	const struct rows rows = rows_of(copy, rect);
	for (uint32_t i = 0; i < rows.n; i++) {
		uint64_t at = rows.first + i * rows.stride;
		memcpy(to + at, from + at, rows.length);
	}
	return rows.length * rows.n;
}

/* A bounding box may have rows that the backing has not. */
static struct gp_rect clip(const struct gp_host_copy *copy, const struct gp_extents *backing,
	const struct gp_rect *rect) {
	struct gp_rect clipped = *rect;
	while (clipped.height > 0 &&
		!gp_range_inside(copy->wanted_base + offset_of(copy, clipped.x, clipped.y),
			(uint64_t)clipped.width * copy->bpp, backing->length)) {
		clipped.y++;
		clipped.height--;
	}
	while (clipped.height > 0 &&
		!gp_range_inside(copy->wanted_base +
				offset_of(copy, clipped.x, clipped.y + clipped.height - 1),
			(uint64_t)clipped.width * copy->bpp, backing->length)) {
		clipped.height--;
	}
	return clipped;
}

static uint64_t copy_wanted(struct gp_host_copy *copy, const struct gp_extents *backing,
	unsigned half, const struct gp_rect *rect) {
	uint8_t *to = copy->map + half * copy->half_size;
	const struct rows rows = rows_of(copy, rect);
	struct extent_walk walk = {.extents = backing};
	for (uint32_t i = 0; i < rows.n; i++) {
		uint64_t at = rows.first + i * rows.stride;
		walk_read(&walk, copy->wanted_base + at, to + at, rows.length);
	}
	return rows.length * rows.n;
}

uint64_t gp_host_copy_update(
	struct gp_host_copy *copy, const struct gp_extents *backing, unsigned half) {
	bool readable = copy->wanted.n > 0 && gp_extents_map(backing);
	struct gp_rects wanted = {0};
	for (size_t i = 0; readable && i < copy->wanted.n; i++) {
		struct gp_rect rect = clip(copy, backing, &copy->wanted.items[i]);
		gp_rects_add(&wanted, &rect);
	}
	copy->wanted.n = 0;
	uint64_t copied = 0;
	if (half != copy->current) {
		for (size_t i = 0; i < copy->missing.n; i++) {
			if (!gp_rects_contain(&wanted, &copy->missing.items[i])) {
				copied += copy_missing(copy, half, &copy->missing.items[i]);
			}
		}
		copy->missing.n = 0;
		copy->current = half;
	}
	for (size_t i = 0; i < wanted.n; i++) {
		copied += copy_wanted(copy, backing, half, &wanted.items[i]);
		gp_rects_add(&copy->missing, &wanted.items[i]);
	}
	if (wanted.n > 0) {
		struct gp_rect bounds = gp_rects_bounds(&wanted);
		copy->changed =
			copy->changed.width > 0 ? gp_rect_union(&copy->changed, &bounds) : bounds;
	}
	return copied;
}

struct gp_rect gp_host_copy_take_changed(struct gp_host_copy *copy) {
	struct gp_rect changed = copy->changed;
	copy->changed = (struct gp_rect){0};
	return changed;
}

uint8_t *gp_host_copy_pixels(const struct gp_host_copy *copy) {
	return copy->map + copy->current * copy->half_size;
}
