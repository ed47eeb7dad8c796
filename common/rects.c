#include "common/rects.h"

static bool contains(const struct gp_rect *a, const struct gp_rect *b) {
	return b->x >= a->x && b->y >= a->y && b->x + b->width <= a->x + a->width &&
		b->y + b->height <= a->y + a->height;
}

void gp_rects_add(struct gp_rects *rects, const struct gp_rect *rect) {
	if (rect->width == 0 || rect->height == 0 || gp_rects_contain(rects, rect)) {
		return;
	}
	size_t kept = 0;
	for (size_t i = 0; i < rects->n; i++) {
		if (!contains(rect, &rects->items[i])) {
			rects->items[kept++] = rects->items[i];
		}
	}
	rects->n = kept;
	if (rects->n < GP_RECTS_MAX) {
		rects->items[rects->n++] = *rect;
		return;
	}
	struct gp_rect bounds = gp_rects_bounds(rects);
	*rects = (struct gp_rects){.items = {gp_rect_union(&bounds, rect)}, .n = 1};
}

bool gp_rects_contain(const struct gp_rects *rects, const struct gp_rect *rect) {
	for (size_t i = 0; i < rects->n; i++) {
		if (contains(&rects->items[i], rect)) {
			return true;
		}
	}
	return false;
}

struct gp_rect gp_rects_bounds(const struct gp_rects *rects) {
	struct gp_rect bounds = {0};
	for (size_t i = 0; i < rects->n; i++) {
		bounds = i == 0 ? rects->items[i] : gp_rect_union(&bounds, &rects->items[i]);
	}
	return bounds;
}
