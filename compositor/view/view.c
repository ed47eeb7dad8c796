#include "compositor/view/view.h"

#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_presentation_time.h>
#include <wlr/types/wlr_scene.h>

#include "common/log.h"
#include "compositor/config/settings.h"
#include "compositor/guest/scanout.h"
#include "compositor/guest/scanout_events.h"
#include "compositor/output/output.h"
#include "compositor/output/placement.h"
#include "compositor/view/identity.h"
#include "guest-scanout-v1-protocol.h"

/* Whatever a guest puts into the alpha bits of its framebuffer, a monitor would not show it. */
static void set_opaque(struct gp_view *view, int width, int height) {
	pixman_region32_t opaque;
	pixman_region32_init_rect(&opaque, 0, 0, width, height);
	wlr_scene_buffer_set_opaque_region(view->node, &opaque);
	pixman_region32_fini(&opaque);
}

/* The part that is inside the output. */
static void set_seen(struct gp_view *view, const struct wlr_box *shown) {
	const struct wlr_box *box = &view->box;
	int64_t width = view->scanout->width, height = view->scanout->height;
	int64_t left = (shown->x - box->x) * width / box->width;
	int64_t top = (shown->y - box->y) * height / box->height;
	int64_t right = (shown->x + shown->width - box->x) * width / box->width;
	int64_t bottom = (shown->y + shown->height - box->y) * height / box->height;
	view->seen = (struct wlr_box){left, top, right - left, bottom - top};
}

/* The source box of the whole picture, cut to what is shown of it. */
static void set_source(struct gp_view *view, const struct wlr_box *shown) {
	const struct wlr_box *box = &view->box;
	struct wlr_fbox source = view->shape_source;
	if (shown->width != box->width || shown->height != box->height) {
		if (wlr_fbox_empty(&source)) {
			source.width = view->scanout->width;
			source.height = view->scanout->height;
		}
		double scale_x = source.width / box->width, scale_y = source.height / box->height;
		source.x += (shown->x - box->x) * scale_x;
		source.y += (shown->y - box->y) * scale_y;
		source.width = shown->width * scale_x;
		source.height = shown->height * scale_y;
	}
	wlr_scene_buffer_set_source_box(view->node, &source);
}

static enum gp_scaling get_scaling(const struct gp_view *view) {
	struct gp_config_identity output = gp_output_identity(view->output->wlr_output);
	return gp_settings_get_scaling(
		view->placement->settings, view->scanout->guest->name, &output);
}

static void update_cursor(struct gp_view *view, const pixman_region32_t *damage) {
	struct gp_cursor_geometry place = {
		.box = view->box,
		.seen = view->seen,
		.is_nearest = view->is_nearest,
	};
	if (view->output != NULL) {
		wlr_output_transformed_resolution(
			view->output->wlr_output, &place.width, &place.height);
		place.plane = view->is_shown ? &view->output->cursor_plane : NULL;
	}
	gp_cursor_update(&view->cursor, &place, damage);
}

void gp_view_arrange(struct gp_view *view) {
	const struct gp_guest_scanout *scanout = view->scanout;
	struct wlr_box outer = {0}, shown;
	if (view->output == NULL || scanout->guest == NULL || scanout->width <= 0 ||
		scanout->height <= 0) {
		return;
	}
	wlr_output_transformed_resolution(view->output->wlr_output, &outer.width, &outer.height);
	if (wlr_box_empty(&outer)) {
		return;
	}
	struct gp_box place = gp_scaling_fit(
		get_scaling(view), scanout->width, scanout->height, outer.width, outer.height);
	view->box = (struct wlr_box){place.x, place.y, place.width, place.height};
	wlr_box_intersection(&shown, &view->box, &outer);

	view->is_nearest = place.width % scanout->width == 0 && place.height % scanout->height == 0;
	wlr_scene_buffer_set_filter_mode(view->node,
		view->is_nearest ? WLR_SCALE_FILTER_NEAREST : WLR_SCALE_FILTER_BILINEAR);
	view->shape_width = scanout->width;
	view->shape_height = scanout->height;
	gp_guest_scanout_get_source_box(scanout, &view->shape_source);
	set_source(view, &shown);
	set_seen(view, &shown);
	wlr_scene_buffer_set_dest_size(view->node, shown.width, shown.height);
	wlr_scene_node_set_position(&view->node->node, shown.x, shown.y);
	set_opaque(view, shown.width, shown.height);
	update_cursor(view, NULL);
}

static void schedule_frame(struct gp_view *view) {
	const struct wlr_surface *surface = view->scanout->surface;
	bool wanted = surface != NULL && !wl_list_empty(&surface->current.frame_callback_list);
	if (view->is_shown && (wanted || gp_cursor_wants_frame(&view->cursor))) {
		wlr_output_schedule_frame(view->output->wlr_output);
	}
}

/* Whether the guest that stays in front is on its output, and this is another one. */
static bool is_behind_first(const struct gp_view *view) {
	const struct gp_settings *settings = view->placement->settings;
	const struct gp_view *front = view->output != NULL ? view->output->view : NULL;
	return front != NULL && gp_settings_is_first(settings, front->scanout->guest->name) &&
		!gp_settings_is_first(settings, view->scanout->guest->name);
}

/* A view that has no picture has news in each commit: why, for instance. */
static bool update_picture_stamp(struct gp_view *view) {
	bool has_picture = gp_guest_scanout_has_picture(view->scanout);
	if (has_picture == view->has_picture) {
		return !has_picture;
	}
	view->has_picture = has_picture;
	if (has_picture) {
		uint64_t stamp = gp_placement_stamp(view->placement);
		view->picture_stamp = is_behind_first(view) ? 0 : stamp;
	} else {
		view->change_stamp = gp_placement_stamp(view->placement);
	}
	return true;
}

static bool same_shape(const struct gp_view *view) {
	struct wlr_fbox source;
	gp_guest_scanout_get_source_box(view->scanout, &source);
	return view->node->buffer != NULL && wlr_fbox_equal(&view->shape_source, &source) &&
		view->shape_width == view->scanout->width &&
		view->shape_height == view->scanout->height;
}

static void refresh_output(struct gp_view *view) {
	if (view->output != NULL) {
		gp_output_refresh(view->output);
	}
}

static void set_picture(struct gp_view *view, const pixman_region32_t *damage) {
	struct wlr_buffer *buffer = view->scanout->content.buffer;
	if (buffer == NULL) {
		wlr_scene_buffer_set_buffer(view->node, NULL);
		return;
	}
	if (!same_shape(view)) {
		gp_view_arrange(view);
		damage = NULL;
	}
	if (damage != NULL && pixman_region32_empty(damage) && view->node->buffer == buffer) {
		return;
	}
	wlr_scene_buffer_set_buffer_with_damage(view->node, buffer, damage);
}

static void handle_scanout_commit(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, scanout_commit);
	set_picture(view, data);
	if (update_picture_stamp(view)) {
		refresh_output(view);
	}
	schedule_frame(view);
}

static void handle_scanout_guest(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, scanout_guest);
	view->change_stamp = gp_placement_stamp(view->placement);
	update_picture_stamp(view);
	refresh_output(view);
}

static void handle_scanout_cursor(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, scanout_cursor);
	update_cursor(view, data);
	schedule_frame(view);
}

static void handle_output_sample(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, output_sample);
	const struct wlr_scene_output_sample_event *event = data;
	view->is_sampled = true;
	view->is_direct = event->direct_scanout;
	if (view->scanout->surface == NULL) {
		return;
	}
	if (event->direct_scanout) {
		wlr_presentation_surface_scanned_out_on_output(
			view->scanout->surface, event->output->output);
	} else {
		wlr_presentation_surface_textured_on_output(
			view->scanout->surface, event->output->output);
	}
}

static void handle_frame_done(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, frame_done);
	const struct wlr_scene_frame_done_event *event = data;
	if (view->scanout->surface != NULL) {
		wlr_surface_send_frame_done(view->scanout->surface, &event->when);
	}
}

void gp_view_set_shown(struct gp_view *view, bool shown) {
	if (view->is_shown == shown) {
		return;
	}
	if (!shown) {
		gp_cursor_plane_hide(&view->output->cursor_plane);
	}
	view->is_shown = shown;
	wlr_scene_node_set_enabled(&view->tree->node, shown);
	update_cursor(view, NULL);

	struct gp_guest_scanout *scanout = view->scanout;
	gp_guest_scanout_send_visibility(scanout, shown);
	if (!shown) {
		gp_guest_scanout_send_path(
			scanout, GUEST_SCANOUT_V1_PATH_NONE, "the scanout is hidden");
	}
	if (scanout->surface != NULL && shown) {
		wlr_surface_send_enter(scanout->surface, view->output->wlr_output);
	} else if (scanout->surface != NULL && view->output != NULL) {
		wlr_surface_send_leave(scanout->surface, view->output->wlr_output);
	}
	schedule_frame(view);
}

void gp_view_set_output(struct gp_view *view, struct gp_output *output) {
	struct gp_output *old = view->output;
	if (old == output) {
		return;
	}
	gp_view_set_shown(view, false);
	if (old != NULL) {
		gp_output_forget_view(old, view);
	}
	view->output = output;
	struct wlr_scene *scene = output != NULL ? output->scene : view->placement->hidden;
	wlr_scene_node_reparent(&view->tree->node, &scene->tree);
	gp_view_arrange(view);
	view->change_stamp = gp_placement_stamp(view->placement);
	if (old != NULL) {
		gp_output_refresh(old);
	}
	if (output != NULL) {
		gp_output_refresh(output);
	}
}

void gp_view_describe_frame(const struct gp_view *view, struct gp_frame_facts *facts) {
	const struct gp_guest_scanout *scanout = view->scanout;
	facts->buffer = scanout->content.buffer;
	facts->is_direct = view->is_direct;
	int width, height;
	wlr_output_transformed_resolution(view->output->wlr_output, &width, &height);
	facts->is_scaled = scanout->width != width || scanout->height != height ||
		view->box.width != width || view->box.height != height;
	facts->is_overlaid = gp_cursor_is_composed(&view->cursor);
}

static void view_destroy(struct gp_view *view) {
	gp_view_set_output(view, NULL);
	wl_list_remove(&view->link);
	wl_list_remove(&view->scanout_commit.link);
	wl_list_remove(&view->scanout_guest.link);
	wl_list_remove(&view->scanout_cursor.link);
	wl_list_remove(&view->scanout_destroy.link);
	wl_list_remove(&view->output_sample.link);
	wl_list_remove(&view->frame_done.link);
	gp_cursor_finish(&view->cursor);
	wlr_scene_node_destroy(&view->tree->node);
	free(view);
}

static void handle_scanout_destroy(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, scanout_destroy);
	if (view->output != NULL && view->scanout->guest_removed) {
		gp_output_note_guest_removed(view->output, view->scanout->guest);
	}
	view_destroy(view);
}

static bool create_nodes(struct gp_view *view) {
	view->tree = wlr_scene_tree_create(&view->placement->hidden->tree);
	if (view->tree == NULL) {
		return false;
	}
	wlr_scene_node_set_enabled(&view->tree->node, false);
	view->node = wlr_scene_buffer_create(view->tree, NULL);
	if (view->node == NULL || !gp_cursor_init(&view->cursor, view->scanout, view->tree)) {
		wlr_scene_node_destroy(&view->tree->node);
		return false;
	}
	return true;
}

static void add_listeners(struct gp_view *view) {
	struct gp_guest_scanout *scanout = view->scanout;
	view->scanout_commit.notify = handle_scanout_commit;
	wl_signal_add(&scanout->events.commit, &view->scanout_commit);
	view->scanout_guest.notify = handle_scanout_guest;
	wl_signal_add(&scanout->events.guest, &view->scanout_guest);
	view->scanout_cursor.notify = handle_scanout_cursor;
	wl_signal_add(&scanout->events.cursor, &view->scanout_cursor);
	view->scanout_destroy.notify = handle_scanout_destroy;
	wl_signal_add(&scanout->events.destroy, &view->scanout_destroy);
	view->output_sample.notify = handle_output_sample;
	wl_signal_add(&view->node->events.output_sample, &view->output_sample);
	view->frame_done.notify = handle_frame_done;
	wl_signal_add(&view->node->events.frame_done, &view->frame_done);
}

struct gp_view *gp_view_create(struct gp_placement *placement, struct gp_guest_scanout *scanout) {
	struct gp_view *view = calloc(1, sizeof(*view));
	if (view == NULL) {
		gp_error("scanout: no memory for its view");
		return NULL;
	}
	view->placement = placement;
	view->scanout = scanout;
	if (!create_nodes(view)) {
		gp_error("scanout: no memory for its view");
		free(view);
		return NULL;
	}
	add_listeners(view);
	view->change_stamp = gp_placement_stamp(placement);
	wl_list_insert(placement->views.prev, &view->link);
	return view;
}
