#ifndef GP_COMPOSITOR_MEMORY_QUOTA_H
#define GP_COMPOSITOR_MEMORY_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wl_client;

/**
 * The most that clients may use. The protocol guarantees minima of some.
 */
#define GP_GUESTS_MAX 64
#define GP_GUESTS_PER_CLIENT_MAX 8
#define GP_BLOBS_PER_CLIENT_MAX 4096
#define GP_BUFFERS_PER_BLOB_MAX 64
#define GP_BLOB_SIZE_MAX (UINT64_C(1) << 32)
#define GP_MAPPED_PER_CLIENT_MAX (UINT64_C(1) << 36)

/**
 * What one client uses. It is reference counted: memory on a plane may outlive the client.
 */
struct gp_quota {
	size_t n_refs;
	size_t n_guests;
	size_t n_blobs; // whose memory is held, by the blob or by a buffer that outlives it
	uint64_t n_mapped; // bytes
};

/* Returns a new reference to the client's quota, or NULL if memory is short. */
struct gp_quota *gp_quota_of_client(struct wl_client *client);
struct gp_quota *gp_quota_ref(struct gp_quota *quota);
/* NULL is fine. */
void gp_quota_unref(struct gp_quota *quota);

/* Counts bytes of address space. Returns false, and counts nothing, if they are too many. */
bool gp_quota_add_mapped(struct gp_quota *quota, uint64_t size);
void gp_quota_remove_mapped(struct gp_quota *quota, uint64_t size);

#endif
