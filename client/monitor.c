#include "client/client_internal.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"

/**
 * Monitor events of guest_scanout_v1: a batch has what has changed, the rest stays. The monitor is
 * kept in the scanout and handed on when the batch is done.
 */

#define MODE_DIMENSION_MAX 16384
#define REFRESH_DEFAULT_MHZ 60000

static void handle_mode(void *data, struct guest_scanout_v1 *role, uint32_t flags, int32_t width,
	int32_t height, uint32_t refresh) {
	struct gp_scanout_surface *scanout = data;
	struct gp_monitor *monitor = &scanout->monitor;
	if (!scanout->new_modes) {
		scanout->new_modes = true;
		monitor->n_modes = 0;
	}
	bool preferred = (flags & GUEST_SCANOUT_V1_MODE_FLAG_PREFERRED) != 0;
	if (width <= 0 || width > MODE_DIMENSION_MAX || height <= 0 ||
		height > MODE_DIMENSION_MAX) {
		gp_warn("the compositor sent a mode of %dx%d", width, height);
		return;
	}
	if (monitor->n_modes == GP_MONITOR_MODES_MAX) {
		if (!preferred) {
			return;
		}
		monitor->n_modes--;
	}
	size_t at = preferred ? 0 : monitor->n_modes;
	memmove(&monitor->modes[at + 1], &monitor->modes[at],
		(monitor->n_modes - at) * sizeof(monitor->modes[0]));
	monitor->modes[at] = (struct gp_mode){
		.width = (uint32_t)width,
		.height = (uint32_t)height,
		.refresh_mhz = refresh > 0 ? refresh : REFRESH_DEFAULT_MHZ,
	};
	monitor->n_modes++;
}

static void handle_physical_size(
	void *data, struct guest_scanout_v1 *role, uint32_t width, uint32_t height) {
	struct gp_scanout_surface *scanout = data;
	scanout->monitor.width_mm = width;
	scanout->monitor.height_mm = height;
}

static void handle_scale(void *data, struct guest_scanout_v1 *role, uint32_t scale) {
	/* virtio-gpu has no word for it. */
}

static void handle_transform(void *data, struct guest_scanout_v1 *role, uint32_t transform) {
	/* The compositor applies it. */
}

static void handle_identity(void *data, struct guest_scanout_v1 *role, const char *make,
	const char *model, const char *serial) {
	struct gp_scanout_surface *scanout = data;
	struct gp_monitor *monitor = &scanout->monitor;
	snprintf(monitor->make, sizeof(monitor->make), "%s", make);
	snprintf(monitor->model, sizeof(monitor->model), "%s", model);
	snprintf(monitor->serial, sizeof(monitor->serial), "%s", serial);
}

static void handle_connected(void *data, struct guest_scanout_v1 *role, uint32_t connected) {
	struct gp_scanout_surface *scanout = data;
	scanout->monitor_connected = connected != 0;
}

static void handle_done(void *data, struct guest_scanout_v1 *role) {
	struct gp_scanout_surface *scanout = data;
	struct gp_client *client = scanout->client;
	scanout->new_modes = false;
	bool usable = scanout->monitor_connected && scanout->monitor.n_modes > 0;
	if (client->ops->monitor != NULL) {
		client->ops->monitor(
			client->data, scanout->index, usable ? &scanout->monitor : NULL);
	}
}

static void handle_visibility(void *data, struct guest_scanout_v1 *role, uint32_t visible) {
	struct gp_scanout_surface *scanout = data;
	struct gp_client *client = scanout->client;
	if (client->ops->visibility != NULL) {
		client->ops->visibility(client->data, scanout->index, visible != 0);
	}
}

static const char *path_name(uint32_t path) {
	static const char *const names[] = {
		[GUEST_SCANOUT_V1_PATH_NONE] = "none",
		[GUEST_SCANOUT_V1_PATH_DIRECT] = "direct",
		[GUEST_SCANOUT_V1_PATH_GPU] = "gpu",
		[GUEST_SCANOUT_V1_PATH_MAPPED] = "mapped",
		[GUEST_SCANOUT_V1_PATH_COPIED] = "copied",
	};
	return path < sizeof(names) / sizeof(names[0]) ? names[path] : "unknown";
}

static void handle_path(
	void *data, struct guest_scanout_v1 *role, uint32_t path, const char *reason) {
	struct gp_scanout_surface *scanout = data;
	struct gp_client *client = scanout->client;
	gp_debug("scanout %u: frames go %s%s%s", scanout->index, path_name(path),
		reason[0] != '\0' ? ": " : "", reason);
	if (client->ops->path != NULL) {
		client->ops->path(client->data, scanout->index, path_name(path), reason);
	}
}

static const struct guest_scanout_v1_listener scanout_listener = {
	.mode = handle_mode,
	.physical_size = handle_physical_size,
	.scale = handle_scale,
	.transform = handle_transform,
	.identity = handle_identity,
	.connected = handle_connected,
	.done = handle_done,
	.visibility = handle_visibility,
	.path = handle_path,
};

void gp_client_monitor_listen(struct gp_scanout_surface *scanout) {
	guest_scanout_v1_add_listener(scanout->role, &scanout_listener, scanout);
}
