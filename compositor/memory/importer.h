#ifndef GP_COMPOSITOR_MEMORY_IMPORTER_H
#define GP_COMPOSITOR_MEMORY_IMPORTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct wlr_drm_format_set;
struct wlr_renderer;
struct gp_blob_memory;
struct gp_import_failure;

/**
 * A picture in a blob, as the client described it.
 */
struct gp_buffer_layout {
	int32_t width, height; // pixels
	uint32_t format; // DRM fourcc
	uint64_t modifier;
	uint32_t offset, stride; // bytes
};

/**
 * What the renderer can read: dma-bufs in a GPU, or memory that the CPU maps.
 */
struct gp_importer {
	struct wlr_renderer *renderer;
	const struct wlr_drm_format_set *dmabuf_formats; // NULL: no GPU
	const struct wlr_drm_format_set *data_formats; // NULL: the CPU's pixels are of no use
};

void gp_importer_init(struct gp_importer *importer, struct wlr_renderer *renderer);

/* enum guest_scanout_manager_v1_capability. */
uint32_t gp_importer_capabilities(const struct gp_importer *importer);
/* The device that imports dma-bufs; false if there is none. */
bool gp_importer_main_device(const struct gp_importer *importer, dev_t *device);
/* Calls back for each pair that is worth trying with a dma-buf. */
void gp_importer_for_each_format(const struct gp_importer *importer,
	void (*handle)(void *data, uint32_t format, uint64_t modifier), void *data);

/* Whether memory of that kind is read by the GPU; the CPU does otherwise. */
bool gp_importer_uses_gpu(const struct gp_importer *importer, uint32_t kind);
/* Whether the layout can be read at all, before the memory is touched. */
bool gp_importer_check_layout(const struct gp_importer *importer, uint32_t kind,
	const struct gp_buffer_layout *layout, struct gp_import_failure *failure);

#endif
