#include "client/scanout.h"

#include <wayland-client.h>

#include "common/log.h"
#include "common/rect.h"
#include "common/trace.h"
#include "guest-scanout-v1-client-protocol.h"
#include "viewporter-client-protocol.h"

static void handle_mode(void *data, struct guest_scanout_v1 *role, uint32_t flags, int32_t width,
	int32_t height, uint32_t refresh) {
	struct gp_scanout_surface *scanout = data;
	bool preferred = (flags & GUEST_SCANOUT_V1_MODE_FLAG_PREFERRED) != 0;
	gp_client_monitor_add_mode(&scanout->monitor, preferred, width, height, refresh);
}

static void handle_physical_size(
	void *data, struct guest_scanout_v1 *role, uint32_t width, uint32_t height) {
	struct gp_scanout_surface *scanout = data;
	scanout->monitor.monitor.width_mm = width;
	scanout->monitor.monitor.height_mm = height;
}

static void handle_scale(void *data, struct guest_scanout_v1 *role, uint32_t scale) {
	/* No guest can be notified of it yet. */
}

static void handle_transform(void *data, struct guest_scanout_v1 *role, uint32_t transform) {
	/* The compositor applies it. */
}

static void handle_identity(void *data, struct guest_scanout_v1 *role, const char *make,
	const char *model, const char *serial) {
	struct gp_scanout_surface *scanout = data;
	gp_client_monitor_set_identity(&scanout->monitor, make, model, serial);
}

static void handle_connected(void *data, struct guest_scanout_v1 *role, uint32_t connected) {
	struct gp_scanout_surface *scanout = data;
	scanout->monitor.connected = connected != 0;
}

static void handle_done(void *data, struct guest_scanout_v1 *role) {
	struct gp_scanout_surface *scanout = data;
	const struct gp_client_monitor *monitor = gp_client_monitor_end(&scanout->monitor);
	if (scanout->events->monitor != NULL) {
		scanout->events->monitor(scanout->data, scanout->index, monitor);
	}
}

static void handle_visibility(void *data, struct guest_scanout_v1 *role, uint32_t visible) {
	struct gp_scanout_surface *scanout = data;
	if (scanout->events->visibility != NULL) {
		scanout->events->visibility(scanout->data, scanout->index, visible != 0);
	}
}

static void handle_path(
	void *data, struct guest_scanout_v1 *role, uint32_t path, const char *reason) {
	static const char *const names[] = {
		[GUEST_SCANOUT_V1_PATH_NONE] = "none",
		[GUEST_SCANOUT_V1_PATH_DIRECT] = "direct",
		[GUEST_SCANOUT_V1_PATH_GPU] = "gpu",
		[GUEST_SCANOUT_V1_PATH_MAPPED] = "mapped",
		[GUEST_SCANOUT_V1_PATH_COPIED] = "copied",
		[GUEST_SCANOUT_V1_PATH_PARENT] = "parent",
	};
	struct gp_scanout_surface *scanout = data;
	const char *name = path < sizeof(names) / sizeof(names[0]) ? names[path] : "unknown";
	gp_debug("scanout %u: presentation path %s%s%s", scanout->index, name,
		reason[0] != '\0' ? ": " : "", reason);
	if (scanout->events->path != NULL) {
		scanout->events->path(scanout->data, scanout->index, name, reason);
	}
}

static const struct guest_scanout_v1_listener role_listener = {
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

void gp_scanout_surface_init(struct gp_scanout_surface *scanout, uint32_t index,
	struct gp_client_blobs *blobs, const struct gp_client_events *events, void *data) {
	scanout->index = index;
	scanout->events = events;
	scanout->data = data;
	gp_client_cursor_init(&scanout->cursor, blobs, index);
}

void gp_scanout_surface_finish(struct gp_scanout_surface *scanout) {
	gp_client_cursor_finish(&scanout->cursor);
}

bool gp_scanout_surface_start(struct gp_scanout_surface *scanout, struct guest_v1 *guest,
	struct wl_compositor *compositor, struct wp_viewporter *viewporter) {
	scanout->n_frames = 0;
	scanout->viewporter = viewporter;
	scanout->surface = wl_compositor_create_surface(compositor);
	if (scanout->surface == NULL) {
		return false;
	}
	wl_surface_set_user_data(scanout->surface, scanout);
	scanout->role = guest_v1_get_scanout(guest, scanout->surface, scanout->index);
	if (scanout->role == NULL) {
		return false;
	}
	guest_scanout_v1_add_listener(scanout->role, &role_listener, scanout);
	return true;
}

void gp_scanout_surface_stop(struct gp_scanout_surface *scanout) {
	gp_client_cursor_stop(&scanout->cursor);
	if (scanout->role != NULL) {
		guest_scanout_v1_destroy(scanout->role);
		scanout->role = NULL;
	}
	if (scanout->viewport != NULL) {
		wp_viewport_destroy(scanout->viewport);
		scanout->viewport = NULL;
	}
	if (scanout->surface != NULL) {
		wl_surface_destroy(scanout->surface);
		scanout->surface = NULL;
	}
	scanout->viewporter = NULL;
	scanout->cropped = false;
	scanout->monitor = (struct gp_client_monitor_batch){0};
}

/* Sets the viewport if a part is shown, and takes it back when the whole buffer is shown again. */
static void set_source(struct gp_scanout_surface *scanout, const struct gp_client_layout *layout,
	const struct gp_client_rect *source) {
	bool cropped = source->x != 0 || source->y != 0 || source->width != layout->width ||
		source->height != layout->height;
	if (cropped && scanout->viewport == NULL && scanout->viewporter != NULL) {
		scanout->viewport =
			wp_viewporter_get_viewport(scanout->viewporter, scanout->surface);
	}
	if (scanout->viewport == NULL) {
		return;
	}
	if (cropped) {
		wp_viewport_set_source(scanout->viewport, wl_fixed_from_int((int)source->x),
			wl_fixed_from_int((int)source->y), wl_fixed_from_int((int)source->width),
			wl_fixed_from_int((int)source->height));
	} else if (scanout->cropped) {
		wl_fixed_t unset = wl_fixed_from_int(-1);
		wp_viewport_set_source(scanout->viewport, unset, unset, unset, unset);
	}
	scanout->cropped = cropped;
}

void gp_scanout_surface_show(struct gp_scanout_surface *scanout, struct gp_client_buffer *buffer,
	const struct gp_client_rect *source, const struct gp_client_rect *damage) {
	if (buffer == NULL) {
		wl_surface_attach(scanout->surface, NULL, 0, 0);
		wl_surface_commit(scanout->surface);
		return;
	}
	const struct gp_rect whole = {0, 0, buffer->layout.width, buffer->layout.height};
	const struct gp_rect shown = {source->x, source->y, source->width, source->height};
	const struct gp_rect changed = {damage->x, damage->y, damage->width, damage->height};
	struct gp_rect clipped;
	if (!gp_rect_inside(&shown, whole.width, whole.height) || shown.width == 0 ||
		shown.height == 0) {
		gp_warn_limited(
			"scanout %u: a source outside its buffer is not shown", scanout->index);
		return;
	}
	uint64_t start_ns = gp_trace_now();
	set_source(scanout, &buffer->layout, source);
	gp_client_buffer_attach(buffer, scanout->surface);
	if (gp_rect_intersect(&changed, &whole, &clipped)) {
		wl_surface_damage_buffer(scanout->surface, (int32_t)clipped.x, (int32_t)clipped.y,
			(int32_t)clipped.width, (int32_t)clipped.height);
	}
	wl_surface_commit(scanout->surface);
	scanout->n_frames++;
	if (gp_trace_on) {
		pid_t pid = gp_client_connection_get_pid(scanout->cursor.blobs->connection);
		uint64_t frame = gp_trace_frame_id(pid, scanout->index, scanout->n_frames);
		gp_trace_commit(frame, start_ns);
	}
}

struct gp_scanout_surface *gp_scanout_surface_from(struct wl_surface *surface) {
	return surface != NULL ? wl_surface_get_user_data(surface) : NULL;
}
