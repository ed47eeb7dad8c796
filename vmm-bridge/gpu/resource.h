#ifndef GP_VMM_BRIDGE_GPU_RESOURCE_H
#define GP_VMM_BRIDGE_GPU_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/format.h"
#include "common/rect.h"
#include "vmm-bridge/gpu/host_copy.h"
#include "vmm-bridge/virtio/guest_memory.h"

/**
 * Resources of the guest, by id. A 2D resource (RESOURCE_CREATE_2D) has a host copy, which is shown
 * and which TRANSFER_TO_HOST_2D writes. A blob resource has only the guest's memory.
 */

#define GP_RESOURCES_MAX 4096 // per guest
#define GP_RESOURCE_BYTES_MAX (1ull << 30) // of one host copy or blob
#define GP_RESOURCE_HOST_BYTES_MAX (2ull << 30) // of all host copies, with both halves
/* An 8K buffer, scattered over single pages, has 32400. QEMU's own device ends at 16384. */
#define GP_BACKING_ENTRIES_MAX 32768
/* Of all resources of a guest; 48 MiB of this process, enough for 8 GiB of scattered pages. */
#define GP_BACKING_EXTENTS_MAX (1u << 21)

/* A piece of the guest's memory, by its address. */
struct gp_backing_range {
	uint64_t gpa, length;
};

struct gp_resource {
	uint32_t id; // not 0
	bool blob;

	/* 2D only. */
	const struct gp_format *format;
	uint32_t width, height, stride;
	struct gp_host_copy host_copy;

	uint64_t size; // bytes of the blob, or of a half of the host copy
	bool backed;
	struct gp_extents backing; // the guest's memory, at least size bytes of it for blobs
	bool lost; // the guest sees it as backed, but its region left the table: not backed here
	struct gp_backing_range *ranges; // of a lost one: its backing; NULL: that is not known
	size_t n_ranges;
	uint32_t generation; // increases with each new backing

	/* Of the last whole TRANSFER, which is the size of a cursor in a blob (C5); 0: none. */
	uint32_t hint_width, hint_height;

	uint32_t slot; // in the saved state, 0: not saved
	void *outside; // of the implementation of gp_gpu_ops; NULL at first, NULL after revoke
};

/* Whether it can be shown: it has a host copy, or memory of the guest. */
static inline bool gp_resource_has_pixels(const struct gp_resource *resource) {
	return !resource->blob || resource->backed;
}

struct gp_resources {
	struct gp_resource **items; // sorted by id
	size_t count, capacity;
	uint64_t host_bytes; // of files of host copies
};

void gp_resources_finish(struct gp_resources *resources);
/* NULL if there is none. */
struct gp_resource *gp_resources_find(const struct gp_resources *resources, uint32_t id);
/**
 * Each returns NULL if a limit is reached or memory is short. The id must be free. The resource
 * belongs to the list.
 */
struct gp_resource *gp_resources_add_2d(struct gp_resources *resources, uint32_t id,
	const struct gp_format *format, uint32_t width, uint32_t height);
struct gp_resource *gp_resources_add_blob(
	struct gp_resources *resources, uint32_t id, uint64_t size);
/* Extents of the backing of all resources, and ranges of those that were lost. */
size_t gp_resources_extents(const struct gp_resources *resources);
/* Frees it; the memory must have been revoked before (outside is NULL). */
void gp_resources_remove(struct gp_resources *resources, struct gp_resource *resource);

/* Takes the extents, empties *extents, and counts the generation up. */
void gp_resource_attach(struct gp_resource *resource, struct gp_extents *extents);
/**
 * Drops the extents, and transfers that are not complete. The memory must have been revoked before
 * if it is a blob's.
 */
void gp_resource_detach(struct gp_resource *resource);
/* The same where the memory has left the table: where it was is remembered (B13). */
void gp_resource_lose(struct gp_resource *resource);
/**
 * Backs a lost resource with what is at the same addresses now. False, with no effect, if not all
 * of it is there, its addresses are not known, or it has more than extents_max extents.
 */
bool gp_resource_find_again(
	struct gp_resource *resource, const struct gp_guest_memory *memory, size_t extents_max);

/**
 * TRANSFER_TO_HOST_2D (virtio 1.3, 5.7.6.8): the rows of the rectangle, from the backing, at offset
 * for its top left pixel and with the resource's own stride, to the host copy; host_copy.h says
 * when. False if the rectangle or the range of the backing is outside, or the backing cannot be
 * read here; nothing is copied then. Only for 2D resources. *copied is the number of bytes that
 * were copied for an earlier one.
 */
bool gp_resource_transfer(struct gp_resource *resource, const struct gp_rect *rect, uint64_t offset,
	uint64_t *copied);
/**
 * Copies what earlier transfers want, as the backing is about to be detached, or the pixels are
 * read. Returns the number of bytes. Does nothing to blobs.
 */
uint64_t gp_resource_complete_transfers(struct gp_resource *resource);

#endif
