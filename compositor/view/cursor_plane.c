#include "compositor/view/cursor_plane.h"

#include <drm_fourcc.h>
#include <wlr/config.h>
#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_output.h>
#if WLR_HAS_DRM_BACKEND
#include <wlr/backend/drm.h>
#endif

#include "common/log.h"
#include "compositor/nested/window_cursor.h"
#include "compositor/view/cairo_buffer.h"

/* As large as planes are. It bounds what is copied to find out what one takes. */
#define SIZE_MAX_PIXELS 256
/* That are copied from one frame to the next, at least one picture. */
#define COPIED_MAX_PIXELS (2 * SIZE_MAX_PIXELS * SIZE_MAX_PIXELS)

/* wlroots' other backends show it where the pointer of their parent is, or nowhere. */
static bool may_have_plane(struct wlr_output *wlr_output) {
#if WLR_HAS_DRM_BACKEND
	return wlr_output_is_drm(wlr_output);
#else
	return false;
#endif
}

void gp_cursor_plane_init(struct gp_cursor_plane *plane, struct wlr_output *wlr_output,
	struct gp_window_cursor *window_cursor) {
	*plane = (struct gp_cursor_plane){
		.wlr_output = wlr_output,
		.window_cursor = window_cursor,
	};
	if (may_have_plane(wlr_output)) {
		plane->wlr_cursor = wlr_output_cursor_create(wlr_output);
	}
}

void gp_cursor_plane_finish(struct gp_cursor_plane *plane) {
	gp_cursor_plane_hide(plane);
	if (plane->wlr_cursor != NULL) {
		wlr_output_cursor_destroy(plane->wlr_cursor);
		plane->wlr_cursor = NULL;
	}
}

/* Draws the part of the pixels that is shown, scaled. */
static void draw(cairo_t *cairo, cairo_surface_t *pixels, const struct gp_cursor_picture *picture) {
	const struct wlr_fbox *source = &picture->source;
	cairo_scale(cairo, picture->width / source->width, picture->height / source->height);
	cairo_set_source_surface(cairo, pixels, -source->x, -source->y);
	cairo_pattern_set_filter(cairo_get_source(cairo),
		picture->nearest ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_BILINEAR);
	cairo_set_operator(cairo, CAIRO_OPERATOR_SOURCE);
	cairo_paint(cairo);
}

/* Returns NULL if the CPU cannot read it. */
static struct gp_cairo_buffer *copy_picture(const struct gp_cursor_picture *picture) {
	void *data;
	uint32_t format;
	size_t stride;
	if (!wlr_buffer_begin_data_ptr_access(
		    picture->buffer, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride)) {
		return NULL;
	}
	struct gp_cairo_buffer *image = NULL;
	if (format == DRM_FORMAT_ARGB8888 || format == DRM_FORMAT_XRGB8888) {
		cairo_surface_t *pixels = cairo_image_surface_create_for_data(data,
			format == DRM_FORMAT_ARGB8888 ? CAIRO_FORMAT_ARGB32 : CAIRO_FORMAT_RGB24,
			picture->buffer->width, picture->buffer->height, stride);
		image = gp_cairo_buffer_create(picture->width, picture->height, true);
		if (image != NULL) {
			cairo_t *cairo = cairo_create(image->surface);
			draw(cairo, pixels, picture);
			cairo_destroy(cairo);
			cairo_surface_flush(image->surface);
		}
		cairo_surface_destroy(pixels);
	}
	wlr_buffer_end_data_ptr_access(picture->buffer);
	return image;
}

static bool is_on_hardware(const struct gp_cursor_plane *plane) {
	return plane->wlr_cursor->output->hardware_cursor == plane->wlr_cursor;
}

/* Whether it is on the plane, or wlroots puts it there when nobody takes screenshots any more. */
static bool set_image(struct gp_cursor_plane *plane) {
	struct wlr_output_cursor *cursor = plane->wlr_cursor;
	if (plane->window_cursor != NULL) {
		return gp_window_cursor_show(
			plane->window_cursor, plane->image, plane->x, plane->y);
	}
	return wlr_output_cursor_set_buffer(
		       cursor, plane->image, plane->shown.hotspot_x, plane->shown.hotspot_y) &&
		(is_on_hardware(plane) || cursor->output->software_cursor_locks > 0);
}

static bool same_picture(const struct gp_cursor_picture *a, const struct gp_cursor_picture *b) {
	return a->stamp == b->stamp && wlr_fbox_equal(&a->source, &b->source) &&
		a->width == b->width && a->height == b->height && a->hotspot_x == b->hotspot_x &&
		a->hotspot_y == b->hotspot_y && a->nearest == b->nearest;
}

static bool change_picture(struct gp_cursor_plane *plane, const struct gp_cursor_picture *picture) {
	if (picture->width > SIZE_MAX_PIXELS || picture->height > SIZE_MAX_PIXELS ||
		(plane->refused_width == picture->width &&
			plane->refused_height == picture->height)) {
		return false;
	}
	uint64_t n_pixels = (uint64_t)picture->width * picture->height;
	/* Hidden or not: a cursor that is hidden and shown again is copied anew. */
	if (plane->n_copied > 0 && plane->n_copied + n_pixels > COPIED_MAX_PIXELS) {
		plane->stale = true;
		wlr_output_schedule_frame(plane->wlr_output);
		return true; // the old one, or none, until then
	}
	plane->n_copied += n_pixels;
	struct gp_cairo_buffer *image = copy_picture(picture);
	if (image == NULL) {
		return false;
	}
	wlr_buffer_unlock(plane->image);
	plane->image = wlr_buffer_lock(&image->base);
	wlr_buffer_drop(&image->base);
	plane->shown = *picture;
	plane->shown.buffer = NULL;
	if (set_image(plane)) {
		return true;
	}
	plane->refused_width = picture->width;
	plane->refused_height = picture->height;
	gp_debug("output %s: no cursor plane for %dx%d", plane->wlr_output->name, picture->width,
		picture->height);
	return false;
}

bool gp_cursor_plane_show(struct gp_cursor_plane *plane, const struct gp_cursor_picture *picture,
	int32_t x, int32_t y) {
	plane->x = x;
	plane->y = y;
	bool shown = false;
	if (plane->wlr_cursor != NULL) {
		wlr_output_cursor_move(
			plane->wlr_cursor, x + picture->hotspot_x, y + picture->hotspot_y);
		shown = same_picture(&plane->shown, picture) || change_picture(plane, picture);
	} else if (plane->window_cursor != NULL && !plane->captured &&
		plane->wlr_output->transform == WL_OUTPUT_TRANSFORM_NORMAL) {
		shown = same_picture(&plane->shown, picture) ? set_image(plane)
							     : change_picture(plane, picture);
	}
	if (!shown) {
		gp_cursor_plane_hide(plane);
	}
	return shown;
}

void gp_cursor_plane_hide(struct gp_cursor_plane *plane) {
	if (plane->image == NULL) {
		return;
	}
	if (plane->window_cursor != NULL) {
		gp_window_cursor_hide(plane->window_cursor);
	} else {
		wlr_output_cursor_set_buffer(plane->wlr_cursor, NULL, 0, 0);
	}
	wlr_buffer_unlock(plane->image);
	plane->image = NULL;
	plane->shown = (struct gp_cursor_picture){0};
}

void gp_cursor_plane_reset(struct gp_cursor_plane *plane) {
	plane->shown.stamp = 0;
	plane->refused_width = plane->refused_height = 0;
}

bool gp_cursor_plane_restore(struct gp_cursor_plane *plane) {
	bool captured = plane->wlr_output->software_cursor_locks > 0;
	bool changed = plane->stale;
	plane->stale = false;
	plane->n_copied = 0;
	if (plane->window_cursor != NULL) {
		changed = changed || captured != plane->captured;
		plane->captured = captured;
		return changed;
	}
	if (plane->image != NULL && !is_on_hardware(plane) && !captured) {
		set_image(plane);
	}
	return changed;
}
