#ifndef GP_VMM_BRIDGE_PRESENT_LAYOUT_H
#define GP_VMM_BRIDGE_PRESENT_LAYOUT_H

#include <string.h>

#include "client/guest_scanout.h"

/* How buffers lie in their memory, compared. */

/* A compositor that refuses such pixels in one buffer refuses them in all. */
static inline bool gp_layout_same_pixels(
	const struct gp_client_layout *a, const struct gp_client_layout *b) {
	return a->format == b->format && a->modifier == b->modifier;
}

static inline bool gp_layout_equal(
	const struct gp_client_layout *a, const struct gp_client_layout *b) {
	return gp_layout_same_pixels(a, b) && a->width == b->width && a->height == b->height &&
		a->n_planes == b->n_planes &&
		memcmp(a->planes, b->planes, a->n_planes * sizeof(a->planes[0])) == 0;
}

#endif
