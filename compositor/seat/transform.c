#include "compositor/seat/transform.h"

/* The smallest step of a wl_fixed_t. */
#define FIXED_STEP (1.0 / 256)

#define QUARTERS 3 // bits of a transform: how often it is turned by 90°
#define FLIPPED 4

void gp_transform_vector(int transform, double *x, double *y) {
	for (int i = 0; i < (transform & QUARTERS); i++) {
		double old_x = *x;
		*x = -*y;
		*y = old_x;
	}
	if ((transform & FLIPPED) != 0) {
		*x = -*x;
	}
}

/* Around the middle. */
void gp_transform_point(int transform, double *x, double *y) {
	*x -= 0.5;
	*y -= 0.5;
	gp_transform_vector(transform, x, y);
	*x += 0.5;
	*y += 0.5;
}

double gp_scale_clamp(double at, int from, int to) {
	double scaled = at * to / from;
	return scaled < 0 ? 0 : scaled > to - FIXED_STEP ? to - FIXED_STEP : scaled;
}
