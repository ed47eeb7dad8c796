#ifndef GP_VMM_BRIDGE_GPU_SOURCE_H
#define GP_VMM_BRIDGE_GPU_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-util.h>

/**
 * The virtio-gpu device as a source of the presenter: resources are memory. A blob is exported, or
 * copied from the guest's memory; the host copy of a 2D resource is a file already, with halves.
 */

struct gp_exporter;
struct gp_framebuffer;
struct gp_memory_object;
struct gp_presenter;
struct gp_resource;

struct gp_gpu_source {
	struct gp_presenter *presenter;
	const struct gp_exporter *exporter;
	struct wl_list memories; // resource_memory.link, of resources that were shown
};

/* Both must outlive it. It needs no finish once all resources are revoked. */
void gp_gpu_source_init(struct gp_gpu_source *source, struct gp_presenter *presenter,
	const struct gp_exporter *exporter);

/* scanout_set and resource_revoke of gp_gpu_ops. */
void gp_gpu_source_set(struct gp_gpu_source *source, uint32_t scanout, struct gp_resource *resource,
	const struct gp_framebuffer *fb);
bool gp_gpu_source_revoke(
	struct gp_gpu_source *source, struct gp_resource *resource, uint64_t token, bool wait);
/* gp_presenter_end for the blobs that lie in the object. */
void gp_gpu_source_end_users(struct gp_gpu_source *source, const struct gp_memory_object *object);

#endif
