#include "compositor/guest/wl_buffer.h"

#include <stdlib.h>
#include <wayland-server-protocol.h>

#include "common/trace.h"
#include "compositor/memory/blob_memory.h"
#include "compositor/memory/guest_buffer.h"
#include "compositor/memory/importer.h"

static void set_buffer(struct gp_guest_wl_buffer *wl_buffer, struct gp_guest_buffer *buffer) {
	wl_buffer->buffer = buffer;
	wl_signal_add(&buffer->base.events.release, &wl_buffer->buffer_release);
	wl_signal_add(&buffer->events.lost, &wl_buffer->buffer_lost);
}

static void drop_buffer(struct gp_guest_wl_buffer *wl_buffer) {
	wl_list_remove(&wl_buffer->buffer_release.link);
	wl_list_remove(&wl_buffer->buffer_lost.link);
	wlr_buffer_drop(&wl_buffer->buffer->base);
}

/* The memory is NULL for an inert buffer. */
static void release(struct gp_guest_wl_buffer *wl_buffer, struct gp_blob_memory *memory) {
	if (memory == NULL || !gp_blob_memory_wait_read(memory, &wl_buffer->fence)) {
		wl_buffer_send_release(wl_buffer->resource);
	}
}

static void handle_fence_done(struct gp_read_fence *fence) {
	struct gp_guest_wl_buffer *wl_buffer = wl_container_of(fence, wl_buffer, fence);
	/* It may be shown again: then it is released after that. */
	if (wl_buffer->buffer->base.n_locks == 0) {
		wl_buffer_send_release(wl_buffer->resource);
	}
}

static void handle_buffer_release(struct wl_listener *listener, void *data) {
	struct gp_guest_wl_buffer *wl_buffer = wl_container_of(listener, wl_buffer, buffer_release);
	release(wl_buffer, wl_buffer->buffer->memory);
}

static void handle_buffer_lost(struct wl_listener *listener, void *data) {
	struct gp_guest_wl_buffer *wl_buffer = wl_container_of(listener, wl_buffer, buffer_lost);
	bool was_locked = wl_buffer->buffer->was_locked;
	/* Of the caller, who has a reference. */
	struct gp_blob_memory *memory = wl_buffer->buffer->memory;
	if (memory->failure.message[0] != '\0') {
		gp_guest_buffer_set_failure(wl_buffer->spare, &memory->failure);
	}
	drop_buffer(wl_buffer);
	set_buffer(wl_buffer, wl_buffer->spare);
	wl_buffer->spare = NULL;
	if (was_locked) {
		release(wl_buffer, memory);
	}
}

static void wl_buffer_handle_destroy(struct wl_client *client, struct wl_resource *resource) {
	wl_resource_destroy(resource);
}

static const struct wl_buffer_interface wl_buffer_impl = {
	.destroy = wl_buffer_handle_destroy,
};

static void wl_buffer_handle_resource_destroy(struct wl_resource *resource) {
	struct gp_guest_wl_buffer *wl_buffer = wl_resource_get_user_data(resource);
	wl_list_remove(&wl_buffer->link);
	gp_read_fence_finish(&wl_buffer->fence);
	drop_buffer(wl_buffer);
	if (wl_buffer->spare != NULL) {
		wlr_buffer_drop(&wl_buffer->spare->base);
	}
	free(wl_buffer);
}

static bool is_instance(struct wl_resource *resource) {
	return wl_resource_instance_of(resource, &wl_buffer_interface, &wl_buffer_impl);
}

static struct wlr_buffer *buffer_from_resource(struct wl_resource *resource) {
	struct gp_guest_wl_buffer *wl_buffer = wl_resource_get_user_data(resource);
	return &wl_buffer->buffer->base;
}

static const struct wlr_buffer_resource_interface resource_interface = {
	.name = "guest_blob_v1",
	.is_instance = is_instance,
	.from_resource = buffer_from_resource,
};

void gp_guest_wl_buffer_register(void) {
	wlr_buffer_register_resource_interface(&resource_interface);
}

struct gp_guest_wl_buffer *gp_guest_wl_buffer_create(struct wl_client *client, uint32_t id,
	const struct gp_importer *importer, struct gp_blob_memory *memory,
	const struct gp_buffer_layout *layout, struct gp_import_failure *failure) {
	uint64_t import_ns = gp_trace_now();
	struct gp_guest_buffer *buffer = gp_importer_import(importer, memory, layout, failure);
	if (buffer == NULL) {
		buffer = gp_guest_buffer_create_inert(layout, failure);
	}
	struct gp_guest_buffer *spare = gp_guest_buffer_create_inert(layout, NULL);
	struct gp_guest_wl_buffer *wl_buffer = calloc(1, sizeof(*wl_buffer));
	if (buffer == NULL || spare == NULL || wl_buffer == NULL) {
		goto err_memory;
	}
	wl_buffer->resource = wl_resource_create(client, &wl_buffer_interface, 1, id);
	if (wl_buffer->resource == NULL) {
		goto err_memory;
	}

	buffer->import_ns = import_ns;
	buffer->imported_ns = gp_trace_now();
	wl_buffer->spare = spare;
	wl_list_init(&wl_buffer->link);
	gp_read_fence_init(&wl_buffer->fence, handle_fence_done);
	wl_buffer->buffer_release.notify = handle_buffer_release;
	wl_buffer->buffer_lost.notify = handle_buffer_lost;
	set_buffer(wl_buffer, buffer);
	wl_resource_set_implementation(
		wl_buffer->resource, &wl_buffer_impl, wl_buffer, wl_buffer_handle_resource_destroy);
	return wl_buffer;

err_memory:
	if (buffer != NULL) {
		wlr_buffer_drop(&buffer->base);
	}
	if (spare != NULL) {
		wlr_buffer_drop(&spare->base);
	}
	free(wl_buffer);
	wl_client_post_no_memory(client);
	return NULL;
}
