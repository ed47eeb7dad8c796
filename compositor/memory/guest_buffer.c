#include "compositor/memory/guest_buffer.h"

#include <stdlib.h>

#include "compositor/memory/blob_memory.h"
#include "compositor/memory/import_failure.h"
#include "guest-scanout-v1-enum.h"

static struct gp_guest_buffer *from_base(struct wlr_buffer *base) {
	struct gp_guest_buffer *buffer = wl_container_of(base, buffer, base);
	return buffer;
}

static void buffer_destroy(struct wlr_buffer *base) {
	struct gp_guest_buffer *buffer = from_base(base);

	/* Textures and framebuffers of the buffer end here, before the memory counts as unused. */
	wlr_buffer_finish(base);
	if (buffer->memory != NULL) {
		wl_list_remove(&buffer->memory_revoke.link);
		gp_blob_memory_remove_user(buffer->memory);
	}
	free(buffer->failure);
	free(buffer);
}

static bool buffer_get_dmabuf(struct wlr_buffer *base, struct wlr_dmabuf_attributes *attribs) {
	struct gp_guest_buffer *buffer = from_base(base);
	if (buffer->memory->fd < 0) {
		return false;
	}
	*attribs = (struct wlr_dmabuf_attributes){
		.width = base->width,
		.height = base->height,
		.format = buffer->layout.format,
		.modifier = buffer->layout.modifier,
		.n_planes = 1,
		.offset = {buffer->layout.offset},
		.stride = {buffer->layout.stride},
		.fd = {buffer->memory->fd, -1, -1, -1},
	};
	return true;
}

static bool buffer_get_shm(struct wlr_buffer *base, struct wlr_shm_attributes *attribs) {
	struct gp_guest_buffer *buffer = from_base(base);
	if (!buffer->pool || buffer->memory->fd < 0) {
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
	if ((flags & WLR_BUFFER_DATA_PTR_ACCESS_WRITE) != 0 ||
		!gp_blob_memory_begin_read(buffer->memory)) {
		return false;
	}
	*data = (void *)(buffer->memory->mapping.data + buffer->layout.offset);
	*format = buffer->layout.format;
	*stride = buffer->layout.stride;
	return true;
}

static void buffer_end_data_ptr_access(struct wlr_buffer *base) {
	gp_blob_memory_end_read(from_base(base)->memory);
}

/*
 * A dma-buf that a GPU imports must not offer its pixels: the Vulkan renderer would update its texture
 * from them, which is the guest's memory.
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

/* The parent wants whole rows, the last one included. */
static bool fits_pool(const struct gp_blob_memory *memory, const struct gp_buffer_layout *layout) {
	uint64_t end = layout->offset + (uint64_t)layout->stride * layout->height;
	return end <= memory->size && gp_blob_memory_is_pool(memory);
}

static void handle_memory_revoke(struct wl_listener *listener, void *data) {
	struct gp_guest_buffer *buffer = wl_container_of(listener, buffer, memory_revoke);
	buffer->was_locked = buffer->base.n_locks > 0;
	/* The handlers may drop and unlock it. */
	wlr_buffer_lock(&buffer->base);
	wl_signal_emit_mutable(&buffer->events.lost, buffer);
	wlr_buffer_unlock(&buffer->base);
}

static struct gp_guest_buffer *buffer_create(
	const struct wlr_buffer_impl *impl, const struct gp_buffer_layout *layout) {
	struct gp_guest_buffer *buffer = calloc(1, sizeof(*buffer));
	if (buffer != NULL) {
		wlr_buffer_init(&buffer->base, impl, layout->width, layout->height);
		buffer->layout = *layout;
		wl_signal_init(&buffer->events.lost);
	}
	return buffer;
}

struct gp_guest_buffer *gp_guest_buffer_create(
	struct gp_blob_memory *memory, const struct gp_buffer_layout *layout, uint32_t import) {
	static const struct wlr_buffer_impl *const impls[] = {
		[GUEST_BLOB_V1_IMPORT_GPU] = &gpu_impl,
		[GUEST_BLOB_V1_IMPORT_MAPPED] = &mapped_impl,
		[GUEST_BLOB_V1_IMPORT_SHM] = &shm_impl,
	};
	struct gp_guest_buffer *buffer = buffer_create(impls[import], layout);
	if (buffer == NULL) {
		return NULL;
	}
	buffer->memory = memory;
	buffer->import = import;
	buffer->pool = import == GUEST_BLOB_V1_IMPORT_SHM && fits_pool(memory, layout);
	gp_blob_memory_add_user(memory);
	buffer->memory_revoke.notify = handle_memory_revoke;
	wl_signal_add(&memory->events.revoke, &buffer->memory_revoke);
	return buffer;
}

struct gp_guest_buffer *gp_guest_buffer_create_inert(
	const struct gp_buffer_layout *layout, const struct gp_import_failure *failure) {
	struct gp_guest_buffer *buffer = buffer_create(&inert_impl, layout);
	if (buffer != NULL && failure != NULL) {
		gp_guest_buffer_set_failure(buffer, failure);
	}
	return buffer;
}

void gp_guest_buffer_set_failure(
	struct gp_guest_buffer *buffer, const struct gp_import_failure *failure) {
	free(buffer->failure);
	buffer->failure = malloc(sizeof(*failure));
	if (buffer->failure != NULL) {
		*buffer->failure = *failure;
	}
}

struct gp_guest_buffer *gp_guest_buffer_try_from_buffer(struct wlr_buffer *base) {
	bool is_ours = base->impl == &gpu_impl || base->impl == &mapped_impl ||
		base->impl == &shm_impl || base->impl == &inert_impl;
	return is_ours ? from_base(base) : NULL;
}

bool gp_guest_buffer_is_inert(const struct gp_guest_buffer *buffer) {
	return buffer->base.impl == &inert_impl;
}

void gp_guest_buffer_add_read_point(
	struct wlr_buffer *base, struct wlr_drm_syncobj_timeline *timeline, uint64_t point) {
	struct gp_guest_buffer *buffer = gp_guest_buffer_try_from_buffer(base);
	if (timeline != NULL && buffer != NULL && buffer->memory != NULL) {
		gp_blob_memory_add_read_point(buffer->memory, timeline, point);
	}
}
