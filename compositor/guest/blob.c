#include "compositor/guest/blob.h"

#include <drm_fourcc.h>
#include <stdlib.h>

#include "common/format.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/trace.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/memory/blob_memory.h"
#include "compositor/memory/guest_buffer.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-protocol.h"

static struct gp_guest_blob *blob_from_resource(struct wl_resource *resource) {
	return wl_resource_get_user_data(resource);
}

static void blob_handle_destroy(struct wl_client *client, struct wl_resource *resource) {
	wl_resource_destroy(resource);
}

/* Raises the error of the rule that the layout breaks, if any. */
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

static void reply_failed(const struct gp_guest_blob *blob, uint32_t serial,
	const struct gp_import_failure *failure) {
	if (blob->guest != NULL) {
		blob->guest->n_imports_failed++;
		gp_guest_log_failure(blob->guest, failure);
	}
	guest_blob_v1_send_failed(
		blob->resource, serial, failure->reason, failure->stride, failure->message);
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
			resource, GUEST_BLOB_V1_ERROR_REVOKED, "create_buffer after revoke");
		return;
	}
	if (wl_list_length(&blob->wl_buffers) >= GP_BUFFERS_PER_BLOB_MAX) {
		wl_resource_post_error(resource, GUEST_BLOB_V1_ERROR_TOO_MANY_BUFFERS,
			"the blob has %d buffers", GP_BUFFERS_PER_BLOB_MAX);
		return;
	}
	if (!check_layout(blob, &layout)) {
		return;
	}

	uint32_t how = 0;
	struct gp_import_failure failure = {0};
	uint64_t start_ns = gp_trace_now();
	struct gp_guest_wl_buffer *wl_buffer = gp_guest_wl_buffer_create(
		client, id, &blob->manager->importer, blob->memory, &layout, &how, &failure);
	if (wl_buffer == NULL) {
		return;
	}
	wl_buffer->import_ns = start_ns;
	wl_buffer->imported_ns = gp_trace_now();
	wl_list_insert(&blob->wl_buffers, &wl_buffer->link);

	if (gp_guest_buffer_is_inert(wl_buffer->buffer)) {
		reply_failed(blob, serial, &failure);
		return;
	}
	if (blob->guest != NULL) {
		blob->guest->n_imports++;
	}
	guest_blob_v1_send_imported(resource, serial, how);
}

static void blob_handle_revoke(struct wl_client *client, struct wl_resource *resource) {
	struct gp_guest_blob *blob = blob_from_resource(resource);
	if (blob->memory->revoked) {
		wl_resource_post_error(resource, GUEST_BLOB_V1_ERROR_REVOKED, "revoked twice");
		return;
	}
	gp_blob_memory_revoke(blob->memory);
	if (blob->manager->is_paused) {
		gp_blob_memory_end_use(blob->memory);
	} else if (!wl_list_empty(&blob->memory->buffers)) {
		wl_signal_emit_mutable(&blob->manager->events.awaited, blob->memory);
	}
}

static const struct guest_blob_v1_interface blob_impl = {
	.destroy = blob_handle_destroy,
	.create_buffer = blob_handle_create_buffer,
	.revoke = blob_handle_revoke,
};

static void handle_memory_unused(struct wl_listener *listener, void *data) {
	struct gp_guest_blob *blob = wl_container_of(listener, blob, memory_unused);
	guest_blob_v1_send_revoked(blob->resource);
	/* A guest waits for it, and must not wait for the frame that we may be about to make. */
	wl_client_flush(wl_resource_get_client(blob->resource));
}

static void blob_handle_resource_destroy(struct wl_resource *resource) {
	struct gp_guest_blob *blob = blob_from_resource(resource);
	struct gp_guest_wl_buffer *wl_buffer, *tmp;
	wl_list_for_each_safe (wl_buffer, tmp, &blob->wl_buffers, link) {
		wl_list_remove(&wl_buffer->link);
		wl_list_init(&wl_buffer->link);
	}
	wl_list_remove(&blob->memory_unused.link);
	wl_list_remove(&blob->link);
	gp_blob_memory_unref(blob->memory);
	free(blob);
}

struct gp_guest_blob *gp_guest_blob_create(
	struct gp_guest *guest, uint32_t id, int fd, uint64_t size, uint32_t kind) {
	struct wl_client *client = wl_resource_get_client(guest->resource);
	struct gp_guest_blob *blob = calloc(1, sizeof(*blob));
	struct gp_blob_memory *memory = gp_blob_memory_create(fd, size, kind, guest->quota);
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
	blob->memory_unused.notify = handle_memory_unused;
	wl_signal_add(&memory->events.unused, &blob->memory_unused);
	wl_resource_set_implementation(
		blob->resource, &blob_impl, blob, blob_handle_resource_destroy);
	return blob;

err_memory:
	gp_blob_memory_unref(memory);
	free(blob);
	wl_client_post_no_memory(client);
	return NULL;
}
