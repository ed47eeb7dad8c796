#ifndef GP_COMPOSITOR_MEMORY_QUOTA_H
#define GP_COMPOSITOR_MEMORY_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

/**
 * What one client uses, of the limits in common/limits.h. It is reference counted: memory on a
 * plane may outlive the client.
 */
struct gp_quota {
	size_t n_refs;
	size_t n_guests;
	size_t n_blobs; // whose memory is held, by the blob or by a buffer that outlives it
	uint64_t n_mapped; // bytes, of the mappings
	uint64_t n_hole_bytes; // the same
	size_t n_pieces; // the same
	struct wl_list mappings; // gp_mapping.link, read last first
};

void gp_quota_init(struct gp_quota *quota);

/* Returns a new reference to the client's quota, or NULL if memory is short. */
struct gp_quota *gp_quota_of_client(struct wl_client *client);
/* The number of the client's blobs. */
size_t gp_quota_count_blobs(struct wl_client *client);
struct gp_quota *gp_quota_ref(struct gp_quota *quota);
/* NULL is fine. */
void gp_quota_unref(struct gp_quota *quota);

#endif
