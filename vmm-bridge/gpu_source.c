#include "vmm-bridge/gpu_source.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "vmm-bridge/export/exporter.h"
#include "vmm-bridge/export/read_rows.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/gpu/resource.h"
#include "vmm-bridge/present/presenter.h"

/* A resource from its first scanout_set to its resource_revoke; gp_resource.outside. */
struct resource_memory {
	struct gp_memory base;
	struct wl_list link; // gp_gpu_source.memories
	const struct gp_exporter *exporter;
	struct gp_resource *resource;
};

static struct resource_memory *from_base(const struct gp_memory *base) {
	struct resource_memory *memory;
	return wl_container_of(base, memory, base);
}

static void describe(const struct gp_memory *base, char *out, size_t size) {
	snprintf(out, size, "resource %u", from_base(base)->resource->id);
}

static enum gp_client_blob_kind file_kind(enum gp_export_kind kind) {
	return kind == GP_EXPORT_VFIO ? GP_CLIENT_BLOB_DEVICE_DMABUF : GP_CLIENT_BLOB_SYSTEM_DMABUF;
}

static bool export_blob(struct gp_memory *base, struct gp_memory_file *out) {
	const struct resource_memory *memory = from_base(base);
	struct gp_export export;
	bool ok =
		gp_export_create(memory->exporter, &memory->resource->backing, base->size, &export);
	memcpy(out->reason, export.reason, sizeof(out->reason));
	if (ok) {
		out->fd = export.fd;
		out->size = export.size;
		out->kind = file_kind(export.kind);
		out->revocable = true;
		out->how = gp_export_kind_name(export.kind);
		memcpy(out->device, export.device, sizeof(out->device));
	}
	return ok;
}

static uint64_t read_blob(struct gp_memory *base, uint8_t *copy,
	const struct gp_client_layout *layout, const struct gp_rect *rect) {
	uint32_t bpp = gp_format_from_drm(layout->format)->bytes_per_pixel;
	return gp_extents_read_rows(&from_base(base)->resource->backing, copy, base->size,
		layout->planes[0].offset, layout->planes[0].stride, rect->x * bpp,
		rect->width * bpp, rect->y, rect->height);
}

static void find_changes_of_blob(struct gp_memory *base, const uint8_t *copy,
	const struct gp_client_layout *layout, const struct gp_rect *rect,
	struct gp_rects *changed) {
	gp_extents_find_changes(&from_base(base)->resource->backing, copy, base->size,
		layout->planes[0].offset, layout->planes[0].stride,
		gp_format_from_drm(layout->format)->bytes_per_pixel, rect, changed);
}

static const struct gp_memory_ops blob_ops = {
	.export = export_blob,
	.read_rows = read_blob,
	.find_changes = find_changes_of_blob,
	.describe = describe,
};

static bool export_2d(struct gp_memory *base, struct gp_memory_file *out) {
	const struct gp_host_copy *copy = &from_base(base)->resource->host_copy;
	out->fd = fcntl(copy->fd, F_DUPFD_CLOEXEC, 0);
	if (out->fd < 0) {
		snprintf(out->reason, sizeof(out->reason), "cannot duplicate its file: %s",
			strerror(errno));
		return false;
	}
	out->size = copy->file_size;
	out->n_halves = copy->n_halves;
	out->half_size = copy->half_size;
	out->kind = GP_CLIENT_BLOB_SHM;
	out->how = "2d";
	snprintf(out->reason, sizeof(out->reason),
		"the guest's resource has no memory of its own to share");
	return true;
}

static struct gp_memory_half get_half_2d(const struct gp_memory *base) {
	const struct gp_host_copy *copy = &from_base(base)->resource->host_copy;
	return (struct gp_memory_half){
		.index = copy->current,
		.stale = copy->wanted.n > 0,
		.reported = copy->changed.width == 0,
	};
}

static uint64_t update_half_2d(struct gp_memory *base, unsigned half, struct gp_rect *changed) {
	struct gp_resource *resource = from_base(base)->resource;
	uint64_t copied = gp_host_copy_update(&resource->host_copy, &resource->backing, half);
	*changed = gp_host_copy_take_changed(&resource->host_copy);
	return copied;
}

static const struct gp_memory_ops ops_2d = {
	.export = export_2d,
	.get_half = get_half_2d,
	.update_half = update_half_2d,
	.describe = describe,
};

void gp_gpu_source_init(struct gp_gpu_source *source, struct gp_presenter *presenter,
	const struct gp_exporter *exporter) {
	*source = (struct gp_gpu_source){.presenter = presenter, .exporter = exporter};
	wl_list_init(&source->memories);
}

static struct resource_memory *create_memory(
	struct gp_gpu_source *source, struct gp_resource *resource) {
	struct resource_memory *memory = calloc(1, sizeof(*memory));
	if (memory == NULL) {
		gp_error_limited("cannot show resource %u: %m", resource->id);
		return NULL;
	}
	memory->exporter = source->exporter;
	memory->resource = resource;
	if (resource->blob) {
		gp_memory_init(&memory->base, &blob_ops,
			file_kind(gp_export_find_kind(&resource->backing)), resource->size,
			resource->id);
	} else {
		gp_memory_init(
			&memory->base, &ops_2d, GP_CLIENT_BLOB_SHM, resource->size, resource->id);
		memory->base.host_copy = true;
	}
	wl_list_insert(&source->memories, &memory->link);
	resource->outside = memory;
	return memory;
}

void gp_gpu_source_set(struct gp_gpu_source *source, uint32_t scanout, struct gp_resource *resource,
	const struct gp_framebuffer *fb) {
	struct resource_memory *memory = resource->outside;
	if (memory == NULL) {
		memory = create_memory(source, resource);
	}
	if (memory == NULL) {
		gp_presenter_disable(source->presenter, scanout);
		return;
	}
	const struct gp_client_layout layout = {
		.width = fb->width,
		.height = fb->height,
		.format = fb->format->drm,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.planes = {{fb->offset, fb->stride}},
		.n_planes = 1,
	};
	gp_presenter_set(source->presenter, scanout, &memory->base, &layout, &fb->rect);
}

bool gp_gpu_source_revoke(
	struct gp_gpu_source *source, struct gp_resource *resource, uint64_t token, bool wait) {
	struct resource_memory *memory = resource->outside;
	if (memory == NULL) {
		return true;
	}
	resource->outside = NULL;
	bool revoked = gp_presenter_revoke(source->presenter, &memory->base, token, wait);
	wl_list_remove(&memory->link);
	free(memory);
	return revoked;
}

void gp_gpu_source_end_users(struct gp_gpu_source *source, const struct gp_memory_object *object) {
	struct resource_memory *memory;
	wl_list_for_each (memory, &source->memories, link) {
		/* The pixels of a 2D resource are ours, whatever becomes of its backing. */
		if (memory->resource->blob && gp_extents_use(&memory->resource->backing, object)) {
			gp_presenter_end(source->presenter, &memory->base);
		}
	}
}
