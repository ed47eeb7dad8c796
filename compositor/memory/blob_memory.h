#ifndef GP_COMPOSITOR_MEMORY_BLOB_MEMORY_H
#define GP_COMPOSITOR_MEMORY_BLOB_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "compositor/memory/import_failure.h"
#include "compositor/memory/mapping.h"
#include "compositor/memory/read_fence.h"

struct gp_quota;

/**
 * The memory of a blob: a file descriptor and, where the CPU reads it, one mapping. The blob holds
 * a reference, and so does each buffer that reads the memory: what is on a plane keeps the memory
 * after the blob was destroyed.
 */
struct gp_blob_memory {
	size_t n_refs;
	size_t n_users; // buffers that may read it
	int fd; // -1 once nothing reads it any more
	uint64_t size; // bytes that may be used, as the client said
	uint32_t kind; // enum guest_blob_v1_kind
	bool was_used; // it had a user, so it was checked, and a GPU may read it
	bool revoked;
	bool unused; // events.unused was emitted

	struct gp_mapping mapping;
	struct gp_quota *quota; // a reference

	struct wl_event_loop *loop;
	struct gp_import_failure failure; // why it cannot be read any more; no message: it can
	struct wl_event_source *failure_source; // events.revoke will be emitted
	struct gp_read_points read_points; // where GPUs have read it
	struct gp_read_fence fence; // it was revoked, has no users, and a GPU still reads it

	struct {
		/**
		 * The client takes the memory back, or it cannot be read any more. Users stop in
		 * the handler if they can.
		 */
		struct wl_signal revoke;
		/**
		 * It was revoked and nothing reads it any more, no GPU either; the fd is closed.
		 * Emitted once.
		 */
		struct wl_signal unused;
	} events;
};

/* Takes the fd, also on failure. Returns a reference, or NULL if memory is short. */
struct gp_blob_memory *gp_blob_memory_create(
	struct wl_event_loop *loop, int fd, uint64_t size, uint32_t kind, struct gp_quota *quota);
struct gp_blob_memory *gp_blob_memory_ref(struct gp_blob_memory *memory);
/* NULL is fine. */
void gp_blob_memory_unref(struct gp_blob_memory *memory);

/* Whether the fd is what the kind says, is large enough and cannot shrink. */
bool gp_blob_memory_check(const struct gp_blob_memory *memory, struct gp_import_failure *failure);
/**
 * Maps the whole memory for reading. It may be unmapped again when it is not read for long. Device
 * memory is not mapped: it may be slow, have side effects, and vanish.
 */
bool gp_blob_memory_map(struct gp_blob_memory *memory, struct gp_import_failure *failure);
/* Whether another compositor can have it as a wl_shm_pool without harm to us. */
bool gp_blob_memory_is_pool(const struct gp_blob_memory *memory);

/**
 * To be called around reading through the mapping. On failure the memory fails: there is a message
 * in memory->failure, and events.revoke is emitted later in this turn of the loop.
 */
bool gp_blob_memory_begin_read(struct gp_blob_memory *memory);
void gp_blob_memory_end_read(struct gp_blob_memory *memory);

/* For a buffer, from its creation to its destruction. A user holds a reference. */
void gp_blob_memory_add_user(struct gp_blob_memory *memory);
/* events.unused follows the last one of revoked memory. */
void gp_blob_memory_remove_user(struct gp_blob_memory *memory);

/* A renderer that attaches no fences has read it when the timeline reaches the point. */
void gp_blob_memory_add_read_point(
	struct gp_blob_memory *memory, struct wlr_drm_syncobj_timeline *timeline, uint64_t point);
/**
 * Waits until the GPUs have read what they read of it now, as gp_read_fence_wait. What the CPU
 * reads has been read.
 */
bool gp_blob_memory_wait_read(struct gp_blob_memory *memory, struct gp_read_fence *fence);

/* Once only. events.unused follows, perhaps before this returns. The caller holds a reference. */
void gp_blob_memory_revoke(struct gp_blob_memory *memory);
/**
 * To be called when it is known that nobody will read the memory, whatever users there are: if it
 * was revoked, it is unused once the GPUs have read it.
 */
void gp_blob_memory_end_use(struct gp_blob_memory *memory);

#endif
