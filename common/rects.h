#ifndef GP_COMMON_RECTS_H
#define GP_COMMON_RECTS_H

#include <stddef.h>

#include "common/rect.h"

/**
 * Some rectangles of a picture, such as what has changed of it: few, as beyond GP_RECTS_MAX they
 * become their bounding box. Zeros: none.
 */

#define GP_RECTS_MAX 16

struct gp_rects {
	struct gp_rect items[GP_RECTS_MAX]; // none is empty, or inside of another one
	size_t n;
};

/* The rectangle may be empty. It must not reach beyond 2^32 - 1. */
void gp_rects_add(struct gp_rects *rects, const struct gp_rect *rect);
/* Whether one of them has all of the rectangle. */
bool gp_rects_contain(const struct gp_rects *rects, const struct gp_rect *rect);
/* The bounding box; empty if there are none. */
struct gp_rect gp_rects_bounds(const struct gp_rects *rects);

#endif
