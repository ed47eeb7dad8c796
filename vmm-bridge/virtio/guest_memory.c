#include "vmm-bridge/virtio/guest_memory.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/checked.h"
#include "common/fd.h"
#include "common/sigbus.h"

bool gp_memory_object_guard(const struct gp_memory_object *object) {
	return gp_sigbus_guard(object->mapping, object->mapping_size, (size_t)getpagesize());
}

struct gp_memory_object *gp_memory_object_ref(struct gp_memory_object *object) {
	object->refs++;
	return object;
}

void gp_memory_object_unref(struct gp_memory_object *object) {
	if (object == NULL || --object->refs > 0) {
		return;
	}
	if (object->mapping != NULL) {
		gp_sigbus_unguard(object->mapping);
		munmap(object->mapping, object->mapping_size);
	}
	gp_fd_close(&object->fd);
	free(object);
}

int gp_memory_object_map(struct gp_memory_object *object) {
	if (object->map_func != NULL) {
		return object->map_func(object, object->map_data);
	}
	return object->map != NULL ? 0 : -ENODEV;
}

bool gp_extents_append(struct gp_extents *extents, struct gp_memory_object *object, uint64_t offset,
	uint64_t length) {
	uint64_t sum;
	if (!gp_add_u64(extents->length, length, &sum)) {
		return false;
	}
	if (extents->count > 0) {
		struct gp_extent *last = &extents->items[extents->count - 1];
		if (last->object == object && last->offset + last->length == offset) {
			last->length += length;
			extents->length = sum;
			return true;
		}
	}
	if (extents->count == extents->capacity) {
		size_t capacity = extents->capacity == 0 ? 8 : extents->capacity * 2;
		struct gp_extent *items =
			reallocarray(extents->items, capacity, sizeof(extents->items[0]));
		if (items == NULL) {
			return false;
		}
		extents->items = items;
		extents->capacity = capacity;
	}
	extents->items[extents->count++] = (struct gp_extent){
		.object = gp_memory_object_ref(object),
		.offset = offset,
		.length = length,
	};
	extents->length = sum;
	return true;
}

void gp_extents_finish(struct gp_extents *extents) {
	for (size_t i = 0; i < extents->count; i++) {
		gp_memory_object_unref(extents->items[i].object);
	}
	free(extents->items);
	*extents = (struct gp_extents){0};
}

bool gp_extents_use(const struct gp_extents *extents, const struct gp_memory_object *object) {
	for (size_t i = 0; i < extents->count; i++) {
		if (extents->items[i].object == object) {
			return true;
		}
	}
	return false;
}

bool gp_extents_map(const struct gp_extents *extents) {
	const struct gp_memory_object *last = NULL;
	bool mapped = true;
	for (size_t i = 0; i < extents->count; i++) {
		struct gp_memory_object *object = extents->items[i].object;
		mapped = (object == last || gp_memory_object_map(object) == 0) && mapped;
		last = object;
	}
	return mapped;
}

bool gp_extents_read(
	const struct gp_extents *extents, uint64_t offset, void *out, uint64_t length) {
	if (!gp_range_inside(offset, length, extents->length)) {
		return false;
	}
	uint8_t *bytes = out;
	for (size_t i = 0; i < extents->count && length > 0; i++) {
		const struct gp_extent *extent = &extents->items[i];
		if (offset >= extent->length) {
			offset -= extent->length;
			continue;
		}
		uint64_t n = extent->length - offset;
		if (n > length) {
			n = length;
		}
		if (extent->object->map != NULL) {
			memcpy(bytes, extent->object->map + extent->offset + offset, n);
		} else {
			memset(bytes, 0, n);
		}
		bytes += n;
		length -= n;
		offset = 0;
	}
	return true;
}

void gp_guest_memory_init(struct gp_guest_memory *memory) {
	memory->count = 0;
	memory->resolve = NULL;
	memory->resolve_data = NULL;
}

void gp_guest_memory_finish(struct gp_guest_memory *memory) {
	for (size_t i = 0; i < memory->count; i++) {
		memory->regions[i]->removed = true;
		gp_memory_object_unref(memory->regions[i]);
	}
	memory->count = 0;
}

/* The index of the first region that ends after gpa; count if there is none. */
static size_t first_after(const struct gp_guest_memory *memory, uint64_t gpa) {
	size_t low = 0, high = memory->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct gp_memory_object *region = memory->regions[middle];
		if (region->gpa + region->size <= gpa) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* The unit in which the file can be mapped: its huge page, or a page. */
static int file_page_size(int fd, size_t *page_size) {
	struct statfs fs;
	if (fstatfs(fd, &fs) != 0) {
		return -errno;
	}
	*page_size = fs.f_type == HUGETLBFS_MAGIC ? (size_t)fs.f_bsize : (size_t)getpagesize();
	return 0;
}

static int check_region(int fd, uint64_t gpa, uint64_t uva, uint64_t size, uint64_t file_offset) {
	uint64_t end;
	if (size == 0 || !gp_add_u64(gpa, size, &end) || !gp_add_u64(uva, size, &end) ||
		!gp_add_u64(file_offset, size, &end)) {
		return -EINVAL;
	}
	struct stat st;
	if (fstat(fd, &st) != 0) {
		return -errno;
	}
	// A device (/dev/dax, VFIO) has no size; mmap itself checks there.
	if (S_ISREG(st.st_mode) && (st.st_size < 0 || end > (uint64_t)st.st_size)) {
		return -EINVAL;
	}
	return 0;
}

/* Maps the region. A huge page cannot be mapped in part, so the mapping may begin earlier. */
static int object_map(struct gp_memory_object *object) {
	size_t page_size = 0;
	int err = file_page_size(object->fd, &page_size);
	if (err != 0) {
		return err;
	}
	uint64_t before = object->file_offset & (page_size - 1);
	uint64_t size;
	if (!gp_add_u64(object->size, before + page_size - 1, &size)) {
		return -EINVAL;
	}
	size &= ~(uint64_t)(page_size - 1);
	void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		object->fd, (off_t)(object->file_offset - before));
	if (mapping == MAP_FAILED) {
		return -errno;
	}
	if (!gp_sigbus_guard(mapping, size, page_size)) {
		munmap(mapping, size);
		return -ENOSPC;
	}
	/* The guest's secrets, and so much that a crash would take minutes. */
	madvise(mapping, size, MADV_DONTDUMP);
	object->mapping = mapping;
	object->mapping_size = size;
	object->map = (uint8_t *)mapping + before;
	return 0;
}

static int memory_insert(struct gp_guest_memory *memory, struct gp_memory_object *object) {
	size_t at = first_after(memory, object->gpa);
	if (at < memory->count && memory->regions[at]->gpa < object->gpa + object->size) {
		return -EEXIST;
	}
	if (memory->count == GP_MEMORY_REGIONS_MAX) {
		return -ENOSPC;
	}
	memmove(&memory->regions[at + 1], &memory->regions[at],
		(memory->count - at) * sizeof(memory->regions[0]));
	memory->regions[at] = object;
	memory->count++;
	return 0;
}

int gp_guest_memory_add(struct gp_guest_memory *memory, int fd, uint64_t gpa, uint64_t uva,
	uint64_t size, uint64_t file_offset) {
	int err = check_region(fd, gpa, uva, size, file_offset);
	if (err != 0) {
		gp_fd_close(&fd);
		return err;
	}
	struct gp_memory_object *object = calloc(1, sizeof(*object));
	if (object == NULL) {
		gp_fd_close(&fd);
		return -ENOMEM;
	}
	*object = (struct gp_memory_object){
		.refs = 1,
		.kind = GP_MEMORY_FILE,
		.fd = fd,
		.gpa = gpa,
		.uva = uva,
		.size = size,
		.file_offset = file_offset,
	};
	err = object_map(object);
	if (err == 0) {
		err = memory_insert(memory, object);
	}
	if (err != 0) {
		gp_memory_object_unref(object);
	}
	return err;
}

struct gp_memory_object *gp_guest_memory_take(
	struct gp_guest_memory *memory, uint64_t gpa, uint64_t uva, uint64_t size) {
	size_t at = first_after(memory, gpa);
	if (at == memory->count) {
		return NULL;
	}
	struct gp_memory_object *object = memory->regions[at];
	if (object->gpa != gpa || object->uva != uva || object->size != size) {
		return NULL;
	}
	memory->count--;
	memmove(&memory->regions[at], &memory->regions[at + 1],
		(memory->count - at) * sizeof(memory->regions[0]));
	object->removed = true;
	return object;
}

/**
 * A walk over the pieces of a range: *at is the region of the next piece, *gpa and *length what is
 * left. Returns false if the next byte is in no region.
 */
static bool next_piece(const struct gp_guest_memory *memory, size_t *at, uint64_t *gpa,
	uint64_t *length, struct gp_extent *piece) {
	if (*at == memory->count || *gpa < memory->regions[*at]->gpa) {
		return false;
	}
	piece->object = memory->regions[*at];
	piece->offset = *gpa - piece->object->gpa;
	piece->length = piece->object->size - piece->offset;
	if (piece->length > *length) {
		piece->length = *length;
	}
	*gpa += piece->length;
	*length -= piece->length;
	*at += 1;
	return true;
}

static bool range_valid(uint64_t gpa, uint64_t length) {
	uint64_t end;
	return length > 0 && gp_add_u64(gpa, length, &end);
}

int gp_guest_memory_map(const struct gp_guest_memory *memory, uint64_t gpa, uint64_t length,
	struct iovec *iov, size_t max) {
	if (!range_valid(gpa, length)) {
		return -EINVAL;
	}
	size_t at = first_after(memory, gpa);
	size_t n = 0;
	while (length > 0) {
		struct gp_extent piece;
		if (!next_piece(memory, &at, &gpa, &length, &piece)) {
			return -EFAULT;
		}
		if (n == max) {
			return -E2BIG;
		}
		iov[n].iov_base = piece.object->map + piece.offset;
		iov[n].iov_len = piece.length;
		n++;
	}
	return (int)n;
}

/* A range that is in no region: memory of a device. */
static int resolve_extent(const struct gp_guest_memory *memory, uint64_t gpa, uint64_t length,
	struct gp_extents *extents) {
	struct gp_memory_object *object;
	uint64_t offset;
	if (memory->resolve == NULL ||
		memory->resolve(memory->resolve_data, gpa, length, &object, &offset) != 0) {
		return -EFAULT;
	}
	bool ok = gp_extents_append(extents, object, offset, length);
	gp_memory_object_unref(object);
	return ok ? 0 : -ENOMEM;
}

int gp_guest_memory_extents(const struct gp_guest_memory *memory, uint64_t gpa, uint64_t length,
	struct gp_extents *extents) {
	if (!range_valid(gpa, length)) {
		return -EINVAL;
	}
	size_t at = first_after(memory, gpa);
	while (length > 0) {
		struct gp_extent piece;
		if (!next_piece(memory, &at, &gpa, &length, &piece)) {
			return resolve_extent(memory, gpa, length, extents);
		}
		if (!gp_extents_append(extents, piece.object, piece.offset, piece.length)) {
			return -ENOMEM;
		}
	}
	return 0;
}

void *gp_guest_memory_from_uva(
	const struct gp_guest_memory *memory, uint64_t uva, uint64_t length) {
	for (size_t i = 0; i < memory->count; i++) {
		const struct gp_memory_object *region = memory->regions[i];
		if (uva >= region->uva &&
			gp_range_inside(uva - region->uva, length, region->size)) {
			return region->map + (uva - region->uva);
		}
	}
	return NULL;
}
