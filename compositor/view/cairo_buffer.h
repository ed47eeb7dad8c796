#ifndef GP_COMPOSITOR_VIEW_CAIRO_BUFFER_H
#define GP_COMPOSITOR_VIEW_CAIRO_BUFFER_H

#include <cairo.h>
#include <stdbool.h>
#include <wlr/interfaces/wlr_buffer.h>

/**
 * A picture that is drawn with cairo and shown in the scene.
 */
struct gp_cairo_buffer {
	struct wlr_buffer base;
	cairo_surface_t *surface;
};

/**
 * With alpha it starts transparent, otherwise black. Returns NULL if memory is short. Draw with a
 * cairo_t of the surface, then give it to the scene and wlr_buffer_drop() it.
 */
struct gp_cairo_buffer *gp_cairo_buffer_create(int width, int height, bool has_alpha);

#endif
