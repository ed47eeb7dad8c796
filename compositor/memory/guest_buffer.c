#include "compositor/memory/guest_buffer.h"

#include <stdlib.h>
#include <wayland-server-protocol.h>
#include <wlr/render/wlr_texture.h>

#include "guest-scanout-v1-protocol.h"

static struct gp_guest_buffer *from_base(struct wlr_buffer *base) {
	struct gp_guest_buffer *buffer = wl_container_of(base, buffer, base);
	return buffer;
}

static void buffer_destroy(struct wlr_buffer *base) {
	struct gp_guest_buffer *buffer = from_base(base);
	struct gp_blob_memory *memory = buffer->memory;

	/* Whatever was derived from the memory goes here, before the memory is said to be free. */
	wlr_buffer_finish(base);
	if (memory != NULL) {
		wl_list_remove(&buffer->link);
		gp_blob_memory_handle_buffer_removed(memory);
		gp_blob_memory_unref(memory);
	}
	free(buffer->failure);
	free(buffer);
}

static bool buffer_get_dmabuf(struct wlr_buffer *base, struct wlr_dmabuf_attributes *attribs) {
	*attribs = from_base(base)->dmabuf;
	return true;
}

static bool buffer_get_shm(struct wlr_buffer *base, struct wlr_shm_attributes *attribs) {
	struct gp_guest_buffer *buffer = from_base(base);
	if (!buffer->is_pool) {
		return false;
	}
	*attribs = (struct wlr_shm_attributes){
		.fd = buffer->memory->fd,
		.format = buffer->layout.format,
		.width = base->width,
		.height = base->height,
		.stride = buffer->layout.stride,
		.offset = buffer->layout.offset,
	};
	return true;
}

static bool buffer_begin_data_ptr_access(
	struct wlr_buffer *base, uint32_t flags, void **data, uint32_t *format, size_t *stride) {
	struct gp_guest_buffer *buffer = from_base(base);
	if ((flags & WLR_BUFFER_DATA_PTR_ACCESS_WRITE) != 0 || buffer->memory->data == NULL) {
		return false;
	}
	gp_blob_memory_begin_read(buffer->memory);
	*data = (void *)(buffer->memory->data + buffer->layout.offset);
	*format = buffer->layout.format;
	*stride = buffer->layout.stride;
	return true;
}

static void buffer_end_data_ptr_access(struct wlr_buffer *base) {
	gp_blob_memory_end_read(from_base(base)->memory);
}

/*
 * A dma-buf that a GPU imports must not offer its pixels: the Vulkan renderer would write into the
 * guest's memory when it updates a texture from them.
 */
static const struct wlr_buffer_impl gpu_impl = {
	.destroy = buffer_destroy,
	.get_dmabuf = buffer_get_dmabuf,
};

static const struct wlr_buffer_impl mapped_impl = {
	.destroy = buffer_destroy,
	.get_dmabuf = buffer_get_dmabuf,
	.begin_data_ptr_access = buffer_begin_data_ptr_access,
	.end_data_ptr_access = buffer_end_data_ptr_access,
};

static const struct wlr_buffer_impl shm_impl = {
	.destroy = buffer_destroy,
	.get_shm = buffer_get_shm,
	.begin_data_ptr_access = buffer_begin_data_ptr_access,
	.end_data_ptr_access = buffer_end_data_ptr_access,
};

static const struct wlr_buffer_impl inert_impl = {
	.destroy = buffer_destroy,
};

struct gp_guest_buffer *gp_guest_buffer_try_from_buffer(struct wlr_buffer *base) {
	bool is_ours = base->impl == &gpu_impl || base->impl == &mapped_impl ||
		base->impl == &shm_impl || base->impl == &inert_impl;
	return is_ours ? from_base(base) : NULL;
}

bool gp_guest_buffer_is_inert(const struct gp_guest_buffer *buffer) {
	return buffer->base.impl == &inert_impl;
}

static struct gp_guest_buffer *buffer_create(
	const struct wlr_buffer_impl *impl, const struct gp_buffer_layout *layout) {
	struct gp_guest_buffer *buffer = calloc(1, sizeof(*buffer));
	if (buffer == NULL) {
		return NULL;
	}
	wlr_buffer_init(&buffer->base, impl, layout->width, layout->height);
	buffer->layout = *layout;
	wl_list_init(&buffer->link);
	wl_signal_init(&buffer->events.lost);
	return buffer;
}

static struct gp_guest_buffer *buffer_create_inert(
	const struct gp_buffer_layout *layout, const struct gp_import_failure *failure) {
	struct gp_guest_buffer *buffer = buffer_create(&inert_impl, layout);
	if (buffer == NULL || failure == NULL) {
		return buffer;
	}
	buffer->failure = malloc(sizeof(*failure));
	if (buffer->failure != NULL) {
		*buffer->failure = *failure;
	}
	return buffer;
}

/* Only if all rows are inside, as the parent counts whole ones. */
static bool fits_pool(const struct gp_blob_memory *memory, const struct gp_buffer_layout *layout) {
	uint64_t end = layout->offset + (uint64_t)layout->stride * layout->height;
	return end <= memory->size && gp_blob_memory_is_pool(memory);
}

static struct gp_guest_buffer *buffer_create_live(const struct wlr_buffer_impl *impl,
	struct gp_blob_memory *memory, const struct gp_buffer_layout *layout) {
	struct gp_guest_buffer *buffer = buffer_create(impl, layout);
	if (buffer == NULL) {
		return NULL;
	}
	buffer->memory = gp_blob_memory_ref(memory);
	wl_list_insert(&memory->buffers, &buffer->link);
	buffer->is_pool = impl == &shm_impl && fits_pool(memory, layout);
	buffer->dmabuf = (struct wlr_dmabuf_attributes){
		.width = layout->width,
		.height = layout->height,
		.format = layout->format,
		.modifier = layout->modifier,
		.n_planes = 1,
		.offset = {layout->offset},
		.stride = {layout->stride},
		.fd = {memory->fd, -1, -1, -1},
	};
	return buffer;
}

/* Makes a texture once: that is the import. The renderer keeps it with the buffer. */
static bool try_texture(const struct gp_importer *importer, struct gp_guest_buffer *buffer,
	struct gp_import_failure *failure) {
	struct wlr_texture *texture = wlr_texture_from_buffer(importer->renderer, &buffer->base);
	if (texture == NULL) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_REFUSED,
			"the renderer refused a picture of %dx%d with stride %u",
			buffer->layout.width, buffer->layout.height, buffer->layout.stride);
		return false;
	}
	wlr_texture_destroy(texture);
	return true;
}

static struct gp_guest_buffer *import(const struct gp_importer *importer,
	struct gp_blob_memory *memory, const struct gp_buffer_layout *layout, uint32_t *how,
	struct gp_import_failure *failure) {
	if (!gp_importer_check_layout(importer, memory->kind, layout, failure) ||
		!gp_blob_memory_check(memory, failure)) {
		return NULL;
	}

	const struct wlr_buffer_impl *impl;
	uint32_t path;
	if (gp_importer_uses_gpu(importer, memory->kind)) {
		impl = &gpu_impl;
		path = GUEST_BLOB_V1_IMPORT_GPU;
	} else {
		bool shm = memory->kind == GUEST_BLOB_V1_KIND_SHM;
		impl = shm ? &shm_impl : &mapped_impl;
		path = shm ? GUEST_BLOB_V1_IMPORT_SHM : GUEST_BLOB_V1_IMPORT_MAPPED;
		if (!gp_blob_memory_map(memory, failure)) {
			return NULL;
		}
	}

	struct gp_guest_buffer *buffer = buffer_create_live(impl, memory, layout);
	if (buffer == NULL) {
		gp_import_failure_set(failure, GUEST_BLOB_V1_FAILURE_NO_MEMORY, "out of memory");
		return NULL;
	}
	if (!try_texture(importer, buffer, failure)) {
		wlr_buffer_drop(&buffer->base);
		return NULL;
	}
	*how = path;
	return buffer;
}

static void drop(struct gp_guest_buffer *buffer) {
	if (buffer != NULL) {
		wlr_buffer_drop(&buffer->base);
	}
}

static void handle_buffer_release(struct wl_listener *listener, void *data) {
	struct gp_guest_wl_buffer *wl_buffer = wl_container_of(listener, wl_buffer, release);
	wl_buffer_send_release(wl_buffer->resource);
}

static void wl_buffer_set(struct gp_guest_wl_buffer *wl_buffer, struct gp_guest_buffer *buffer) {
	wl_buffer->buffer = buffer;
	wl_signal_add(&buffer->base.events.release, &wl_buffer->release);
	buffer->wl_buffer = wl_buffer;
}

static void wl_buffer_unset(struct gp_guest_wl_buffer *wl_buffer) {
	struct gp_guest_buffer *buffer = wl_buffer->buffer;
	wl_list_remove(&wl_buffer->release.link);
	wl_buffer->buffer = NULL;
	buffer->wl_buffer = NULL;
	wlr_buffer_drop(&buffer->base);
}

void gp_guest_buffer_revoke(struct gp_guest_buffer *buffer) {
	struct gp_guest_wl_buffer *wl_buffer = buffer->wl_buffer;
	bool was_locked = buffer->base.n_locks > 0;

	wlr_buffer_lock(&buffer->base);
	wl_signal_emit_mutable(&buffer->events.lost, buffer);

	if (wl_buffer != NULL) {
		wl_buffer_unset(wl_buffer);
		wl_buffer_set(wl_buffer, wl_buffer->spare);
		wl_buffer->spare = NULL;
		if (was_locked) {
			wl_buffer_send_release(wl_buffer->resource);
		}
	}
	wlr_buffer_unlock(&buffer->base);
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
	wl_buffer_unset(wl_buffer);
	drop(wl_buffer->spare);
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
	const struct gp_buffer_layout *layout, uint32_t *how, struct gp_import_failure *failure) {
	struct gp_guest_wl_buffer *wl_buffer = calloc(1, sizeof(*wl_buffer));
	struct gp_guest_buffer *spare = buffer_create_inert(layout, NULL);
	struct gp_guest_buffer *buffer = import(importer, memory, layout, how, failure);
	if (buffer == NULL) {
		buffer = buffer_create_inert(layout, failure);
	}
	if (wl_buffer == NULL || buffer == NULL || spare == NULL) {
		goto err_memory;
	}
	wl_buffer->spare = spare;
	wl_buffer->resource = wl_resource_create(client, &wl_buffer_interface, 1, id);
	if (wl_buffer->resource == NULL) {
		goto err_memory;
	}

	wl_list_init(&wl_buffer->link);
	wl_buffer->release.notify = handle_buffer_release;
	wl_buffer_set(wl_buffer, buffer);
	wl_resource_set_implementation(
		wl_buffer->resource, &wl_buffer_impl, wl_buffer, wl_buffer_handle_resource_destroy);
	return wl_buffer;

err_memory:
	drop(buffer);
	drop(spare);
	free(wl_buffer);
	wl_client_post_no_memory(client);
	return NULL;
}
