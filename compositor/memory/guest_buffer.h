#ifndef GP_COMPOSITOR_MEMORY_GUEST_BUFFER_H
#define GP_COMPOSITOR_MEMORY_GUEST_BUFFER_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/interfaces/wlr_buffer.h>

#include "compositor/memory/blob_memory.h"
#include "compositor/memory/importer.h"

struct gp_guest_wl_buffer;

/**
 * A picture in a blob, as wlroots sees it. It is made by an import, and reads the memory in place:
 * the GPU through the dma-buf, or the CPU through the blob's mapping.
 *
 * An inert one has no memory: that of a failed import, or of a wl_buffer whose blob was revoked.
 */
struct gp_guest_buffer {
	struct wlr_buffer base;
	struct wl_list link; // gp_blob_memory.buffers, unless inert

	struct gp_blob_memory *memory; // a reference, NULL if inert
	struct gp_buffer_layout layout;
	struct wlr_dmabuf_attributes dmabuf;
	bool is_pool; // offered as shared memory to a parent compositor

	struct gp_guest_wl_buffer *wl_buffer; // NULL once the wl_buffer has another or is gone
	struct gp_import_failure *failure; // why it is inert; NULL if it was revoked

	struct {
		/* The memory was taken away: whoever shows the buffer drops it in the handler. */
		struct wl_signal lost;
	} events;
};

/* Returns NULL for a buffer of another kind. */
struct gp_guest_buffer *gp_guest_buffer_try_from_buffer(struct wlr_buffer *buffer);
bool gp_guest_buffer_is_inert(const struct gp_guest_buffer *buffer);
/* To be called by the memory. The buffer goes as soon as nobody has it locked. */
void gp_guest_buffer_revoke(struct gp_guest_buffer *buffer);

/**
 * The wl_buffer of a client. It has a guest buffer for as long as it lives; what that one is
 * changes when the memory is revoked.
 */
struct gp_guest_wl_buffer {
	struct wl_resource *resource;
	struct wl_list link; // gp_guest_blob.wl_buffers, or itself
	struct gp_guest_buffer *buffer;
	struct gp_guest_buffer *spare; // inert, takes the place of a revoked one
	uint64_t import_ns, imported_ns; // when, for the trace; 0 once that is told

	struct wl_listener release;
};

/* To be called once, before the first wl_buffer is attached. */
void gp_guest_wl_buffer_register(void);

/**
 * Makes the wl_buffer and tries to import the picture. If that fails the wl_buffer is inert, *how
 * is left alone and *failure says why. Returns NULL if memory is short; the client was told.
 */
struct gp_guest_wl_buffer *gp_guest_wl_buffer_create(struct wl_client *client, uint32_t id,
	const struct gp_importer *importer, struct gp_blob_memory *memory,
	const struct gp_buffer_layout *layout, uint32_t *how, struct gp_import_failure *failure);

#endif
