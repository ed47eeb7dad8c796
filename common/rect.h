#ifndef GP_COMMON_RECT_H
#define GP_COMMON_RECT_H

#include <stdbool.h>
#include <stdint.h>

/* A rectangle in pixels. Values are untrusted until checked; arithmetic on them is 64 bits wide. */
struct gp_rect {
	uint32_t x, y, width, height;
};

static inline bool gp_rect_inside(const struct gp_rect *rect, uint32_t width, uint32_t height) {
	return (uint64_t)rect->x + rect->width <= width &&
		(uint64_t)rect->y + rect->height <= height;
}

/* The intersection; false if it is empty, *out is then all zero. */
bool gp_rect_intersect(const struct gp_rect *a, const struct gp_rect *b, struct gp_rect *out);

/* The smallest rectangle that has both; neither may reach beyond 2^32 - 1. */
struct gp_rect gp_rect_union(const struct gp_rect *a, const struct gp_rect *b);

#endif
