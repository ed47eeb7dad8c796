#include "compositor/view/view_cursor.h"

#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_scene.h>

#include "compositor/guest/cursor.h"
#include "compositor/guest/scanout.h"
#include "compositor/view/cursor_plane.h"

static void handle_frame_done(struct wl_listener *listener, void *data) {
	struct gp_view_cursor *cursor = wl_container_of(listener, cursor, frame_done);
	const struct wlr_scene_frame_done_event *event = data;
	if (cursor->scanout->cursor != NULL) {
		wlr_surface_send_frame_done(cursor->scanout->cursor->surface, &event->when);
	}
}

static void handle_output_sample(struct wl_listener *listener, void *data) {
	struct gp_view_cursor *cursor = wl_container_of(listener, cursor, output_sample);
	struct gp_guest_cursor *source = cursor->scanout->cursor;
	if (source != NULL) {
		gp_surface_content_handle_sample(&source->content, source->surface, data);
	}
}

bool gp_view_cursor_init(struct gp_view_cursor *cursor, struct gp_guest_scanout *scanout,
	struct wlr_scene_tree *tree) {
	cursor->scanout = scanout;
	cursor->node = wlr_scene_buffer_create(tree, NULL);
	if (cursor->node == NULL) {
		return false;
	}
	cursor->frame_done.notify = handle_frame_done;
	wl_signal_add(&cursor->node->events.frame_done, &cursor->frame_done);
	cursor->output_sample.notify = handle_output_sample;
	wl_signal_add(&cursor->node->events.output_sample, &cursor->output_sample);
	return true;
}

void gp_view_cursor_finish(struct gp_view_cursor *cursor) {
	wl_list_remove(&cursor->frame_done.link);
	wl_list_remove(&cursor->output_sample.link);
}

/* The part of the cursor that is inside what is seen of its scanout, in pixels of the scanout. */
static bool get_visible(const struct gp_guest_scanout *scanout, const struct wlr_box *seen,
	struct wlr_box *visible) {
	const struct wlr_surface_state *state = &scanout->cursor->surface->current;
	int64_t left = scanout->cursor_x, top = scanout->cursor_y;
	int64_t right = left + state->width, bottom = top + state->height;
	left = left < seen->x ? seen->x : left;
	top = top < seen->y ? seen->y : top;
	right = right > seen->x + seen->width ? seen->x + seen->width : right;
	bottom = bottom > seen->y + seen->height ? seen->y + seen->height : bottom;
	if (left >= right || top >= bottom) {
		return false;
	}
	*visible = (struct wlr_box){left, top, right - left, bottom - top};
	return true;
}

static struct wlr_fbox get_source(
	const struct gp_guest_scanout *scanout, const struct wlr_box *visible) {
	struct wlr_surface *surface = scanout->cursor->surface;
	struct wlr_fbox all;
	wlr_surface_get_buffer_source_box(surface, &all);
	double scale_x = all.width / surface->current.width;
	double scale_y = all.height / surface->current.height;
	return (struct wlr_fbox){
		.x = all.x + (visible->x - (double)scanout->cursor_x) * scale_x,
		.y = all.y + (visible->y - (double)scanout->cursor_y) * scale_y,
		.width = visible->width * scale_x,
		.height = visible->height * scale_y,
	};
}

/* Scaled like the picture; at least one pixel. */
static int scale_length(int64_t length, int to, int from) {
	int64_t scaled = length * to / from;
	return scaled < 1 ? 1 : scaled;
}

static int32_t scale_down(int64_t at, int to, int from) {
	int64_t scaled = at * to;
	return (scaled - (scaled < 0 ? from - 1 : 0)) / from;
}

/* A plane is not cut at the edges of the picture: what is beyond must be beyond the output, too. */
static bool is_whole(
	const struct gp_guest_scanout *scanout, const struct gp_cursor_geometry *place) {
	const struct wlr_surface_state *state = &scanout->cursor->surface->current;
	const struct wlr_box *box = &place->box;
	int64_t left = scanout->cursor_x, top = scanout->cursor_y;
	return (left >= 0 || box->x <= 0) && (top >= 0 || box->y <= 0) &&
		(left + state->width <= scanout->width || box->x + box->width >= place->width) &&
		(top + state->height <= scanout->height || box->y + box->height >= place->height);
}

/* The hotspot may be anywhere. */
static int32_t clamp(int64_t value, int32_t max) {
	return value < 0 ? 0 : value > max ? max : value;
}

static bool show_on_plane(
	const struct gp_guest_scanout *scanout, const struct gp_cursor_geometry *place) {
	const struct gp_guest_cursor *source = scanout->cursor;
	const struct wlr_surface_state *state = &source->surface->current;
	const struct wlr_box *box = &place->box;
	/* The plane's picture is drawn at once. */
	if (place->plane == NULL || !is_whole(scanout, place) ||
		gp_surface_has_acquire_point(source->surface)) {
		return false;
	}
	struct gp_cursor_picture picture = {
		.buffer = source->content.buffer,
		.stamp = source->stamp,
		.width = scale_length(state->width, box->width, scanout->width),
		.height = scale_length(state->height, box->height, scanout->height),
		.hotspot_x = scale_down(
			clamp(scanout->hotspot_x, state->width), box->width, scanout->width),
		.hotspot_y = scale_down(
			clamp(scanout->hotspot_y, state->height), box->height, scanout->height),
		.nearest = place->nearest,
	};
	wlr_surface_get_buffer_source_box(source->surface, &picture.source);
	return gp_cursor_plane_show(place->plane, &picture,
		box->x + scale_down(scanout->cursor_x, box->width, scanout->width),
		box->y + scale_down(scanout->cursor_y, box->height, scanout->height));
}

static void show_in_scene(struct gp_view_cursor *cursor, const struct gp_cursor_geometry *place,
	const struct wlr_box *visible, const pixman_region32_t *damage) {
	const struct gp_guest_scanout *scanout = cursor->scanout;
	const struct wlr_box *box = &place->box;
	struct wlr_fbox source_box = get_source(scanout, visible);
	wlr_scene_buffer_set_source_box(cursor->node, &source_box);
	wlr_scene_buffer_set_filter_mode(cursor->node,
		place->nearest ? WLR_SCALE_FILTER_NEAREST : WLR_SCALE_FILTER_BILINEAR);
	wlr_scene_buffer_set_dest_size(cursor->node,
		scale_length(visible->width, box->width, scanout->width),
		scale_length(visible->height, box->height, scanout->height));
	wlr_scene_node_set_position(&cursor->node->node,
		box->x + scale_down(visible->x, box->width, scanout->width),
		box->y + scale_down(visible->y, box->height, scanout->height));
	struct wlr_scene_buffer_set_buffer_options options = {.damage = damage};
	gp_surface_set_acquire_point(scanout->cursor->surface, &options);
	wlr_scene_buffer_set_buffer_with_options(
		cursor->node, scanout->cursor->content.buffer, &options);
}

void gp_view_cursor_update(struct gp_view_cursor *cursor, const struct gp_cursor_geometry *place,
	const pixman_region32_t *damage) {
	const struct gp_guest_scanout *scanout = cursor->scanout;
	const struct gp_guest_cursor *source = scanout->cursor;
	struct wlr_box visible;
	/* A guest sees the edge of its picture as that of its monitor. */
	bool is_seen = source != NULL && source->content.buffer != NULL && scanout->width > 0 &&
		scanout->height > 0 && get_visible(scanout, &place->seen, &visible);
	cursor->on_plane = is_seen && show_on_plane(scanout, place);
	if (!cursor->on_plane && place->plane != NULL) {
		gp_cursor_plane_hide(place->plane);
	}
	if (is_seen && !cursor->on_plane) {
		show_in_scene(cursor, place, &visible, damage);
	} else {
		wlr_scene_buffer_set_buffer(cursor->node, NULL);
	}
}

bool gp_view_cursor_is_composed(const struct gp_view_cursor *cursor) {
	return cursor->node->buffer != NULL;
}

void gp_view_cursor_send_frame_done(struct gp_view_cursor *cursor, const struct timespec *when) {
	if (cursor->on_plane && cursor->scanout->cursor != NULL) {
		wlr_surface_send_frame_done(cursor->scanout->cursor->surface, when);
	}
}

bool gp_view_cursor_wants_frame(const struct gp_view_cursor *cursor) {
	const struct gp_guest_cursor *source = cursor->scanout->cursor;
	return source != NULL && !wl_list_empty(&source->surface->current.frame_callback_list);
}
