#ifndef GP_COMPOSITOR_NESTED_WINDOW_SCALE_H
#define GP_COMPOSITOR_NESTED_WINDOW_SCALE_H

#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_parent;
struct wl_output;
struct wl_surface;
struct wp_fractional_scale_v1;
struct wp_viewport;

#define GP_SCALE_ONE 120 // scales are in 120ths, as in fractional-scale-v1
#define GP_WINDOW_SCALE_OUTPUTS_MAX 8

/**
 * How many pixels the parent wants for each unit of a window's size: by fractional-scale-v1, else
 * by wl_surface.preferred_buffer_scale, else by the scale of the parent's outputs that the window
 * is on. Of a parent without viewporter, which could not show a buffer of another size, it is 1.
 */
struct gp_window_scale {
	struct gp_parent *parent;
	struct wp_viewport *viewport; // of the window's surface; may be NULL
	struct wp_fractional_scale_v1 *fractional; // may be NULL
	uint32_t scale_120; // what counts

	/* What the parent said; 0 for nothing. */
	uint32_t fractional_120;
	int32_t buffer_scale;
	struct wl_output *outputs[GP_WINDOW_SCALE_OUTPUTS_MAX]; // that the window is on; first n
	size_t n_outputs;

	struct {
		struct wl_signal changed; // scale_120 is another
	} events;
};

/**
 * Follows a new surface, whose events it takes; its user data stays free for others. The surface
 * must outlive it.
 */
void gp_window_scale_init(
	struct gp_window_scale *scale, struct gp_parent *parent, struct wl_surface *surface);
void gp_window_scale_finish(struct gp_window_scale *scale);

/* An output of the parent has another scale; it is in gp_parent.outputs. */
void gp_window_scale_update(struct gp_window_scale *scale);
/* An output of the parent is about to be destroyed; it is in gp_parent.outputs no more. */
void gp_window_scale_forget_output(struct gp_window_scale *scale, struct wl_output *wl_output);

/* Pixels for a length, rounded half away from zero, as the protocol says; at least 1. */
int32_t gp_scale_pixels(uint32_t scale_120, int32_t length);

#endif
