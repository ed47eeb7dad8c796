#include "compositor/cursor.h"

#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_scene.h>

#include "compositor/guest_cursor.h"
#include "compositor/guest_scanout.h"

/* Positions are the guest's word; what is farther away than this is not on any output. */
#define POSITION_MAX 65536

static void handle_frame_done(struct wl_listener *listener, void *data) {
	struct gp_cursor *cursor = wl_container_of(listener, cursor, frame_done);
	const struct wlr_scene_frame_done_event *event = data;
	if (cursor->scanout->cursor != NULL) {
		wlr_surface_send_frame_done(cursor->scanout->cursor->surface, &event->when);
	}
}

bool gp_cursor_init(
	struct gp_cursor *cursor, struct gp_guest_scanout *scanout, struct wlr_scene_tree *tree) {
	cursor->scanout = scanout;
	cursor->node = wlr_scene_buffer_create(tree, NULL);
	if (cursor->node == NULL) {
		return false;
	}
	cursor->frame_done.notify = handle_frame_done;
	wl_signal_add(&cursor->node->events.frame_done, &cursor->frame_done);
	return true;
}

void gp_cursor_finish(struct gp_cursor *cursor) {
	wl_list_remove(&cursor->frame_done.link);
}

static int64_t clamp(int64_t value) {
	return value < -POSITION_MAX ? -POSITION_MAX : value > POSITION_MAX ? POSITION_MAX : value;
}

/* Scaled like the picture; at least one pixel. */
static int scale_length(int64_t length, int to, int from) {
	int64_t scaled = length * to / from;
	return scaled < 1 ? 1 : clamp(scaled);
}

void gp_cursor_update(
	struct gp_cursor *cursor, const struct wlr_box *box, const pixman_region32_t *damage) {
	const struct gp_guest_scanout *scanout = cursor->scanout;
	const struct gp_guest_cursor *source = scanout->cursor;
	if (source == NULL || source->content.buffer == NULL || scanout->width <= 0 ||
		scanout->height <= 0) {
		wlr_scene_buffer_set_buffer(cursor->node, NULL);
		return;
	}

	const struct wlr_surface_state *state = &source->surface->current;
	wlr_scene_buffer_set_dest_size(cursor->node,
		scale_length(state->width, box->width, scanout->width),
		scale_length(state->height, box->height, scanout->height));
	wlr_scene_node_set_position(&cursor->node->node,
		box->x + clamp(clamp(scanout->cursor_x) * box->width / scanout->width),
		box->y + clamp(clamp(scanout->cursor_y) * box->height / scanout->height));
	wlr_scene_buffer_set_buffer_with_damage(cursor->node, source->content.buffer, damage);
}

bool gp_cursor_is_shown(const struct gp_cursor *cursor) {
	return cursor->node->buffer != NULL;
}

bool gp_cursor_wants_frame(const struct gp_cursor *cursor) {
	const struct gp_guest_cursor *source = cursor->scanout->cursor;
	return source != NULL && !wl_list_empty(&source->surface->current.frame_callback_list);
}
