#ifndef GP_COMPOSITOR_SEAT_TRANSFORM_H
#define GP_COMPOSITOR_SEAT_TRANSFORM_H

/**
 * From a point of a panel to a point of what is shown there. Transforms are those of
 * enum wl_output_transform: how the panel is turned.
 */

/* Turns a point of the panel, with sides of length 1, into one of the output as it is seen. */
void gp_transform_point(int transform, double *x, double *y);
/* The same for a direction. */
void gp_transform_vector(int transform, double *x, double *y);

/**
 * From a point along one side of a picture, as it is shown with length from, to the nearest point
 * inside the picture's own length to. Both lengths are in pixels and positive.
 */
double gp_scale_clamp(double at, int from, int to);

#endif
