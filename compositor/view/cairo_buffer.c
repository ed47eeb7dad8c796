#include "compositor/view/cairo_buffer.h"

#include <drm_fourcc.h>
#include <stdlib.h>

static struct gp_cairo_buffer *image_from_buffer(struct wlr_buffer *base) {
	struct gp_cairo_buffer *image = wl_container_of(base, image, base);
	return image;
}

static void image_destroy(struct wlr_buffer *base) {
	struct gp_cairo_buffer *image = image_from_buffer(base);
	wlr_buffer_finish(base);
	cairo_surface_destroy(image->surface);
	free(image);
}

static bool image_begin_data_ptr_access(
	struct wlr_buffer *base, uint32_t flags, void **data, uint32_t *format, size_t *stride) {
	struct gp_cairo_buffer *image = image_from_buffer(base);
	if ((flags & WLR_BUFFER_DATA_PTR_ACCESS_WRITE) != 0) {
		return false;
	}
	bool has_alpha = cairo_image_surface_get_format(image->surface) == CAIRO_FORMAT_ARGB32;
	*data = cairo_image_surface_get_data(image->surface);
	*format = has_alpha ? DRM_FORMAT_ARGB8888 : DRM_FORMAT_XRGB8888;
	*stride = cairo_image_surface_get_stride(image->surface);
	return true;
}

static void image_end_data_ptr_access(struct wlr_buffer *base) {
	/* The pixels stay where they are. */
}

static const struct wlr_buffer_impl image_impl = {
	.destroy = image_destroy,
	.begin_data_ptr_access = image_begin_data_ptr_access,
	.end_data_ptr_access = image_end_data_ptr_access,
};

struct gp_cairo_buffer *gp_cairo_buffer_create(int width, int height, bool has_alpha) {
	struct gp_cairo_buffer *image = calloc(1, sizeof(*image));
	if (image == NULL) {
		return NULL;
	}
	cairo_format_t format = has_alpha ? CAIRO_FORMAT_ARGB32 : CAIRO_FORMAT_RGB24;
	image->surface = cairo_image_surface_create(format, width, height);
	if (cairo_surface_status(image->surface) != CAIRO_STATUS_SUCCESS) {
		cairo_surface_destroy(image->surface);
		free(image);
		return NULL;
	}
	wlr_buffer_init(&image->base, &image_impl, width, height);
	return image;
}
