#include "common/rect.h"

static uint64_t max_u64(uint64_t a, uint64_t b) {
	return a > b ? a : b;
}

static uint64_t min_u64(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

bool gp_rect_intersect(const struct gp_rect *a, const struct gp_rect *b, struct gp_rect *out) {
	uint64_t left = max_u64(a->x, b->x);
	uint64_t top = max_u64(a->y, b->y);
	uint64_t right = min_u64((uint64_t)a->x + a->width, (uint64_t)b->x + b->width);
	uint64_t bottom = min_u64((uint64_t)a->y + a->height, (uint64_t)b->y + b->height);

	if (right <= left || bottom <= top) {
		*out = (struct gp_rect){0};
		return false;
	}
	*out = (struct gp_rect){left, top, right - left, bottom - top};
	return true;
}

struct gp_rect gp_rect_union(const struct gp_rect *a, const struct gp_rect *b) {
	uint64_t left = min_u64(a->x, b->x);
	uint64_t top = min_u64(a->y, b->y);
	uint64_t right = max_u64((uint64_t)a->x + a->width, (uint64_t)b->x + b->width);
	uint64_t bottom = max_u64((uint64_t)a->y + a->height, (uint64_t)b->y + b->height);
	return (struct gp_rect){left, top, right - left, bottom - top};
}
