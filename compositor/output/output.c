#include "compositor/output/output.h"

#include <stdlib.h>
#include <wlr/backend/headless.h>
#include <wlr/backend/wayland.h>
#include <wlr/config.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_scene.h>
#if WLR_HAS_X11_BACKEND
#include <wlr/backend/x11.h>
#endif

#include "common/log.h"
#include "compositor/nested/window.h"
#include "compositor/output/apply.h"
#include "compositor/output/frame.h"
#include "compositor/output/monitor.h"
#include "compositor/output/outputs.h"
#include "compositor/output/policy.h"
#include "compositor/output/shown.h"

static bool is_window(struct wlr_output *wlr_output) {
#if WLR_HAS_X11_BACKEND
	if (wlr_output_is_x11(wlr_output)) {
		return true;
	}
#endif
	return wlr_output_is_wl(wlr_output);
}

static void handle_frame(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, frame);
	gp_output_frame_make(output);
}

static void handle_present(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, present);
	gp_output_frame_handle_present(output, data);
}

static void arrange(struct gp_output *output) {
	int width, height;
	wlr_scene_node_set_enabled(&output->scene->tree.node, output->wlr_output->enabled);
	wlr_output_transformed_resolution(output->wlr_output, &width, &height);
	gp_status_screen_set_size(&output->status_screen, width, height);

	struct gp_view *view;
	wl_list_for_each (view, &output->views, output_link) {
		gp_view_arrange(view);
	}
}

static void handle_commit(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, commit);
	const struct wlr_output_event_commit *event = data;
	if ((event->state->committed & WLR_OUTPUT_STATE_BUFFER) != 0) {
		gp_output_frame_handle_commit(output);
	}
	if ((event->state->committed & GP_MONITOR_STATE) != 0) {
		/* What one output can take may depend on what the others do. */
		struct gp_output *other;
		wl_list_for_each (other, &output->outputs->list, link) {
			gp_output_frame_reset(other);
		}
		gp_cursor_plane_reset(&output->cursor_plane);
		arrange(output);
		gp_output_set_dirty(output);
		gp_output_monitor_changed(output);
	}
}

/* A window was resized. */
static void handle_request_state(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, request_state);
	const struct wlr_output_event_request_state *event = data;
	struct wlr_output_state state;
	wlr_output_state_init(&state);
	if (!wlr_output_state_copy(&state, event->state) ||
		!gp_output_commit_state(output, &state)) {
		gp_error("output %s: the requested state was refused", output->wlr_output->name);
	}
	wlr_output_state_finish(&state);
}

static void handle_destroy(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, destroy);
	struct gp_outputs *outputs = output->outputs;
	bool windowed = output->windowed;
	gp_info("output %s: removed", output->wlr_output->name);
	gp_output_destroy(output);
	if (windowed && wl_list_empty(&outputs->list)) {
		wl_signal_emit_mutable(&outputs->events.last_window_closed, NULL);
	}
}

static void add_listeners(struct gp_output *output) {
	struct wlr_output *wlr_output = output->wlr_output;
	output->frame.notify = handle_frame;
	wl_signal_add(&wlr_output->events.frame, &output->frame);
	output->commit.notify = handle_commit;
	wl_signal_add(&wlr_output->events.commit, &output->commit);
	output->present.notify = handle_present;
	wl_signal_add(&wlr_output->events.present, &output->present);
	output->request_state.notify = handle_request_state;
	wl_signal_add(&wlr_output->events.request_state, &output->request_state);
	output->destroy.notify = handle_destroy;
	wl_signal_add(&wlr_output->events.destroy, &output->destroy);
}

static bool create_scene(struct gp_output *output) {
	output->scene = wlr_scene_create();
	if (output->scene == NULL) {
		return false;
	}
	output->target.tree = &output->scene->tree;
	output->target.wlr_output = output->wlr_output;
	output->target.cursor_plane = &output->cursor_plane;
	output->target.settings = output->outputs->settings;
	output->scene_output = wlr_scene_output_create(output->scene, output->wlr_output);
	return output->scene_output != NULL &&
		gp_status_screen_init(&output->status_screen, &output->scene->tree);
}

struct gp_output *gp_output_create(struct gp_outputs *outputs, struct wlr_output *wlr_output) {
	struct gp_output *output = calloc(1, sizeof(*output));
	if (output == NULL ||
		!wlr_output_init_render(wlr_output, outputs->allocator, outputs->renderer)) {
		gp_error("output %s: cannot be rendered to", wlr_output->name);
		free(output);
		return NULL;
	}
	output->outputs = outputs;
	output->wlr_output = wlr_output;
	output->window = gp_window_from_output(outputs->parent, wlr_output);
	output->windowed = is_window(wlr_output);
	output->scale_120 = 120;
	wl_list_init(&output->link);
	wl_list_init(&output->views);
	gp_view_target_init(&output->target);
	add_listeners(output);
	gp_cursor_plane_init(&output->cursor_plane, wlr_output,
		output->window != NULL ? &output->window->cursor : NULL);
	if (!create_scene(output) || !gp_output_shown_init(output) ||
		!gp_output_monitor_init(output)) {
		gp_error("output %s: no memory", wlr_output->name);
		gp_output_destroy(output);
		return NULL;
	}

	wlr_output->data = output;
	if (wlr_output_is_headless(wlr_output)) {
		/* It would take any buffer for scan-out and show it to nobody: be honest. */
		wlr_output_lock_attach_render(wlr_output, true);
	}
	if (!gp_output_enable(output)) {
		gp_error("output %s: no mode works", wlr_output->name);
	}
	gp_output_update_layout(output, NULL);
	gp_output_apply_settings(output);
	struct wl_list *after;
	output->slot = gp_policy_get_slot(outputs, &after);
	wl_list_insert(after, &output->link);
	arrange(output);
	wl_signal_emit_mutable(&outputs->events.added, output);
	gp_output_set_dirty(output);
	gp_info("output %s: %dx%d, slot %u", wlr_output->name, wlr_output->width,
		wlr_output->height, output->slot);
	return output;
}

void gp_output_destroy(struct gp_output *output) {
	output->destroying = true;
	if (!wl_list_empty(&output->link)) {
		wl_list_remove(&output->link);
		wl_signal_emit_mutable(&output->outputs->events.removed, output);
	}
	wl_list_remove(&output->frame.link);
	wl_list_remove(&output->commit.link);
	wl_list_remove(&output->present.link);
	wl_list_remove(&output->request_state.link);
	wl_list_remove(&output->destroy.link);
	gp_output_shown_finish(output);
	gp_output_monitor_finish(output);
	gp_cursor_plane_finish(&output->cursor_plane);
	output->wlr_output->data = NULL;
	if (output->scene != NULL) {
		wlr_scene_node_destroy(&output->scene->tree.node);
	}
	wlr_output_layout_remove(output->outputs->layout, output->wlr_output);
	free(output);
}

struct gp_output *gp_output_from_view(const struct gp_view *view) {
	const struct wlr_output *wlr_output = view->target->wlr_output;
	return wlr_output != NULL ? wlr_output->data : NULL;
}
