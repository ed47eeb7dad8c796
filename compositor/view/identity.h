#ifndef GP_COMPOSITOR_VIEW_IDENTITY_H
#define GP_COMPOSITOR_VIEW_IDENTITY_H

#include <wlr/types/wlr_output.h>

#include "compositor/config/config.h"

/* The names by which the configuration knows an output. The strings are the output's. */
static inline struct gp_config_identity gp_output_identity(const struct wlr_output *wlr_output) {
	return (struct gp_config_identity){
		.connector = wlr_output->name,
		.make = wlr_output->make,
		.model = wlr_output->model,
		.serial = wlr_output->serial,
	};
}

#endif
