#ifndef GP_COMPOSITOR_SEAT_SPOT_H
#define GP_COMPOSITOR_SEAT_SPOT_H

#include <stdbool.h>

struct gp_output;
struct gp_outputs;
struct wlr_box;
struct wlr_surface;

/**
 * Where a finger, a pen or an absolute pointer is, and what is shown there.
 *
 * A layout point is in device pixels, as everything in the layout and in the scenes is. A surface
 * point is in pixels of the scanout.
 */
struct gp_spot {
	struct wlr_surface *surface; // of the guest in front there; NULL: there is none
	bool inside; // the surface's picture, and not beside it
	double x, y; // the surface point that is nearest
	double layout_x, layout_y;
	int transform; // of the output
};

/**
 * Finds the spot of a device: x and y are on its panel, with sides of length 1. The device belongs
 * to the output that the configuration says, else to the one that it claims (NULL: none), else to
 * the first. Without any output the spot is all zeros.
 */
void gp_spot_locate(struct gp_spot *spot, const struct gp_outputs *outputs, const char *device,
	const char *claimed, double x, double y);

/* The output at a layout point, or NULL. */
struct gp_output *gp_spot_find_output(
	const struct gp_outputs *outputs, double layout_x, double layout_y);
/**
 * Whether the output (NULL: no) shows a surface of a guest, which can have the focus then. One
 * whose scanout is off counts, and an output that sleeps: what the user does there wakes them.
 */
bool gp_spot_shows_guest(const struct gp_output *output);
/* The output that shows the surface, or NULL. */
struct gp_output *gp_spot_find_surface(
	const struct gp_outputs *outputs, const struct wlr_surface *surface);

/**
 * Finds the nearest surface point to a layout point, for an output that shows a guest. Returns
 * whether the layout point is inside the picture.
 */
bool gp_spot_project(const struct gp_outputs *outputs, const struct gp_output *output,
	double layout_x, double layout_y, double *x, double *y);
/* The arithmetic of it: picture is where the layout shows a surface of width × height. */
bool gp_spot_project_on(const struct wlr_box *picture, int width, int height, double layout_x,
	double layout_y, double *x, double *y);

#endif
