#include "vmm-bridge/gpu/commands_resource.h"

#include <errno.h>
#include <inttypes.h>

#include "common/limits.h"
#include "vmm-bridge/gpu/commands_display.h"

static uint32_t refuse_id(struct gp_gpu_call *call, uint32_t id) {
	return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
		id == 0 ? "resource id %u is not allowed" : "resource %u exists already", id);
}

static bool id_is_free(const struct gp_gpu *gpu, uint32_t id) {
	return id != 0 && gp_resources_find(&gpu->resources, id) == NULL;
}

static uint32_t refuse_limits(struct gp_gpu_call *call) {
	return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY,
		"too large for the host, or too many resources (%zu)", call->gpu->resources.count);
}

uint32_t gp_gpu_create_2d(struct gp_gpu_call *call) {
	uint32_t id = call->command.create_2d.resource;
	uint32_t width = call->command.create_2d.width;
	uint32_t height = call->command.create_2d.height;
	if (!id_is_free(call->gpu, id)) {
		return refuse_id(call, id);
	}
	const struct gp_format *format = gp_format_from_virtio(call->command.create_2d.format);
	if (format == NULL) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			"unknown format %u", call->command.create_2d.format);
	}
	if (width == 0 || height == 0 || width > GP_DIMENSION_MAX || height > GP_DIMENSION_MAX) {
		return gp_gpu_call_refuse(
			call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, "size %ux%u", width, height);
	}
	struct gp_resource *resource =
		gp_resources_add_2d(&call->gpu->resources, id, format, width, height);
	if (resource == NULL) {
		return refuse_limits(call);
	}
	resource->slot = gp_saved_state_add(&call->gpu->saved_state, id, &call->command, 0);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t refuse_entry(struct gp_gpu_call *call, uint32_t index, int error) {
	const struct gp_gpu_entry *entry = &call->command.entries[index];
	if (error == -ENOMEM) {
		return gp_gpu_call_refuse(
			call, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY, "too many pieces of memory");
	}
	if (error == -EINVAL) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_UNSPEC,
			"entry %u is empty or wraps: 0x%" PRIx64 " + %u", index, entry->gpa,
			entry->length);
	}
	return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_UNSPEC,
		"entry %u: 0x%" PRIx64
		" + %u is in no memory region of the VM: it is device memory "
		"that is not known here, or an IOVA of a translating guest IOMMU",
		index, entry->gpa, entry->length);
}

/**
 * Turns the command's entries into extents; on failure *extents is empty. Their sum cannot
 * overflow: at most 32768 entries of 32 bits.
 */
static uint32_t map_entries(
	struct gp_gpu_call *call, uint32_t n_entries, uint64_t size, struct gp_extents *extents) {
	size_t extents_left = GP_BACKING_EXTENTS_MAX - gp_resources_extents(&call->gpu->resources);
	for (uint32_t i = 0; i < n_entries; i++) {
		const struct gp_gpu_entry *entry = &call->command.entries[i];
		int error = gp_guest_memory_extents(
			call->gpu->memory, entry->gpa, entry->length, extents);
		if (error == 0 && extents->count > extents_left) {
			error = -ENOMEM;
		}
		if (error != 0) {
			gp_extents_finish(extents);
			*extents = (struct gp_extents){0};
			return refuse_entry(call, i, error);
		}
	}
	if (extents->length < size) {
		uint64_t length = extents->length;
		gp_extents_finish(extents);
		*extents = (struct gp_extents){0};
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			"%u entries have %" PRIu64 " bytes, %" PRIu64 " are needed", n_entries,
			length, size);
	}
	return 0;
}

uint32_t gp_gpu_create_blob(struct gp_gpu_call *call) {
	uint32_t id = call->command.create_blob.resource;
	uint32_t n_entries = call->command.create_blob.n_entries;
	uint64_t size = call->command.create_blob.size;
	if (!id_is_free(call->gpu, id)) {
		return refuse_id(call, id);
	}
	if (call->command.create_blob.blob_mem != VIRTIO_GPU_BLOB_MEM_GUEST) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			"blob_mem %u: only guest memory is supported",
			call->command.create_blob.blob_mem);
	}
	if (size == 0) {
		return gp_gpu_call_refuse(
			call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, "a blob without bytes");
	}
	struct gp_extents extents = {0};
	uint32_t error = n_entries == 0 ? 0 : map_entries(call, n_entries, size, &extents);
	if (error != 0) {
		return error;
	}
	struct gp_resource *resource = gp_resources_add_blob(&call->gpu->resources, id, size);
	if (resource == NULL) {
		gp_extents_finish(&extents);
		return refuse_limits(call);
	}
	if (n_entries > 0) {
		gp_resource_attach(resource, &extents);
	}
	resource->slot = gp_saved_state_add(&call->gpu->saved_state, id, &call->command, n_entries);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static bool is_on_scanout(const struct gp_gpu *gpu, uint32_t resource_id) {
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		if (gpu->scanouts[i].resource_id == resource_id) {
			return true;
		}
	}
	return false;
}

/* Ends what was made from the resource's pixels; the reply waits for that (B9). */
static void revoke(struct gp_gpu_call *call, struct gp_resource *resource) {
	struct gp_gpu *gpu = call->gpu;
	if (resource->outside == NULL && !is_on_scanout(gpu, resource->id)) {
		return;
	}
	struct gp_held_reply *reply = gp_gpu_call_hold(call);
	if (reply == NULL) {
		gpu->ops->resource_revoke(gpu->data, resource, 0, true);
		return;
	}
	uint64_t token = gp_held_reply_wait_revoked(reply, resource->id);
	if (gpu->ops->resource_revoke(gpu->data, resource, token, false)) {
		gp_held_replies_revoked(&gpu->held_replies, resource->id, token);
	}
}

/* B12: off the scanouts first, so that nothing refers to the memory when it is freed. */
uint32_t gp_gpu_unref(struct gp_gpu_call *call) {
	struct gp_gpu *gpu = call->gpu;
	struct gp_resource *resource = gp_gpu_call_resource(call, call->command.unref.resource);
	if (resource == NULL) {
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	}
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		if (gpu->scanouts[i].resource_id == resource->id) {
			gp_gpu_disable_scanout(gpu, i);
		}
	}
	revoke(call, resource);
	gp_saved_state_remove(&gpu->saved_state, resource->slot);
	gp_resources_remove(&gpu->resources, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* B8: after new backing the guest sends FLUSH and no SET_SCANOUT. */
static void show_again(struct gp_gpu *gpu, struct gp_resource *resource) {
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		struct gp_scanout *scanout = &gpu->scanouts[i];
		if (scanout->resource_id == resource->id) {
			struct gp_framebuffer fb = scanout->fb;
			gp_scanout_set(scanout, resource, &fb);
		}
	}
}

uint32_t gp_gpu_attach_backing(struct gp_gpu_call *call) {
	uint32_t n_entries = call->command.attach.n_entries;
	struct gp_resource *resource = gp_gpu_call_resource(call, call->command.attach.resource);
	if (resource == NULL) {
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	}
	if (resource->backed) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_UNSPEC,
			"resource %u has backing already", resource->id);
	}
	/* Transfers are checked against the backing, so a 2D resource may have less. */
	struct gp_extents extents = {0};
	uint32_t error =
		map_entries(call, n_entries, resource->blob ? resource->size : 1, &extents);
	if (error != 0) {
		return error;
	}
	gp_resource_attach(resource, &extents);
	gp_saved_state_attach(
		&call->gpu->saved_state, resource->slot, call->command.entries, n_entries);
	if (resource->blob) {
		show_again(call->gpu, resource);
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* A 2D resource shows its host copy, which stays. */
uint32_t gp_gpu_detach_backing(struct gp_gpu_call *call) {
	struct gp_resource *resource = gp_gpu_call_resource(call, call->command.unref.resource);
	if (resource == NULL) {
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	}
	if (!resource->backed && !resource->lost) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_UNSPEC,
			"resource %u has no backing", resource->id);
	}
	if (resource->blob && resource->backed) {
		revoke(call, resource);
	}
	call->gpu->copied += gp_resource_complete_transfers(resource);
	gp_resource_detach(resource);
	gp_saved_state_detach(&call->gpu->saved_state, resource->slot);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* The size of a whole transfer is that of the cursor in the blob, which itself has none (C5). */
static void note_size(struct gp_gpu_call *call, struct gp_resource *resource) {
	const struct gp_rect *rect = &call->command.transfer.rect;
	if (rect->x == 0 && rect->y == 0 && call->command.transfer.offset == 0) {
		resource->hint_width = rect->width;
		resource->hint_height = rect->height;
		gp_saved_state_hint(
			&call->gpu->saved_state, resource->slot, rect->width, rect->height);
	}
}

uint32_t gp_gpu_transfer(struct gp_gpu_call *call) {
	const struct gp_rect *rect = &call->command.transfer.rect;
	uint64_t offset = call->command.transfer.offset;
	struct gp_resource *resource = gp_gpu_call_resource(call, call->command.transfer.resource);
	if (resource == NULL) {
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	}
	if (resource->blob) {
		note_size(call, resource);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	if (!resource->backed) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_UNSPEC,
			"resource %u has no backing", resource->id);
	}
	if (!gp_extents_map(&resource->backing)) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_UNSPEC,
			"resource %u is in device memory that cannot be read", resource->id);
	}
	uint64_t copied;
	if (!gp_resource_transfer(resource, rect, offset, &copied)) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			"rectangle %u,%u %ux%u at offset %" PRIu64
			" of a resource of %ux%u with %" PRIu64 " bytes",
			rect->x, rect->y, rect->width, rect->height, offset, resource->width,
			resource->height, resource->backing.length);
	}
	if (call->command.fenced) {
		copied += gp_resource_complete_transfers(resource);
	}
	call->gpu->copied += copied;
	call->gpu->transferred +=
		(uint64_t)rect->width * rect->height * resource->format->bytes_per_pixel;
	return VIRTIO_GPU_RESP_OK_NODATA;
}
