#include "compositor/memory/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/limits.h"
#include "compositor/memory/import_failure.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-enum.h"

void gp_mapping_init(struct gp_mapping *mapping, struct gp_quota *quota) {
	*mapping = (struct gp_mapping){.quota = quota};
}

void gp_mapping_unmap(struct gp_mapping *mapping) {
	if (mapping->data == NULL) {
		return;
	}
	gp_fault_guard_remove(&mapping->guard);
	munmap((void *)mapping->data, mapping->size);
	wl_list_remove(&mapping->link);
	mapping->quota->n_mapped -= mapping->size;
	mapping->quota->n_hole_bytes -= mapping->n_hole_bytes;
	mapping->quota->n_pieces -= mapping->n_pieces;
	mapping->n_hole_bytes = 0;
	mapping->n_pieces = 0;
	mapping->data = NULL;
	free(mapping->holes);
	mapping->holes = NULL;
}

static struct gp_mapping *find_oldest(const struct gp_quota *quota) {
	struct gp_mapping *mapping;
	wl_list_for_each_reverse (mapping, &quota->mappings, link) {
		if (mapping->n_readers == 0) {
			return mapping;
		}
	}
	return NULL;
}

/* Ends what was not read for longest until there is room. */
static bool make_room(struct gp_quota *quota, uint64_t size, uint64_t n_hole_bytes) {
	while (size > GP_MAPPED_PER_CLIENT_MAX - quota->n_mapped ||
		n_hole_bytes > GP_HOLE_BYTES_PER_CLIENT_MAX - quota->n_hole_bytes ||
		quota->n_pieces + GP_HOLES_PER_FILE_MAX >= GP_PIECES_PER_CLIENT_MAX) {
		struct gp_mapping *oldest =
			size <= GP_MAPPED_PER_CLIENT_MAX ? find_oldest(quota) : NULL;
		if (oldest == NULL) {
			return false;
		}
		gp_mapping_unmap(oldest);
	}
	return true;
}

static void *map_zeros(void *data, size_t size) {
	return mmap(data, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
		-1, 0);
}

static bool add_hole(struct gp_hole *holes, size_t *n, int64_t start, int64_t end) {
	if (*n == GP_HOLES_PER_FILE_MAX) {
		errno = E2BIG;
		return false;
	}
	holes[(*n)++] = (struct gp_hole){start, end};
	return true;
}

/* Maps what of a hole has become data, and adds what has not. */
static bool fill_hole(struct gp_mapping *mapping, int fd, const struct gp_hole *hole,
	struct gp_hole *holes, size_t *n) {
	int64_t page = getpagesize();
	int64_t at = hole->start;
	while (at < hole->end) {
		int64_t start = lseek(fd, at, SEEK_DATA);
		if (start < 0 && errno != ENXIO) {
			return false;
		}
		start = start < 0 || start > hole->end ? hole->end : start & -page;
		if (start > at && !add_hole(holes, n, at, start)) {
			return false;
		}
		if (start == hole->end) {
			break;
		}
		int64_t end = lseek(fd, start, SEEK_HOLE);
		if (end < 0) {
			return false;
		}
		end = end > hole->end ? hole->end : (end + page - 1) & -page;
		if (mmap((void *)(mapping->data + start), end - start, PROT_READ,
			    MAP_SHARED | MAP_FIXED, fd, start) == MAP_FAILED) {
			return false;
		}
		at = end;
	}
	return true;
}

static bool fill_holes(struct gp_mapping *mapping, int fd) {
	struct gp_hole holes[GP_HOLES_PER_FILE_MAX];
	size_t n = 0;
	for (size_t i = 0; i < mapping->n_holes; i++) {
		if (!fill_hole(mapping, fd, &mapping->holes[i], holes, &n)) {
			return false;
		}
	}
	if (n > 0) {
		memcpy(mapping->holes, holes, n * sizeof(holes[0]));
	}
	mapping->n_holes = n;
	return true;
}

/* Nobody reads before there are zeros in the holes. */
static bool map_file(struct gp_mapping *mapping, int fd, size_t size, bool sparse) {
	void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED) {
		return false;
	}
	mapping->data = data;
	mapping->n_holes = 0;
	if (!sparse) {
		return true;
	}
	if (mapping->holes == NULL) {
		mapping->holes = calloc(GP_HOLES_PER_FILE_MAX, sizeof(mapping->holes[0]));
	}
	if (mapping->holes == NULL) {
		errno = ENOMEM;
		goto err_map;
	}
	if (map_zeros(data, size) == MAP_FAILED) {
		goto err_map;
	}
	mapping->holes[mapping->n_holes++] = (struct gp_hole){0, (int64_t)size};
	if (!fill_holes(mapping, fd)) {
		goto err_map;
	}
	return true;

err_map:
	mapping->data = NULL;
	int saved = errno;
	munmap(data, size);
	free(mapping->holes);
	mapping->holes = NULL;
	errno = saved;
	return false;
}

static void count(struct gp_mapping *mapping, uint64_t n_hole_bytes) {
	struct gp_quota *quota = mapping->quota;
	quota->n_hole_bytes += n_hole_bytes - mapping->n_hole_bytes;
	quota->n_pieces += mapping->n_holes + 1 - mapping->n_pieces;
	mapping->n_hole_bytes = n_hole_bytes;
	mapping->n_pieces = mapping->n_holes + 1;
}

static void set_failure(struct gp_import_failure *failure) {
	switch (errno) {
	case ENOMEM:
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_NO_MEMORY,
			"the CPU cannot map this memory: %s", strerror(errno));
		break;
	case E2BIG:
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_BAD_MEMORY,
			"the memory file has more than %d holes; allocate it (posix_fallocate)",
			GP_HOLES_PER_FILE_MAX);
		break;
	default:
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_KIND,
			"the CPU cannot map this memory: %s", strerror(errno));
	}
}

static void touch(struct gp_mapping *mapping) {
	wl_list_remove(&mapping->link);
	wl_list_insert(&mapping->quota->mappings, &mapping->link);
}

/* Whether the file, as it is now, may be mapped at all. */
static bool check_file(const struct gp_mapping *mapping, const struct stat *info,
	uint64_t n_hole_bytes, struct gp_import_failure *failure) {
	if (info->st_blocks < mapping->n_blocks) {
		/* Else each read could make resident anew what the client gives up. */
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_BAD_MEMORY,
			"holes were punched into the memory file");
		return false;
	}
	if (n_hole_bytes > GP_HOLE_BYTES_PER_CLIENT_MAX) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_BAD_MEMORY,
			"more than %llu MiB of the memory file are holes; allocate them "
			"(posix_fallocate)",
			(unsigned long long)GP_HOLE_BYTES_PER_CLIENT_MAX >> 20);
		return false;
	}
	return true;
}

bool gp_mapping_map(struct gp_mapping *mapping, int fd, uint64_t size, bool has_holes,
	struct gp_import_failure *failure) {
	struct stat info = {0};
	if (mapping->data != NULL && mapping->n_readers > 0) {
		return true;
	}
	if (has_holes && fstat(fd, &info) != 0) {
		set_failure(failure);
		return false;
	}
	int64_t page = getpagesize();
	/* A huge page at the end, beyond the size, is split when memory is short: that is no hole. */
	int64_t all_blocks = (info.st_size + page - 1) / page * page / 512;
	info.st_blocks = info.st_blocks < all_blocks ? info.st_blocks : all_blocks;
	uint64_t mapped_size = (size + (uint64_t)page - 1) / (uint64_t)page * (uint64_t)page;
	/* Of the whole file, of which the blob may be a part. */
	int64_t missing = info.st_size - info.st_blocks * 512;
	uint64_t n_hole_bytes = missing <= 0      ? 0
		: (uint64_t)missing < mapped_size ? (uint64_t)missing
						  : mapped_size;
	if (!check_file(mapping, &info, n_hole_bytes, failure)) {
		return false;
	}
	if (mapping->data != NULL) {
		if (info.st_blocks > mapping->n_blocks && !fill_holes(mapping, fd)) {
			set_failure(failure);
			return false;
		}
		mapping->n_blocks = info.st_blocks;
		count(mapping, n_hole_bytes);
		touch(mapping);
		return true;
	}

	if (!make_room(mapping->quota, mapped_size, n_hole_bytes)) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_NO_MEMORY,
			"too much memory of the client is mapped");
		return false;
	}
	if (!map_file(mapping, fd, mapped_size, n_hole_bytes > 0)) {
		set_failure(failure);
		return false;
	}
	mapping->size = mapped_size;
	mapping->n_blocks = info.st_blocks;
	mapping->quota->n_mapped += mapped_size;
	count(mapping, n_hole_bytes);
	wl_list_insert(&mapping->quota->mappings, &mapping->link);
	gp_fault_guard_add(&mapping->guard, mapping->data, mapped_size);
	return true;
}

void gp_mapping_begin_read(struct gp_mapping *mapping) {
	mapping->n_readers++;
}

bool gp_mapping_end_read(struct gp_mapping *mapping) {
	mapping->n_readers--;
	return !mapping->guard.hit;
}
