#include "vmm-bridge/seat/scanouts.h"

#include "vmm-bridge/input/evdev.h"

bool gp_scanouts_locate(const struct gp_scanouts *scanouts, uint32_t scanout, int32_t x, int32_t y,
	struct gp_scanout_point *out) {
	uint32_t width, height;
	*out = (struct gp_scanout_point){.scanout = scanout, .x = x, .y = y};
	if (scanout >= scanouts->count) {
		return false;
	}
	bool on = scanouts->get_size(scanouts->data, scanout, &width, &height);
	for (uint32_t i = 0; i < scanouts->count; i++) {
		if (!scanouts->get_size(scanouts->data, i, &width, &height) && on) {
			continue;
		}
		if (i == scanout) {
			out->offset = out->desktop_width;
			out->width = width;
			out->height = height;
		}
		out->desktop_width += width;
		if (height > out->desktop_height) {
			out->desktop_height = height;
		}
	}
	return out->width > 0 && out->height > 0;
}

struct gp_scanout_point gp_scanout_point_relate(
	const struct gp_scanout_point *point, const struct gp_scanout_point *other) {
	struct gp_scanout_point related = *other;
	int64_t x = point->x + ((int64_t)point->offset - other->offset) * 256;
	related.x = (int32_t)(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x);
	related.y = point->y;
	return related;
}

void gp_scanout_point_to_axes(
	const struct gp_scanout_point *point, bool desktop, int32_t *x, int32_t *y) {
	*x = gp_evdev_absolute(point->x, desktop ? point->offset : 0,
		desktop ? point->desktop_width : point->width);
	*y = gp_evdev_absolute(point->y, 0, desktop ? point->desktop_height : point->height);
}
