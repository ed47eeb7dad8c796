#include <stdio.h>
#include <string.h>

#include "compositor/guest/scanout.h"
#include "guest-scanout-v1-protocol.h"

static bool same_modes(const struct gp_monitor_info *a, const struct gp_monitor_info *b) {
	if (a->n_modes != b->n_modes) {
		return false;
	}
	for (size_t i = 0; i < a->n_modes; i++) {
		if (a->modes[i].width != b->modes[i].width ||
			a->modes[i].height != b->modes[i].height ||
			a->modes[i].refresh_mhz != b->modes[i].refresh_mhz) {
			return false;
		}
	}
	return true;
}

static bool same_identity(const struct gp_monitor_info *a, const struct gp_monitor_info *b) {
	return strcmp(a->make, b->make) == 0 && strcmp(a->model, b->model) == 0 &&
		strcmp(a->serial, b->serial) == 0;
}

static void send_modes(struct wl_resource *resource, const struct gp_monitor_info *info) {
	for (size_t i = 0; i < info->n_modes; i++) {
		const struct gp_monitor_mode *mode = &info->modes[i];
		guest_scanout_v1_send_mode(resource,
			i == 0 ? GUEST_SCANOUT_V1_MODE_FLAG_PREFERRED : 0, mode->width,
			mode->height, mode->refresh_mhz);
	}
}

/* Sends the parts that differ from those of `old`, or all if that is NULL. Returns the number. */
static int send_changes(struct wl_resource *resource, const struct gp_monitor_info *info,
	const struct gp_monitor_info *old) {
	int n = 0;
	if (old == NULL || !same_modes(info, old)) {
		send_modes(resource, info);
		n++;
	}
	if (old == NULL || info->width_mm != old->width_mm || info->height_mm != old->height_mm) {
		guest_scanout_v1_send_physical_size(resource, info->width_mm, info->height_mm);
		n++;
	}
	if (old == NULL || info->scale_120 != old->scale_120) {
		guest_scanout_v1_send_scale(resource, info->scale_120);
		n++;
	}
	if (old == NULL || info->transform != old->transform) {
		guest_scanout_v1_send_transform(resource, info->transform);
		n++;
	}
	if (old == NULL || !same_identity(info, old)) {
		guest_scanout_v1_send_identity(resource, info->make, info->model, info->serial);
		n++;
	}
	if (old == NULL || info->connected != old->connected) {
		guest_scanout_v1_send_connected(resource, info->connected);
		n++;
	}
	return n;
}

void gp_guest_scanout_send_monitor(
	struct gp_guest_scanout *scanout, const struct gp_monitor_info *info) {
	const struct gp_monitor_info *old = scanout->has_monitor ? &scanout->monitor : NULL;
	if (send_changes(scanout->resource, info, old) > 0) {
		guest_scanout_v1_send_done(scanout->resource);
	}
	scanout->monitor = *info;
	scanout->has_monitor = true;
}

void gp_guest_scanout_send_visibility(struct gp_guest_scanout *scanout, bool visible) {
	if (scanout->visible != visible) {
		scanout->visible = visible;
		guest_scanout_v1_send_visibility(scanout->resource, visible);
	}
}

void gp_guest_scanout_send_path(
	struct gp_guest_scanout *scanout, uint32_t path, const char *reason) {
	if (scanout->path == path && strcmp(scanout->reason, reason) == 0) {
		return;
	}
	scanout->path = path;
	snprintf(scanout->reason, sizeof(scanout->reason), "%s", reason);
	guest_scanout_v1_send_path(scanout->resource, path, scanout->reason);
}
