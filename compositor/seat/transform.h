#ifndef GP_COMPOSITOR_SEAT_TRANSFORM_H
#define GP_COMPOSITOR_SEAT_TRANSFORM_H

/**
 * From a place on a panel to a place on what is shown there. Transforms are those of
 * enum wl_output_transform: how the panel is turned.
 */

/* Turns a place on the panel, with sides of length 1, into one on the output as it is seen. */
void gp_transform_point(int transform, double *x, double *y);
/* The same for a direction. */
void gp_transform_vector(int transform, double *x, double *y);

/**
 * A point of a side of a picture that is shown with length from and has to pixels: the nearest
 * point that is inside, in pixels. Both lengths are positive.
 */
double gp_scale_clamp(double at, int from, int to);

#endif
