#include "compositor/config/scaling.h"

#include <stddef.h>
#include <string.h>

bool gp_scaling_from_name(const char *name, enum gp_scaling *scaling) {
	static const char *const names[] = {
		[GP_SCALING_FIT] = "fit",
		[GP_SCALING_INTEGER] = "integer",
		[GP_SCALING_FILL] = "fill",
		[GP_SCALING_NONE] = "none",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*scaling = i;
			return true;
		}
	}
	return false;
}

/* A box of that shape, as wide as the outer one or as high. */
static struct gp_box fit(
	int32_t width, int32_t height, int32_t outer_width, int32_t outer_height, bool by_width) {
	struct gp_box box = {.width = outer_width, .height = outer_height};
	if (by_width) {
		box.height = (int64_t)height * outer_width / width;
	} else {
		box.width = (int64_t)width * outer_height / height;
	}
	box.width = box.width < 1 ? 1 : box.width;
	box.height = box.height < 1 ? 1 : box.height;
	return box;
}

static int32_t min(int32_t a, int32_t b) {
	return a < b ? a : b;
}

struct gp_box gp_scaling_fit(enum gp_scaling scaling, int32_t width, int32_t height,
	int32_t outer_width, int32_t outer_height) {
	bool is_wider = (int64_t)width * outer_height > (int64_t)height * outer_width;
	int32_t factor = min(outer_width / width, outer_height / height);
	struct gp_box box = {.width = width, .height = height};
	if (scaling == GP_SCALING_FILL) {
		box = fit(width, height, outer_width, outer_height, !is_wider);
	} else if (scaling == GP_SCALING_INTEGER && factor >= 1) {
		box.width *= factor;
		box.height *= factor;
	} else if (scaling != GP_SCALING_NONE) {
		box = fit(width, height, outer_width, outer_height, is_wider);
	}
	box.x = (outer_width - box.width) / 2;
	box.y = (outer_height - box.height) / 2;
	return box;
}
