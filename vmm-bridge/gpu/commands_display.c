#include "vmm-bridge/gpu/commands_display.h"

#include "common/checked.h"
#include "common/limits.h"

#define SCANOUT_SIZE_MIN 16 // pixels

uint32_t gp_gpu_get_display_info(struct gp_gpu_call *call) {
	gp_displays_write_info(&call->gpu->displays, &call->response.display_info);
	return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
}

uint32_t gp_gpu_get_edid(struct gp_gpu_call *call) {
	uint32_t scanout = call->command.get_edid.scanout;
	if (scanout >= call->gpu->displays.count) {
		return gp_gpu_call_refuse(
			call, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, "no scanout %u", scanout);
	}
	gp_displays_write_edid(&call->gpu->displays, scanout, &call->response.edid);
	return VIRTIO_GPU_RESP_OK_EDID;
}

/* Puts a resource on a scanout if the rectangle is in order (C1). */
static uint32_t set_framebuffer(struct gp_gpu_call *call, uint32_t scanout,
	struct gp_resource *resource, const struct gp_framebuffer *fb) {
	const struct gp_rect *rect = &fb->rect;
	if (rect->width < SCANOUT_SIZE_MIN || rect->height < SCANOUT_SIZE_MIN ||
		!gp_rect_inside(rect, fb->width, fb->height)) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			"rectangle %u,%u %ux%u of a framebuffer of %ux%u", rect->x, rect->y,
			rect->width, rect->height, fb->width, fb->height);
	}
	/* A restored blob may be without memory: it is shown as soon as it has some (B8). */
	if (gp_resource_has_pixels(resource)) {
		gp_scanout_set(&call->gpu->scanouts[scanout], resource, fb);
	} else {
		gp_scanout_remember(&call->gpu->scanouts[scanout], resource, fb);
	}
	gp_saved_state_scanout(&call->gpu->saved_state, scanout, resource->id, &call->command);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void gp_gpu_disable_scanout(struct gp_gpu *gpu, uint32_t scanout) {
	gp_scanout_disable(&gpu->scanouts[scanout]);
	gp_saved_state_scanout(&gpu->saved_state, scanout, 0, NULL);
}

uint32_t gp_gpu_set_scanout(struct gp_gpu_call *call) {
	uint32_t scanout = call->command.set_scanout.scanout;
	uint32_t id = call->command.set_scanout.resource;
	if (scanout >= call->gpu->displays.count) {
		return gp_gpu_call_refuse(
			call, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, "no scanout %u", scanout);
	}
	if (id == 0) {
		gp_gpu_disable_scanout(call->gpu, scanout);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	struct gp_resource *resource = gp_gpu_call_resource(call, id);
	if (resource == NULL) {
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	}
	if (resource->blob) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
			"resource %u is a blob, which has no format", id);
	}
	/* A monitor shows no alpha, whatever the guest leaves there. A plane might. */
	struct gp_framebuffer fb = {
		.format = gp_format_without_alpha(resource->format),
		.width = resource->width,
		.height = resource->height,
		.stride = resource->stride,
		.rect = call->command.set_scanout.rect,
	};
	return set_framebuffer(call, scanout, resource, &fb);
}

/* C1 counts the whole stride of the last row, too, which is stricter than gp_format_fits. */
static bool layout_fits(const struct gp_framebuffer *fb, uint64_t size) {
	uint64_t length = (uint64_t)fb->stride * fb->height;
	return fb->width <= GP_DIMENSION_MAX && fb->height <= GP_DIMENSION_MAX &&
		gp_range_inside(fb->offset, length, size) &&
		gp_format_fits(fb->format, fb->width, fb->height, fb->offset, fb->stride, size);
}

static uint32_t set_blob(struct gp_gpu_call *call, struct gp_resource *resource) {
	struct gp_framebuffer fb = {
		.format = gp_format_from_virtio(call->command.set_scanout_blob.format),
		.width = call->command.set_scanout_blob.width,
		.height = call->command.set_scanout_blob.height,
		.offset = call->command.set_scanout_blob.offset,
		.stride = call->command.set_scanout_blob.stride,
		.rect = call->command.set_scanout_blob.rect,
	};
	if (fb.format == NULL) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			"unknown format %u", call->command.set_scanout_blob.format);
	}
	fb.format = gp_format_without_alpha(fb.format);
	if (!layout_fits(&fb, resource->size)) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			"%ux%u with stride %u at offset %u does not fit into %llu bytes", fb.width,
			fb.height, fb.stride, fb.offset, (unsigned long long)resource->size);
	}
	return set_framebuffer(call, call->command.set_scanout_blob.scanout, resource, &fb);
}

uint32_t gp_gpu_set_scanout_blob(struct gp_gpu_call *call) {
	uint32_t scanout = call->command.set_scanout_blob.scanout;
	uint32_t id = call->command.set_scanout_blob.resource;
	if (scanout >= call->gpu->displays.count) {
		return gp_gpu_call_refuse(
			call, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, "no scanout %u", scanout);
	}
	if (id == 0) {
		gp_gpu_disable_scanout(call->gpu, scanout);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	struct gp_resource *resource = gp_gpu_call_resource(call, id);
	if (resource == NULL) {
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	}
	if (!resource->blob || (!resource->backed && !call->gpu->restoring)) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
			"resource %u is %s", id, resource->blob ? "without memory" : "no blob");
	}
	return set_blob(call, resource);
}

uint32_t gp_gpu_flush(struct gp_gpu_call *call) {
	struct gp_gpu *gpu = call->gpu;
	const struct gp_rect *rect = &call->command.flush.rect;
	struct gp_resource *resource = gp_gpu_call_resource(call, call->command.flush.resource);
	if (resource == NULL) {
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	}
	if (!resource->blob && !gp_rect_inside(rect, resource->width, resource->height)) {
		return gp_gpu_call_refuse(call, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
			"rectangle %u,%u %ux%u of a resource of %ux%u", rect->x, rect->y,
			rect->width, rect->height, resource->width, resource->height);
	}
	if (!gp_resource_has_pixels(resource)) {
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	for (uint32_t i = 0; i < gpu->displays.count; i++) {
		struct gp_scanout *scanout = &gpu->scanouts[i];
		if (scanout->resource_id == resource->id) {
			struct gp_held_reply *reply =
				call->command.fenced ? gp_gpu_call_hold(call) : NULL;
			gp_scanout_flush(scanout, rect, reply, call->now_ns);
		}
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}
