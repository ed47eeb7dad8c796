#ifndef GP_VMM_BRIDGE_SEAT_SCANOUTS_H
#define GP_VMM_BRIDGE_SEAT_SCANOUTS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Where the guest's scanouts lie. That is its own choice, which it reports to nobody. They are
 * taken to lie in a row from the left, in their order, as the device proposes (GET_DISPLAY_INFO).
 * Those that are off do not count, unless the user is on one of them, to wake the guest: then all
 * are where they were last.
 */

struct gp_scanouts {
	uint32_t count;
	/**
	 * What the scanout shows, in pixels, or has shown last, or else its mode; 0: it has none.
	 * False: it is off.
	 */
	bool (*get_size)(void *data, uint32_t scanout, uint32_t *width, uint32_t *height);
	void *data;
};

/* A point on a scanout, and where that lies. Lengths are in pixels. */
struct gp_scanout_point {
	uint32_t scanout;
	int32_t x, y; // in the scanout, in 1/256 pixel; outside of it perhaps
	uint32_t offset; // of the scanout
	uint32_t width, height; // of the scanout; not 0
	uint32_t desktop_width, desktop_height;
};

/* False: the scanout has no size. */
bool gp_scanouts_locate(const struct gp_scanouts *scanouts, uint32_t scanout, int32_t x, int32_t y,
	struct gp_scanout_point *out);
/* The same point as one on the scanout of other, outside of it perhaps. */
struct gp_scanout_point gp_scanout_point_relate(
	const struct gp_scanout_point *point, const struct gp_scanout_point *other);
/* The point on the axes of a device that covers its scanout, or the whole desktop. */
void gp_scanout_point_to_axes(
	const struct gp_scanout_point *point, bool desktop, int32_t *x, int32_t *y);

#endif
