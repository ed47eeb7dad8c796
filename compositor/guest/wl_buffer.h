#ifndef GP_COMPOSITOR_GUEST_WL_BUFFER_H
#define GP_COMPOSITOR_GUEST_WL_BUFFER_H

#include <stdint.h>
#include <wayland-server-core.h>

#include "compositor/memory/read_fence.h"

struct gp_blob_memory;
struct gp_buffer_layout;
struct gp_guest_buffer;
struct gp_import_failure;
struct gp_importer;

/**
 * A wl_buffer of a blob. It lives as long as its resource and always has a guest buffer; an inert
 * one takes the place of that when the memory is revoked.
 */
struct gp_guest_wl_buffer {
	struct wl_resource *resource;
	struct wl_list link; // gp_guest_blob.wl_buffers, or itself
	struct gp_guest_buffer *buffer; // it is the owner
	struct gp_guest_buffer *spare; // inert; NULL once it is the buffer
	struct gp_read_fence fence; // nobody uses it any more, and a GPU still reads it

	struct wl_listener buffer_release;
	struct wl_listener buffer_lost;
};

/* To be called once, before the first wl_buffer is attached. */
void gp_guest_wl_buffer_register(void);

/**
 * Makes the wl_buffer and tries to import the memory. If that fails the wl_buffer is inert and
 * *failure says why. Returns NULL if memory is short, after sending the error.
 */
struct gp_guest_wl_buffer *gp_guest_wl_buffer_create(struct wl_client *client, uint32_t id,
	const struct gp_importer *importer, struct gp_blob_memory *memory,
	const struct gp_buffer_layout *layout, struct gp_import_failure *failure);

#endif
