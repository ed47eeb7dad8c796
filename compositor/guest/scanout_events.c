#include "compositor/guest/scanout_events.h"

#include <stdio.h>
#include <string.h>

#include "compositor/guest/scanout.h"
#include "guest-scanout-v1-protocol.h"

static bool same_modes(const struct gp_monitor *a, const struct gp_monitor *b) {
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

static bool same_identity(const struct gp_monitor *a, const struct gp_monitor *b) {
	return strcmp(a->make, b->make) == 0 && strcmp(a->model, b->model) == 0 &&
		strcmp(a->serial, b->serial) == 0;
}

static void send_modes(struct wl_resource *resource, const struct gp_monitor *monitor) {
	for (size_t i = 0; i < monitor->n_modes; i++) {
		const struct gp_mode *mode = &monitor->modes[i];
		guest_scanout_v1_send_mode(resource,
			i == 0 ? GUEST_SCANOUT_V1_MODE_FLAG_PREFERRED : 0, mode->width,
			mode->height, mode->refresh_mhz);
	}
}

/* Sends the parts that differ from those of `old`, or all if that is NULL. Returns the number. */
static int send_changes(struct wl_resource *resource, const struct gp_monitor *monitor,
	const struct gp_monitor *old) {
	int n = 0;
	if (old == NULL || !same_modes(monitor, old)) {
		send_modes(resource, monitor);
		n++;
	}
	if (old == NULL || monitor->width_mm != old->width_mm ||
		monitor->height_mm != old->height_mm) {
		guest_scanout_v1_send_physical_size(
			resource, monitor->width_mm, monitor->height_mm);
		n++;
	}
	if (old == NULL || monitor->scale_120 != old->scale_120) {
		guest_scanout_v1_send_scale(resource, monitor->scale_120);
		n++;
	}
	if (old == NULL || monitor->transform != old->transform) {
		guest_scanout_v1_send_transform(resource, monitor->transform);
		n++;
	}
	if (old == NULL || !same_identity(monitor, old)) {
		guest_scanout_v1_send_identity(
			resource, monitor->make, monitor->model, monitor->serial);
		n++;
	}
	if (old == NULL || monitor->connected != old->connected) {
		guest_scanout_v1_send_connected(resource, monitor->connected);
		n++;
	}
	return n;
}

void gp_guest_scanout_send_monitor(
	struct gp_guest_scanout *scanout, const struct gp_monitor *monitor) {
	const struct gp_monitor *old = scanout->has_monitor ? &scanout->monitor : NULL;
	if (send_changes(scanout->resource, monitor, old) > 0) {
		guest_scanout_v1_send_done(scanout->resource);
	}
	scanout->monitor = *monitor;
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
