#include "vmm-bridge/display.h"

#include <stdio.h>

#include "common/limits.h"

_Static_assert(GP_CLIENT_MODES_MAX <= GP_MONITOR_MODES_MAX, "modes of a monitor");

static void handle_connected(void *data) {
	struct gp_display *display = data;
	gp_presenter_connected(&display->presenter);
}

static void handle_disconnected(void *data) {
	struct gp_display *display = data;
	gp_presenter_disconnected(&display->presenter);
	for (uint32_t i = 0; i < display->n_scanouts; i++) {
		display->reports[i] = (struct gp_scanout_report){.path = "none"};
	}
}

static struct gp_monitor convert_monitor(const struct gp_client_monitor *from) {
	struct gp_monitor monitor = {
		.n_modes = from->n_modes,
		.width_mm = from->width_mm,
		.height_mm = from->height_mm,
	};
	for (size_t i = 0; i < from->n_modes; i++) {
		monitor.modes[i] = (struct gp_mode){
			.width = from->modes[i].width,
			.height = from->modes[i].height,
			.refresh_mhz = from->modes[i].refresh_mhz,
		};
	}
	snprintf(monitor.make, sizeof(monitor.make), "%.*s", (int)sizeof(monitor.make) - 1,
		from->make);
	snprintf(monitor.model, sizeof(monitor.model), "%.*s", (int)sizeof(monitor.model) - 1,
		from->model);
	snprintf(monitor.serial, sizeof(monitor.serial), "%.*s", (int)sizeof(monitor.serial) - 1,
		from->serial);
	return monitor;
}

static void handle_monitor(void *data, uint32_t scanout, const struct gp_client_monitor *monitor) {
	struct gp_display *display = data;
	struct gp_monitor_change *change = &display->monitors[scanout];
	change->changed = true;
	change->connected = monitor != NULL;
	if (monitor == NULL) {
		return;
	}
	change->monitor = convert_monitor(monitor);
	if (display->mode != NULL) {
		change->monitor.modes[0] = *display->mode;
		change->monitor.n_modes = 1;
	}
}

static void handle_visibility(void *data, uint32_t scanout, bool visible) {
	struct gp_display *display = data;
	gp_presenter_visibility(&display->presenter, scanout, visible);
}

static void handle_path(void *data, uint32_t scanout, const char *path, const char *reason) {
	struct gp_display *display = data;
	struct gp_scanout_report *report = &display->reports[scanout];
	snprintf(report->path, sizeof(report->path), "%s", path);
	snprintf(report->path_reason, sizeof(report->path_reason), "%s", reason);
}

static void handle_released(void *data, void *user, struct gp_client_buffer *buffer) {
	struct gp_display *display = data;
	gp_presenter_released(&display->presenter, buffer);
}

static void handle_failed(void *data, void *user, struct gp_client_buffer *buffer,
	const struct gp_client_failure *failure) {
	struct gp_display *display = data;
	gp_presenter_failed(&display->presenter, user, buffer, failure);
}

static void handle_renderer_changed(void *data) {
	struct gp_display *display = data;
	gp_presenter_renderer_changed(&display->presenter);
}

static void handle_revoked(void *data, void *user) {
	struct gp_display *display = data;
	gp_presenter_revoked(&display->presenter, user);
}

static const struct gp_client_events client_events = {
	.connected = handle_connected,
	.disconnected = handle_disconnected,
	.monitor = handle_monitor,
	.visibility = handle_visibility,
	.path = handle_path,
	.released = handle_released,
	.failed = handle_failed,
	.revoked = handle_revoked,
	.renderer_changed = handle_renderer_changed,
};

bool gp_display_init(struct gp_display *display, struct wl_event_loop *loop,
	const struct gp_client_options *options, const struct gp_mode *mode,
	const struct gp_display_events *events, void *data) {
	*display = (struct gp_display){
		.events = events,
		.data = data,
		.mode = mode,
		.n_scanouts = options->n_scanouts,
	};
	for (uint32_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		display->reports[i] = (struct gp_scanout_report){.path = "none"};
	}
	display->client = gp_client_create(loop, options, &client_events, display);
	gp_presenter_init(&display->presenter, display->client, options->n_scanouts,
		&events->presenter, data);
	return display->client != NULL;
}

void gp_display_finish(struct gp_display *display) {
	if (display->client != NULL) {
		struct gp_client *client = display->client;
		display->client = NULL;
		gp_client_destroy(client);
		gp_presenter_finish(&display->presenter);
	}
}

void gp_display_reset(struct gp_display *display) {
	gp_presenter_end_all(&display->presenter);
	for (uint32_t i = 0; i < display->n_scanouts; i++) {
		gp_client_set_cursor(display->client, i, NULL, 0, 0);
	}
}

bool gp_display_end_turn(struct gp_display *display) {
	bool done = gp_presenter_end_turn(&display->presenter);
	for (uint32_t i = 0; i < display->n_scanouts; i++) {
		struct gp_monitor_change *change = &display->monitors[i];
		if (change->changed) {
			change->changed = false;
			gp_presenter_set_refresh(&display->presenter, i,
				change->connected ? change->monitor.modes[0].refresh_mhz : 0);
			display->events->monitor(
				display->data, i, change->connected ? &change->monitor : NULL);
		}
	}
	return done;
}
