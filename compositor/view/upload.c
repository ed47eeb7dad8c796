#include "compositor/view/upload.h"

#include <inttypes.h>
#include <wlr/render/pixman.h>
#include <wlr/render/wlr_texture.h>
#include <wlr/types/wlr_buffer.h>

#include "common/format.h"
#include "common/log.h"
#include "compositor/memory/guest_buffer.h"
#include "guest-scanout-v1-enum.h"

/* Whole pictures. */
#define UPLOADS_PER_FRAME 2

/*
 * Exported by wlroots 0.20, though no header of it says so. wlr_surface uses it if a wlr_compositor
 * has a renderer, but then for dma-bufs, too, and wlr_scene takes the texture of nothing else.
 */
struct wlr_client_buffer *wlr_client_buffer_create(
	struct wlr_buffer *buffer, struct wlr_renderer *renderer);

void gp_upload_init(struct gp_upload *upload, struct wlr_renderer *renderer) {
	*upload = (struct gp_upload){.renderer = renderer};
}

static void drop_texture(struct gp_upload *upload) {
	if (upload->texture != NULL) {
		wlr_buffer_unlock(&upload->texture->base);
		upload->texture = NULL;
	}
}

void gp_upload_finish(struct gp_upload *upload) {
	drop_texture(upload);
}

static uint64_t count_bytes(const pixman_region32_t *region, uint32_t format) {
	int n;
	uint64_t pixels = 0;
	const pixman_box32_t *boxes = pixman_region32_rectangles(region, &n);
	for (int i = 0; i < n; i++) {
		pixels += (uint64_t)(boxes[i].x2 - boxes[i].x1) *
			(uint64_t)(boxes[i].y2 - boxes[i].y1);
	}
	return pixels * gp_format_from_drm(format)->bytes_per_pixel;
}

static bool update_texture(
	struct gp_upload *upload, struct gp_guest_buffer *buffer, const pixman_region32_t *damage) {
	struct wlr_client_buffer *texture = upload->texture;
	if (texture == NULL || texture->texture == NULL || damage == NULL ||
		upload->format != buffer->layout.format ||
		texture->base.width != buffer->base.width ||
		texture->base.height != buffer->base.height) {
		return false;
	}
	pixman_region32_t inside;
	pixman_region32_init(&inside);
	pixman_region32_intersect_rect(&inside, damage, 0, 0, (unsigned)texture->base.width,
		(unsigned)texture->base.height);
	bool ok = pixman_region32_empty(&inside) ||
		wlr_texture_update_from_buffer(texture->texture, &buffer->base, &inside);
	upload->bytes += ok ? count_bytes(&inside, upload->format) : 0;
	pixman_region32_fini(&inside);
	return ok;
}

static void make_texture(struct gp_upload *upload, struct gp_guest_buffer *buffer) {
	drop_texture(upload);
	upload->texture = wlr_client_buffer_create(&buffer->base, upload->renderer);
	if (upload->texture == NULL) {
		static struct gp_log_limit limit = {.burst = 3, .interval_ns = 10000000000};
		uint64_t suppressed;
		if (gp_log_limit_pass(&limit, &suppressed)) {
			gp_error("a picture of %dx%d cannot be uploaded; %" PRIu64
				 " such lines suppressed",
				buffer->base.width, buffer->base.height, suppressed);
		}
		return;
	}
	upload->format = buffer->layout.format;
	pixman_region32_t all;
	pixman_region32_init_rect(
		&all, 0, 0, (unsigned)buffer->base.width, (unsigned)buffer->base.height);
	upload->bytes += count_bytes(&all, upload->format);
	pixman_region32_fini(&all);
}

/* Returns NULL for what a renderer reads without an upload. */
static struct gp_guest_buffer *find_uploaded(
	const struct gp_upload *upload, const struct wlr_buffer *buffer) {
	struct gp_guest_buffer *guest_buffer = buffer != NULL
		? gp_guest_buffer_try_from_buffer((struct wlr_buffer *)buffer)
		: NULL;
	bool is_uploaded = guest_buffer != NULL && !gp_guest_buffer_is_inert(guest_buffer) &&
		guest_buffer->import == GUEST_BLOB_V1_IMPORT_SHM &&
		!wlr_renderer_is_pixman(upload->renderer);
	return is_uploaded ? guest_buffer : NULL;
}

bool gp_upload_must_wait(const struct gp_upload *upload, const struct wlr_buffer *buffer) {
	const struct gp_guest_buffer *guest_buffer = find_uploaded(upload, buffer);
	if (guest_buffer == NULL) {
		return false;
	}
	uint64_t size = (uint64_t)buffer->width * (uint64_t)buffer->height *
		gp_format_from_drm(guest_buffer->layout.format)->bytes_per_pixel;
	return upload->bytes - upload->frame_bytes >= UPLOADS_PER_FRAME * size;
}

void gp_upload_begin_frame(struct gp_upload *upload) {
	upload->frame_bytes = upload->bytes;
}

struct wlr_buffer *gp_upload_update(
	struct gp_upload *upload, struct wlr_buffer *buffer, const pixman_region32_t *damage) {
	struct gp_guest_buffer *guest_buffer = find_uploaded(upload, buffer);
	if (guest_buffer == NULL) {
		drop_texture(upload);
		return buffer;
	}
	if (!update_texture(upload, guest_buffer, damage)) {
		make_texture(upload, guest_buffer);
	}
	return upload->texture != NULL ? &upload->texture->base : buffer;
}
