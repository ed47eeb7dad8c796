#ifndef GP_COMPOSITOR_MEMORY_IMPORTER_H
#define GP_COMPOSITOR_MEMORY_IMPORTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gp_blob_memory;
struct gp_buffer_layout;
struct gp_guest_buffer;
struct gp_import_failure;
struct wlr_drm_format_set;
struct wlr_renderer;

/**
 * What the renderer can import: dma-bufs, if it uses a GPU, and memory that the CPU maps.
 */
struct gp_importer {
	struct wlr_renderer *renderer;
	const struct wlr_drm_format_set *dmabuf_formats; // NULL: no GPU
	const struct wlr_drm_format_set *data_formats; // NULL: it takes no pixels of the CPU
};

void gp_importer_init(struct gp_importer *importer, struct wlr_renderer *renderer);

/* Returns bits of enum guest_scanout_manager_v1_capability. */
uint32_t gp_importer_capabilities(const struct gp_importer *importer);
/* The device that imports dma-bufs. Returns false if there is none. */
bool gp_importer_main_device(const struct gp_importer *importer, dev_t *device);
/**
 * Calls back for each pair of format and modifier that may be imported: by the GPU, or by the CPU
 * if there is none.
 */
void gp_importer_for_each_format(const struct gp_importer *importer,
	void (*handle)(void *data, uint32_t format, uint64_t modifier), void *data);

/**
 * Imports memory, which was not revoked, with a format of common/format.h; a linear layout lies
 * inside it. The GPU reads it if there is one and it is a dma-buf, else the CPU. Returns a buffer
 * that the caller drops, or NULL and *failure.
 */
struct gp_guest_buffer *gp_importer_import(const struct gp_importer *importer,
	struct gp_blob_memory *memory, const struct gp_buffer_layout *layout,
	struct gp_import_failure *failure);

#endif
