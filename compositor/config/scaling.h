#ifndef GP_COMPOSITOR_CONFIG_SCALING_H
#define GP_COMPOSITOR_CONFIG_SCALING_H

#include <stdbool.h>
#include <stdint.h>

/**
 * How a scanout is shown on an output of another size: always in the middle.
 */
enum gp_scaling {
	GP_SCALING_FIT, // as large as fits into the output
	GP_SCALING_INTEGER, // the largest whole multiple that fits; like fit if not even one does
	GP_SCALING_FILL, // as small as covers the output; what is outside is cut off
	GP_SCALING_NONE, // pixel by pixel; what is outside is cut off
};

struct gp_box {
	int32_t x, y, width, height; // pixels of the output; may reach beyond it
};

/* Names are those of the configuration. Returns false for another one. */
bool gp_scaling_from_name(const char *name, enum gp_scaling *scaling);

/* The box of a scanout in an output. Sizes are in pixels and positive. */
struct gp_box gp_scaling_fit(enum gp_scaling scaling, int32_t width, int32_t height,
	int32_t outer_width, int32_t outer_height);

#endif
