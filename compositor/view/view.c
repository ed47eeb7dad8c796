#include "compositor/view/view.h"

#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_presentation_time.h>
#include <wlr/types/wlr_scene.h>

#include "common/limits.h"
#include "common/log.h"
#include "compositor/config/settings.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/guest/scanout_events.h"
#include "compositor/view/cursor_plane.h"
#include "compositor/view/identity.h"
#include "guest-scanout-v1-protocol.h"

/* A guest may leave anything in the alpha bits of its framebuffer; a monitor would not show it. */
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
	struct gp_config_identity output = gp_output_identity(view->target->wlr_output);
	return gp_settings_get_scaling(view->target->settings, view->scanout->guest->name, &output);
}

static void update_cursor(struct gp_view *view, const pixman_region32_t *damage) {
	struct gp_cursor_geometry place = {
		.box = view->box,
		.seen = view->seen,
		.nearest = view->nearest,
	};
	if (view->target->wlr_output != NULL) {
		wlr_output_transformed_resolution(
			view->target->wlr_output, &place.width, &place.height);
		place.plane = view->shown ? view->target->cursor_plane : NULL;
	}
	gp_view_cursor_update(&view->cursor, &place, damage);
}

bool gp_view_had_picture(const struct gp_view *view) {
	const struct gp_guest *guest = view->scanout->guest;
	return guest != NULL && view->life == guest->life;
}

void gp_view_get_size(const struct gp_view *view, int *width, int *height) {
	bool had_picture = view->shape_width > 0;
	*width = had_picture ? view->shape_width : view->box.width;
	*height = had_picture ? view->shape_height : view->box.height;
}

void gp_view_arrange(struct gp_view *view) {
	const struct gp_guest_scanout *scanout = view->scanout;
	struct wlr_box outer = {0}, shown;
	if (view->target->wlr_output == NULL || scanout->guest == NULL) {
		return;
	}
	wlr_output_transformed_resolution(view->target->wlr_output, &outer.width, &outer.height);
	if (wlr_box_empty(&outer)) {
		return;
	}
	bool off = scanout->width <= 0 || scanout->height <= 0;
	int width = off ? view->shape_width : scanout->width;
	int height = off ? view->shape_height : scanout->height;
	if (width <= 0) {
		view->box = outer;
		return;
	}
	struct gp_box place =
		gp_scaling_fit(get_scaling(view), width, height, outer.width, outer.height);
	view->box = (struct wlr_box){place.x, place.y, place.width, place.height};
	if (off) {
		return;
	}
	wlr_box_intersection(&shown, &view->box, &outer);

	view->nearest = place.width % scanout->width == 0 && place.height % scanout->height == 0;
	wlr_scene_buffer_set_filter_mode(
		view->node, view->nearest ? WLR_SCALE_FILTER_NEAREST : WLR_SCALE_FILTER_BILINEAR);
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
	if (view->shown && (wanted || gp_view_cursor_wants_frame(&view->cursor))) {
		wlr_output_schedule_frame(view->target->wlr_output);
	}
}

static bool same_shape(const struct gp_view *view) {
	struct wlr_fbox source;
	gp_guest_scanout_get_source_box(view->scanout, &source);
	return view->node->buffer != NULL && wlr_fbox_equal(&view->shape_source, &source) &&
		view->shape_width == view->scanout->width &&
		view->shape_height == view->scanout->height;
}

/* Keeps the damage for gp_view_begin_frame. */
static void postpone(struct gp_view *view, const pixman_region32_t *damage) {
	view->late = true;
	view->late_whole = view->late_whole || damage == NULL;
	if (damage != NULL) {
		pixman_region32_union(
			&view->late_damage, &view->late_damage, (pixman_region32_t *)damage);
	}
	if (pixman_region32_n_rects(&view->late_damage) > GP_DAMAGE_RECTS_MAX) {
		pixman_box32_t extents = *pixman_region32_extents(&view->late_damage);
		pixman_region32_reset(&view->late_damage, &extents);
	}
	if (view->shown) {
		wlr_output_schedule_frame(view->target->wlr_output);
	}
}

static void forget_late(struct gp_view *view) {
	view->late = view->late_whole = false;
	pixman_region32_clear(&view->late_damage);
}

static void set_picture(struct gp_view *view, const pixman_region32_t *damage) {
	struct wlr_buffer *buffer = view->scanout->content.buffer;
	if (view->late || gp_upload_must_wait(&view->upload, buffer)) {
		if (buffer != NULL) {
			postpone(view, same_shape(view) ? damage : NULL);
			return;
		}
		forget_late(view);
	}
	bool keeps_shape = buffer != NULL && same_shape(view);
	buffer = gp_upload_update(&view->upload, buffer, keeps_shape ? damage : NULL);
	if (buffer == NULL) {
		wlr_scene_buffer_set_buffer(view->node, NULL);
		update_cursor(view, NULL);
		return;
	}
	if (!keeps_shape) {
		gp_view_arrange(view);
		damage = NULL;
	}
	if (damage != NULL && pixman_region32_empty(damage) && view->node->buffer == buffer) {
		return;
	}
	struct wlr_scene_buffer_set_buffer_options options = {.damage = damage};
	gp_surface_set_acquire_point(view->scanout->surface, &options);
	wlr_scene_buffer_set_buffer_with_options(view->node, buffer, &options);
}

void gp_view_begin_frame(struct gp_view *view) {
	gp_upload_begin_frame(&view->upload);
	if (!view->late) {
		return;
	}
	pixman_region32_t damage;
	bool whole = view->late_whole;
	pixman_region32_init(&damage);
	pixman_region32_copy(&damage, &view->late_damage);
	forget_late(view);
	set_picture(view, whole ? NULL : &damage);
	pixman_region32_fini(&damage);
}

/* Whether it has a picture may have changed as well. */
static void emit_changed(struct gp_view *view, uint32_t changes) {
	struct gp_view_change change = {.view = view, .changes = changes};
	bool has_picture = gp_guest_scanout_has_picture(view->scanout);
	if (has_picture != view->has_picture) {
		view->has_picture = has_picture;
		change.changes |= GP_VIEW_PICTURE;
	}
	if (has_picture && !gp_view_had_picture(view)) {
		view->life = view->scanout->guest->life;
		change.changes |= GP_VIEW_FIRST_PICTURE;
	}
	if (change.changes != 0) {
		wl_signal_emit_mutable(&view->target->events.changed, &change);
	}
}

static void handle_scanout_commit(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, scanout_commit);
	set_picture(view, data);
	/* Without a picture, each commit may have another reason for that. */
	emit_changed(view, gp_guest_scanout_has_picture(view->scanout) ? 0 : GP_VIEW_FAILURE);
	schedule_frame(view);
}

static void handle_scanout_guest(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, scanout_guest);
	emit_changed(view, GP_VIEW_GUEST);
}

static void handle_scanout_cursor(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, scanout_cursor);
	update_cursor(view, data);
	schedule_frame(view);
}

static void handle_output_sample(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, output_sample);
	const struct wlr_scene_output_sample_event *event = data;
	view->sampled = true;
	view->direct = event->direct_scanout;
	gp_surface_content_handle_sample(&view->scanout->content, view->scanout->surface, event);
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
	if (view->shown == shown) {
		return;
	}
	if (!shown) {
		gp_cursor_plane_hide(view->target->cursor_plane);
	}
	view->shown = shown;
	wlr_scene_node_set_enabled(&view->tree->node, shown);
	update_cursor(view, NULL);

	struct gp_guest_scanout *scanout = view->scanout;
	gp_guest_scanout_send_visibility(scanout, shown);
	if (!shown) {
		gp_guest_scanout_send_path(
			scanout, GUEST_SCANOUT_V1_PATH_NONE, "the scanout is hidden");
	}
	if (scanout->surface != NULL && shown) {
		wlr_surface_send_enter(scanout->surface, view->target->wlr_output);
	} else if (scanout->surface != NULL) {
		wlr_surface_send_leave(scanout->surface, view->target->wlr_output);
	}
	schedule_frame(view);
}

void gp_view_set_target(struct gp_view *view, struct gp_view_target *target) {
	view->target = target;
	wlr_scene_node_reparent(&view->tree->node, target->tree);
	gp_view_arrange(view);
}

static void handle_scanout_destroy(struct wl_listener *listener, void *data) {
	struct gp_view *view = wl_container_of(listener, view, scanout_destroy);
	wl_list_remove(&view->link);
	wl_list_remove(&view->output_link);
	wl_list_init(&view->output_link);
	wl_signal_emit_mutable(&view->target->events.destroy, view);

	wl_list_remove(&view->scanout_commit.link);
	wl_list_remove(&view->scanout_guest.link);
	wl_list_remove(&view->scanout_cursor.link);
	wl_list_remove(&view->scanout_destroy.link);
	wl_list_remove(&view->output_sample.link);
	wl_list_remove(&view->frame_done.link);
	gp_view_cursor_finish(&view->cursor);
	wlr_scene_node_destroy(&view->tree->node);
	gp_upload_finish(&view->upload);
	pixman_region32_fini(&view->late_damage);
	free(view);
}

void gp_view_target_init(struct gp_view_target *target) {
	*target = (struct gp_view_target){0};
	wl_signal_init(&target->events.changed);
	wl_signal_init(&target->events.destroy);
}

static bool create_nodes(struct gp_view *view) {
	view->tree = wlr_scene_tree_create(view->target->tree);
	if (view->tree == NULL) {
		return false;
	}
	wlr_scene_node_set_enabled(&view->tree->node, false);
	view->node = wlr_scene_buffer_create(view->tree, NULL);
	if (view->node == NULL || !gp_view_cursor_init(&view->cursor, view->scanout, view->tree)) {
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

struct gp_view *gp_view_create(struct gp_guest_scanout *scanout, struct gp_view_target *target) {
	struct gp_view *view = calloc(1, sizeof(*view));
	if (view == NULL) {
		gp_error("scanout: no memory for its view");
		return NULL;
	}
	view->scanout = scanout;
	view->target = target;
	gp_upload_init(&view->upload, scanout->guest->manager->importer.renderer);
	pixman_region32_init(&view->late_damage);
	wl_list_init(&view->link);
	wl_list_init(&view->output_link);
	if (!create_nodes(view)) {
		gp_error("scanout: no memory for its view");
		free(view);
		return NULL;
	}
	add_listeners(view);
	return view;
}
