#ifndef GP_COMPOSITOR_GUEST_BLOB_H
#define GP_COMPOSITOR_GUEST_BLOB_H

#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_blob_memory;
struct gp_guest;
struct gp_guest_manager;

/**
 * The object guest_blob_v1. It may outlive its guest, and its memory may outlive it.
 */
struct gp_guest_blob {
	struct wl_resource *resource;
	struct wl_list link; // gp_guest.blobs, or itself
	struct gp_guest *guest; // NULL once that was destroyed
	struct gp_guest_manager *manager;
	struct gp_blob_memory *memory; // a reference

	struct wl_list wl_buffers; // gp_guest_wl_buffer.link, while those live

	struct wl_listener guest_destroy;
	struct wl_listener manager_pause;
	struct wl_listener memory_unused;
};

/* Takes the fd. The arguments were checked. Sends the error if memory is short. */
void gp_guest_blob_create(
	struct gp_guest *guest, uint32_t id, int fd, uint64_t size, uint32_t kind);

/* Counts the wl_buffers of all blobs of the guest. */
size_t gp_guest_blob_count_buffers(const struct gp_guest *guest);

#endif
