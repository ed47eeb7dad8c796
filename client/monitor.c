#include "client/monitor.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"

#define MODE_DIMENSION_MAX 16384
#define REFRESH_DEFAULT_MHZ 60000

void gp_client_monitor_add_mode(struct gp_client_monitor_batch *batch, bool preferred,
	int32_t width, int32_t height, uint32_t refresh_mhz) {
	struct gp_client_monitor *monitor = &batch->monitor;
	if (!batch->new_modes) {
		batch->new_modes = true;
		monitor->n_modes = 0;
	}
	if (width <= 0 || width > MODE_DIMENSION_MAX || height <= 0 ||
		height > MODE_DIMENSION_MAX) {
		gp_warn_limited("the compositor sent a mode of %dx%d", width, height);
		return;
	}
	if (monitor->n_modes == GP_CLIENT_MODES_MAX) {
		if (!preferred) {
			return;
		}
		monitor->n_modes--;
	}
	size_t at = preferred ? 0 : monitor->n_modes;
	memmove(&monitor->modes[at + 1], &monitor->modes[at],
		(monitor->n_modes - at) * sizeof(monitor->modes[0]));
	monitor->modes[at] = (struct gp_client_mode){
		.width = (uint32_t)width,
		.height = (uint32_t)height,
		.refresh_mhz = refresh_mhz > 0 ? refresh_mhz : REFRESH_DEFAULT_MHZ,
	};
	monitor->n_modes++;
}

void gp_client_monitor_set_identity(struct gp_client_monitor_batch *batch, const char *make,
	const char *model, const char *serial) {
	struct gp_client_monitor *monitor = &batch->monitor;
	snprintf(monitor->make, sizeof(monitor->make), "%s", make);
	snprintf(monitor->model, sizeof(monitor->model), "%s", model);
	snprintf(monitor->serial, sizeof(monitor->serial), "%s", serial);
}

const struct gp_client_monitor *gp_client_monitor_end(struct gp_client_monitor_batch *batch) {
	batch->new_modes = false;
	return batch->connected && batch->monitor.n_modes > 0 ? &batch->monitor : NULL;
}
