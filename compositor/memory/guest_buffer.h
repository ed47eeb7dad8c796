#ifndef GP_COMPOSITOR_MEMORY_GUEST_BUFFER_H
#define GP_COMPOSITOR_MEMORY_GUEST_BUFFER_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/interfaces/wlr_buffer.h>

struct gp_blob_memory;
struct gp_import_failure;
struct wlr_drm_syncobj_timeline;

/**
 * A buffer in a blob, as the client described it.
 */
struct gp_buffer_layout {
	int32_t width, height; // pixels
	uint32_t format; // DRM fourcc
	uint64_t modifier;
	uint32_t offset, stride; // bytes
};

/**
 * A buffer in a blob, as wlroots sees it. It reads the memory in place: the GPU through the
 * dma-buf, or the CPU through the blob's mapping. Like any wlr_buffer it is destroyed once it is
 * dropped and nobody locks it.
 *
 * An inert one has no memory: that of a failed import, or of a wl_buffer whose blob was revoked.
 */
struct gp_guest_buffer {
	struct wlr_buffer base;
	struct gp_buffer_layout layout;
	struct gp_blob_memory *memory; // it is a user; NULL if inert
	uint32_t import; // enum guest_blob_v1_import: who reads the memory
	bool pool; // a parent compositor may have it as shared memory
	bool was_locked; // when the memory was revoked
	struct gp_import_failure *failure; // why it is inert; may be NULL

	uint64_t import_ns, imported_ns; // start and end of the import, for the trace; 0: traced

	struct {
		/**
		 * The memory was revoked, or cannot be read any more: whoever shows the buffer
		 * unlocks it in the handler, and its owner drops it.
		 */
		struct wl_signal lost;
	} events;

	struct wl_listener memory_revoke;
};

/**
 * The memory was checked, and mapped unless the GPU reads it. Returns NULL if memory is short. For
 * importer.c, which makes the texture.
 */
struct gp_guest_buffer *gp_guest_buffer_create(
	struct gp_blob_memory *memory, const struct gp_buffer_layout *layout, uint32_t import);
/* The failure, which may be NULL, is copied. Returns NULL if memory is short. */
struct gp_guest_buffer *gp_guest_buffer_create_inert(
	const struct gp_buffer_layout *layout, const struct gp_import_failure *failure);
/* Why it is inert: the failure is copied, if there is memory for that. */
void gp_guest_buffer_set_failure(
	struct gp_guest_buffer *buffer, const struct gp_import_failure *failure);

/* Returns NULL for a buffer of another kind. */
struct gp_guest_buffer *gp_guest_buffer_try_from_buffer(struct wlr_buffer *base);
bool gp_guest_buffer_is_inert(const struct gp_guest_buffer *buffer);

/**
 * A frame reads the buffer, which may be of another kind, until the timeline reaches the point. The
 * timeline is NULL where the renderer attaches fences to what it reads.
 */
void gp_guest_buffer_add_read_point(
	struct wlr_buffer *base, struct wlr_drm_syncobj_timeline *timeline, uint64_t point);

#endif
