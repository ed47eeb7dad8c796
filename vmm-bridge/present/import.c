#include "vmm-bridge/present/import.h"

#include <drm_fourcc.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/trace.h"

static enum gp_client_blob_kind blob_kind(const struct gp_import *picture) {
	switch (gp_import_kind(picture)) {
	case GP_EXPORT_UDMABUF:
		return GP_CLIENT_BLOB_SYSTEM_DMABUF;
	case GP_EXPORT_VFIO:
		return GP_CLIENT_BLOB_DEVICE_DMABUF;
	default:
		return GP_CLIENT_BLOB_SHM;
	}
}

struct gp_import *gp_import_create(struct gp_exporter *exporter, struct gp_client *client,
	struct gp_resource *resource, enum gp_export_kind from, const char *refusal) {
	struct gp_import *picture = calloc(1, sizeof(*picture));
	if (picture == NULL) {
		gp_error_errno("cannot show resource %u", resource->id);
		return NULL;
	}
	wl_list_init(&picture->link);
	picture->resource = resource;
	picture->resource_id = resource->id;
	picture->host_copy = !resource->blob;
	picture->export.fd = -1;
	uint64_t start_ns = gp_trace_now();
	if (!picture->host_copy &&
		!gp_export_create(exporter, &resource->backing, resource->size, from, refusal,
			&picture->export)) {
		free(picture);
		return NULL;
	}
	if (gp_trace_on) {
		gp_trace_step(GP_TRACE_EXPORT, start_ns, gp_trace_now());
	}
	const struct gp_export *export = &picture->export;
	int fd = picture->host_copy ? resource->shm_fd : export->fd;
	uint64_t size = picture->host_copy ? resource->size : export->size;
	picture->blob = gp_client_blob_create(client, fd, size, blob_kind(picture),
		export->device[0] != '\0' ? export->device : NULL, picture);
	if (picture->blob == NULL) {
		gp_import_destroy(picture);
		return NULL;
	}
	return picture;
}

void gp_import_destroy(struct gp_import *picture) {
	gp_export_finish(&picture->export);
	wl_list_remove(&picture->link);
	free(picture);
}

void gp_import_end(struct gp_import *picture) {
	gp_client_blob_revoke(picture->blob);
	gp_export_finish(&picture->export);
	picture->blob = NULL;
	picture->n_buffers = 0;
	picture->refused = NULL;
	picture->ending = true;
}

bool gp_import_reads_guest(const struct gp_import *picture) {
	return gp_import_kind(picture) != GP_EXPORT_COPY;
}

enum gp_export_kind gp_import_kind(const struct gp_import *picture) {
	return picture->host_copy ? GP_EXPORT_COPY : picture->export.kind;
}

const char *gp_import_kind_name(const struct gp_import *picture) {
	return picture->host_copy ? "2d" : gp_export_kind_name(picture->export.kind);
}

static bool same_layout(const struct gp_framebuffer *a, const struct gp_framebuffer *b) {
	return a->format == b->format && a->width == b->width && a->height == b->height &&
		a->offset == b->offset && a->stride == b->stride;
}

struct gp_client_buffer *gp_import_find(
	struct gp_import *picture, const struct gp_framebuffer *fb) {
	for (size_t i = 0; i < picture->n_buffers; i++) {
		if (same_layout(&picture->buffers[i].fb, fb)) {
			picture->buffers[i].used = ++picture->uses;
			return picture->buffers[i].buffer;
		}
	}
	return NULL;
}

struct gp_client_buffer *gp_import_surplus(const struct gp_import *picture) {
	if (picture->n_buffers < GP_IMPORT_BUFFERS_MAX) {
		return NULL;
	}
	const struct gp_import_buffer *oldest = &picture->buffers[0];
	for (size_t i = 1; i < picture->n_buffers; i++) {
		if (picture->buffers[i].used < oldest->used) {
			oldest = &picture->buffers[i];
		}
	}
	return oldest->buffer;
}

void gp_import_drop(struct gp_import *picture, struct gp_client_buffer *buffer) {
	for (size_t i = 0; i < picture->n_buffers; i++) {
		if (picture->buffers[i].buffer == buffer) {
			gp_client_buffer_destroy(buffer);
			picture->buffers[i] = picture->buffers[--picture->n_buffers];
			return;
		}
	}
}

struct gp_client_buffer *gp_import_add(struct gp_import *picture, const struct gp_framebuffer *fb) {
	const struct gp_client_layout layout = {
		.width = fb->width,
		.height = fb->height,
		.format = fb->format->drm,
		.modifier = DRM_FORMAT_MOD_LINEAR,
		.planes = {{fb->offset, fb->stride}},
		.n_planes = 1,
	};
	struct gp_client_buffer *buffer = gp_client_buffer_create(picture->blob, &layout);
	if (buffer != NULL) {
		picture->buffers[picture->n_buffers++] = (struct gp_import_buffer){
			.buffer = buffer,
			.fb = *fb,
			.used = ++picture->uses,
		};
	}
	return buffer;
}

void gp_import_update(struct gp_import *picture, struct gp_exporter *exporter,
	const struct gp_framebuffer *fb, const struct gp_rect *rect) {
	if (picture->export.map == NULL) {
		return;
	}
	uint32_t bpp = fb->format->bytes_per_pixel;
	uint64_t start_ns = gp_trace_now();
	gp_export_copy_rows(exporter, &picture->export, &picture->resource->backing, fb->offset,
		fb->stride, rect->x * bpp, rect->width * bpp, rect->y, rect->height);
	if (gp_trace_on) {
		gp_trace_step(GP_TRACE_COPY, start_ns, gp_trace_now());
	}
}
