#ifndef GP_COMPOSITOR_MEMORY_MAPPING_H
#define GP_COMPOSITOR_MEMORY_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "compositor/memory/fault_guard.h"

struct gp_import_failure;
struct gp_quota;

/**
 * A client's memory, mapped so that the CPU can read it.
 *
 * Reading makes nothing resident that the client has not written: where a memory file has a hole,
 * zeros are mapped instead, until it has none. And what is mapped is bounded: a client's mappings
 * that were not read for longest end when another one needs the room. So a mapping may move or end
 * between two reads, and gp_mapping_map comes before each.
 */
struct gp_mapping {
	const uint8_t *data; // NULL: not mapped
	size_t size; // bytes, whole pages
	/* What the file had not when it was looked at last: zeros are mapped there. */
	struct gp_hole {
		int64_t start, end; // bytes
	} *holes; // NULL: it had all
	size_t n_holes;
	uint64_t n_hole_bytes; // at most
	size_t n_pieces; // the file, and each of its holes
	size_t n_readers;
	int64_t n_blocks; // of the file (struct stat) when it was mapped last
	struct gp_quota *quota; // not owned
	struct wl_list link; // gp_quota.mappings, while it is mapped
	struct gp_fault_guard guard;
};

void gp_mapping_init(struct gp_mapping *mapping, struct gp_quota *quota);
/**
 * Maps the first bytes of a memory file (which may have holes) or a dma-buf, unless they are mapped
 * as they are now. Does nothing while it is read.
 */
bool gp_mapping_map(struct gp_mapping *mapping, int fd, uint64_t size, bool has_holes,
	struct gp_import_failure *failure);
/* Does nothing if it is not mapped. Nobody may read it. */
void gp_mapping_unmap(struct gp_mapping *mapping);

/* Around reads of a mapping that is mapped. Reads may overlap. */
void gp_mapping_begin_read(struct gp_mapping *mapping);
/* Returns false if the memory was not there: what was read are zeros. */
bool gp_mapping_end_read(struct gp_mapping *mapping);

#endif
