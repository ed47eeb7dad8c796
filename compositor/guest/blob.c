#include "compositor/guest/blob.h"

#include <drm_fourcc.h>
#include <stdlib.h>

#include "common/format.h"
#include "common/limits.h"
#include "common/log.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/guest/wl_buffer.h"
#include "compositor/memory/blob_memory.h"
#include "compositor/memory/guest_buffer.h"
#include "compositor/memory/import_failure.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-protocol.h"

static struct gp_guest_blob *blob_from_resource(struct wl_resource *resource) {
	return wl_resource_get_user_data(resource);
}

static void blob_handle_destroy(struct wl_client *client, struct wl_resource *resource) {
	wl_resource_destroy(resource);
}

/* Sends the protocol error for a layout that breaks a rule. */
static bool check_layout(const struct gp_guest_blob *blob, const struct gp_buffer_layout *layout) {
	const struct gp_format *format = gp_format_from_drm(layout->format);
	if (format == NULL) {
		wl_resource_post_error(blob->resource, GUEST_BLOB_V1_ERROR_INVALID_FORMAT,
			"unknown format 0x%08x", layout->format);
		return false;
	}
	if (layout->width < 1 || layout->width > GP_DIMENSION_MAX || layout->height < 1 ||
		layout->height > GP_DIMENSION_MAX) {
		wl_resource_post_error(blob->resource, GUEST_BLOB_V1_ERROR_INVALID_DIMENSIONS,
			"invalid size %dx%d", layout->width, layout->height);
		return false;
	}
	if (layout->modifier == DRM_FORMAT_MOD_LINEAR &&
		!gp_format_fits(format, layout->width, layout->height, layout->offset,
			layout->stride, blob->memory->size)) {
		wl_resource_post_error(blob->resource, GUEST_BLOB_V1_ERROR_OUT_OF_BOUNDS,
			"%dx%d %s at offset %u with stride %u does not fit into %llu bytes",
			layout->width, layout->height, format->name, layout->offset, layout->stride,
			(unsigned long long)blob->memory->size);
		return false;
	}
	return true;
}

static void blob_handle_create_buffer(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, uint32_t serial, int32_t width, int32_t height, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo, uint32_t offset, uint32_t stride) {
	struct gp_guest_blob *blob = blob_from_resource(resource);
	const struct gp_buffer_layout layout = {
		.width = width,
		.height = height,
		.format = format,
		.modifier = (uint64_t)modifier_hi << 32 | modifier_lo,
		.offset = offset,
		.stride = stride,
	};

	if (blob->memory->revoked) {
		wl_resource_post_error(
			resource, GUEST_BLOB_V1_ERROR_REVOKED, "create_buffer of a revoked blob");
		return;
	}
	if (wl_list_length(&blob->wl_buffers) >= GP_BUFFERS_PER_BLOB_MAX) {
		wl_resource_post_error(resource, GUEST_BLOB_V1_ERROR_TOO_MANY_BUFFERS,
			"the blob has %d wl_buffers, which is the limit", GP_BUFFERS_PER_BLOB_MAX);
		return;
	}
	if (!check_layout(blob, &layout)) {
		return;
	}

	struct gp_import_failure failure = {0};
	struct gp_guest_wl_buffer *wl_buffer = gp_guest_wl_buffer_create(
		client, id, &blob->manager->importer, blob->memory, &layout, &failure);
	if (wl_buffer == NULL) {
		return;
	}
	wl_list_insert(&blob->wl_buffers, &wl_buffer->link);

	bool failed = gp_guest_buffer_is_inert(wl_buffer->buffer);
	if (blob->guest != NULL) {
		gp_guest_count_import(blob->guest, failed ? &failure : NULL);
	}
	if (failed) {
		guest_blob_v1_send_failed(
			resource, serial, failure.reason, failure.alignment, failure.message);
	} else {
		guest_blob_v1_send_imported(resource, serial, wl_buffer->buffer->import);
	}
}

static void blob_handle_revoke(struct wl_client *client, struct wl_resource *resource) {
	struct gp_guest_blob *blob = blob_from_resource(resource);
	if (blob->memory->revoked) {
		wl_resource_post_error(
			resource, GUEST_BLOB_V1_ERROR_REVOKED, "the blob was revoked before");
		return;
	}
	gp_blob_memory_revoke(blob->memory);
	if (blob->manager->paused) {
		gp_blob_memory_end_use(blob->memory);
	} else if (blob->memory->n_users > 0) {
		wl_signal_emit_mutable(&blob->manager->events.memory_wanted, blob->memory);
	}
}

static const struct guest_blob_v1_interface blob_impl = {
	.destroy = blob_handle_destroy,
	.create_buffer = blob_handle_create_buffer,
	.revoke = blob_handle_revoke,
};

static void handle_guest_destroy(struct wl_listener *listener, void *data) {
	struct gp_guest_blob *blob = wl_container_of(listener, blob, guest_destroy);
	blob->guest = NULL;
	wl_list_remove(&blob->link);
	wl_list_init(&blob->link);
	wl_list_remove(&blob->guest_destroy.link);
	wl_list_init(&blob->guest_destroy.link);
}

static void handle_manager_pause(struct wl_listener *listener, void *data) {
	struct gp_guest_blob *blob = wl_container_of(listener, blob, manager_pause);
	gp_blob_memory_end_use(blob->memory);
}

static void handle_memory_unused(struct wl_listener *listener, void *data) {
	struct gp_guest_blob *blob = wl_container_of(listener, blob, memory_unused);
	guest_blob_v1_send_revoked(blob->resource);
	/* A guest waits for this: it must not wait for the frame that we may be about to make. */
	wl_client_flush(wl_resource_get_client(blob->resource));
}

static void blob_handle_resource_destroy(struct wl_resource *resource) {
	struct gp_guest_blob *blob = blob_from_resource(resource);
	struct gp_guest_wl_buffer *wl_buffer, *tmp;
	wl_list_for_each_safe (wl_buffer, tmp, &blob->wl_buffers, link) {
		wl_list_remove(&wl_buffer->link);
		wl_list_init(&wl_buffer->link);
	}
	wl_list_remove(&blob->guest_destroy.link);
	wl_list_remove(&blob->manager_pause.link);
	wl_list_remove(&blob->memory_unused.link);
	wl_list_remove(&blob->link);
	gp_blob_memory_unref(blob->memory);
	free(blob);
}

size_t gp_guest_blob_count_buffers(const struct gp_guest *guest) {
	size_t n = 0;
	struct gp_guest_blob *blob;
	wl_list_for_each (blob, &guest->blobs, link) {
		n += wl_list_length(&blob->wl_buffers);
	}
	return n;
}

void gp_guest_blob_create(
	struct gp_guest *guest, uint32_t id, int fd, uint64_t size, uint32_t kind) {
	struct wl_client *client = wl_resource_get_client(guest->resource);
	struct gp_guest_blob *blob = calloc(1, sizeof(*blob));
	struct wl_event_loop *loop = wl_display_get_event_loop(wl_client_get_display(client));
	struct gp_blob_memory *memory = gp_blob_memory_create(loop, fd, size, kind, guest->quota);
	if (blob == NULL || memory == NULL) {
		goto err_memory;
	}
	blob->resource = wl_resource_create(
		client, &guest_blob_v1_interface, wl_resource_get_version(guest->resource), id);
	if (blob->resource == NULL) {
		goto err_memory;
	}

	blob->guest = guest;
	blob->manager = guest->manager;
	blob->memory = memory;
	wl_list_init(&blob->wl_buffers);
	wl_list_insert(&guest->blobs, &blob->link);
	blob->guest_destroy.notify = handle_guest_destroy;
	wl_signal_add(&guest->events.destroy, &blob->guest_destroy);
	blob->manager_pause.notify = handle_manager_pause;
	wl_signal_add(&guest->manager->events.pause, &blob->manager_pause);
	blob->memory_unused.notify = handle_memory_unused;
	wl_signal_add(&memory->events.unused, &blob->memory_unused);
	wl_resource_set_implementation(
		blob->resource, &blob_impl, blob, blob_handle_resource_destroy);
	return;

err_memory:
	gp_blob_memory_unref(memory);
	free(blob);
	wl_client_post_no_memory(client);
}
