#include "client/client_internal.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/trace.h"

/* How long a compositor may leave its socket unread while the guest goes on drawing. */
#define BLOCKED_MAX_NS 5000000000ull

bool gp_scanout_surface_start(struct gp_scanout_surface *scanout) {
	struct gp_client *client = scanout->client;
	scanout->n_frames = 0;
	scanout->surface = wl_compositor_create_surface(client->compositor);
	if (scanout->surface == NULL) {
		return false;
	}
	scanout->role = guest_v1_get_scanout(client->guest, scanout->surface, scanout->index);
	if (scanout->role == NULL) {
		return false;
	}
	gp_client_monitor_listen(scanout);
	return true;
}

void gp_scanout_surface_stop(struct gp_scanout_surface *scanout) {
	gp_client_cursor_stop(&scanout->cursor);
	gp_client_seat_forget(scanout->client, scanout);
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
	scanout->cropped = false;
	scanout->monitor = (struct gp_monitor){0};
	scanout->monitor_connected = false;
	scanout->new_modes = false;
}

/* Sets the viewport if a part is shown, and takes it back when the whole buffer is shown again. */
static void set_source(struct gp_scanout_surface *scanout, const struct gp_buffer *buffer,
	const struct gp_rect *source) {
	struct gp_client *client = scanout->client;
	bool cropped = source->x != 0 || source->y != 0 || source->width != buffer->width ||
		source->height != buffer->height;
	if (cropped && scanout->viewport == NULL && client->viewporter != NULL) {
		scanout->viewport =
			wp_viewporter_get_viewport(client->viewporter, scanout->surface);
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

static void show_buffer(struct gp_scanout_surface *scanout, struct gp_buffer *buffer,
	const struct gp_rect *source, const struct gp_rect *damage) {
	struct gp_rect whole = {.width = buffer->width, .height = buffer->height};
	struct gp_rect clipped;
	if (!gp_rect_inside(source, buffer->width, buffer->height) || source->width == 0 ||
		source->height == 0) {
		gp_warn("scanout %u: a source outside its buffer is not shown", scanout->index);
		return;
	}
	uint64_t start_ns = gp_trace_now();
	set_source(scanout, buffer, source);
	gp_buffer_attach(buffer, scanout->surface);
	if (gp_rect_intersect(damage, &whole, &clipped)) {
		wl_surface_damage_buffer(scanout->surface, (int32_t)clipped.x, (int32_t)clipped.y,
			(int32_t)clipped.width, (int32_t)clipped.height);
	}
	wl_surface_commit(scanout->surface);
	scanout->n_frames++;
	if (gp_trace_on) {
		uint64_t frame = gp_trace_frame_id(getpid(), scanout->index, scanout->n_frames);
		gp_trace_commit(frame, start_ns);
	}
}

void gp_client_show(struct gp_client *client, uint32_t scanout, struct gp_buffer *buffer,
	const struct gp_rect *source, const struct gp_rect *damage) {
	if (!client->ready || scanout >= client->options.n_scanouts) {
		return;
	}
	if (client->blocked_ns != 0 && gp_now_ns() - client->blocked_ns > BLOCKED_MAX_NS) {
		if (!client->broken) {
			gp_warn("the compositor does not read its socket");
			gp_client_fail(client);
		}
		return;
	}
	struct gp_scanout_surface *shown = &client->scanouts[scanout];
	if (buffer != NULL) {
		show_buffer(shown, buffer, source, damage);
	} else {
		wl_surface_attach(shown->surface, NULL, 0, 0);
		wl_surface_commit(shown->surface);
	}
	client->counters.commits++;
}
