#ifndef GP_COMPOSITOR_CONFIG_SCALING_H
#define GP_COMPOSITOR_CONFIG_SCALING_H

#include <stdbool.h>
#include <stdint.h>

/**
 * What becomes of a picture that has not the size of its output. It is in the middle in any case.
 */
enum gp_scaling {
	GP_SCALING_FIT, // as large as fits
	GP_SCALING_INTEGER, // the largest whole multiple that fits; fit if it is too large itself
	GP_SCALING_FILL, // as small as covers the output; the rest is cut off
	GP_SCALING_NONE, // pixel by pixel; what is too large is cut off
};

struct gp_box {
	int32_t x, y, width, height; // in the output; may reach beyond it
};

/* The name in the configuration; false if there is none such. */
bool gp_scaling_from_name(const char *name, enum gp_scaling *scaling);

/* Sizes are of pixels and positive. */
struct gp_box gp_scaling_fit(enum gp_scaling scaling, int32_t width, int32_t height,
	int32_t outer_width, int32_t outer_height);

#endif
