#ifndef GP_COMPOSITOR_MEMORY_BLOB_MEMORY_H
#define GP_COMPOSITOR_MEMORY_BLOB_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_quota;

/**
 * Why a buffer was not imported, as in guest_blob_v1.failed.
 */
struct gp_import_failure {
	uint32_t reason; // enum guest_blob_v1_failure
	uint32_t stride; // the wanted one, or 0
	char message[160];
};

void gp_import_failure_set(struct gp_import_failure *failure, uint32_t reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * The memory of a blob: a file descriptor and, where the CPU reads it, one mapping. The blob and
 * its buffers hold references; what is on a plane keeps the memory although the blob has gone.
 */
struct gp_blob_memory {
	size_t n_refs;
	int fd; // -1 after it was given up
	uint64_t size; // bytes that may be used, as the client said
	uint32_t kind; // enum guest_blob_v1_kind
	bool revoked;
	bool is_unused; // events.unused was emitted

	const uint8_t *data; // NULL if not mapped
	size_t n_mapped;
	struct gp_quota *quota;

	struct wl_list buffers; // gp_guest_buffer.link

	struct {
		/* The memory was revoked and nothing uses it any more. Emitted once. */
		struct wl_signal unused;
	} events;
};

/* Takes the fd, also if it fails. Returns a reference, or NULL if memory is short. */
struct gp_blob_memory *gp_blob_memory_create(
	int fd, uint64_t size, uint32_t kind, struct gp_quota *quota);
struct gp_blob_memory *gp_blob_memory_ref(struct gp_blob_memory *memory);
void gp_blob_memory_unref(struct gp_blob_memory *memory);

/* Whether the fd is what the kind says, is large enough and cannot shrink. */
bool gp_blob_memory_check(const struct gp_blob_memory *memory, struct gp_import_failure *failure);
/* Maps the whole memory for reading. Does nothing the second time. */
bool gp_blob_memory_map(struct gp_blob_memory *memory, struct gp_import_failure *failure);
/* Whether it can be given to another compositor as a wl_shm_pool without harm to us. */
bool gp_blob_memory_is_pool(const struct gp_blob_memory *memory);

/* To be called around reading through the mapping. */
void gp_blob_memory_begin_read(struct gp_blob_memory *memory);
void gp_blob_memory_end_read(struct gp_blob_memory *memory);

/* Takes the memory away from its buffers; events.unused follows, perhaps before this returns. */
void gp_blob_memory_revoke(struct gp_blob_memory *memory);
/**
 * Nobody reads the memory, although there may be locks on its buffers: it is unused if it was
 * revoked.
 */
void gp_blob_memory_end_use(struct gp_blob_memory *memory);
/* For a buffer that has left the list. */
void gp_blob_memory_handle_buffer_removed(struct gp_blob_memory *memory);

#endif
