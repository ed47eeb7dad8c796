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
#include "compositor/config/options.h"
#include "compositor/config/settings.h"
#include "compositor/nested/window.h"
#include "compositor/output/outputs.h"
#include "compositor/output/policy.h"

/* While a window is being resized its guest is not told each size. */
#define INFO_DELAY_MS 100

/* How long it is told how the keyboard gets free again. */
#define HINT_MS 5000

#define MONITOR_STATE                                                                              \
	(WLR_OUTPUT_STATE_MODE | WLR_OUTPUT_STATE_TRANSFORM | WLR_OUTPUT_STATE_ENABLED)

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

/* What one output can take may depend on what the others do. */
static void forget_refusals(struct gp_outputs *outputs) {
	struct gp_output *output;
	wl_list_for_each (output, &outputs->list, link) {
		gp_output_frame_reset(output);
	}
}

static void handle_commit(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, commit);
	const struct wlr_output_event_commit *event = data;
	bool is_monitor = (event->state->committed & MONITOR_STATE) != 0;
	if ((event->state->committed & WLR_OUTPUT_STATE_BUFFER) != 0) {
		gp_output_frame_handle_commit(output);
	}
	if (is_monitor) {
		forget_refusals(output->outputs);
		gp_cursor_plane_reset(&output->cursor_plane);
		arrange(output);
		gp_output_refresh(output);
		gp_output_handle_monitor(output);
	}
}

void gp_output_handle_monitor(struct gp_output *output) {
	wl_event_source_timer_update(output->info_timer, INFO_DELAY_MS);
	wl_signal_emit_mutable(&output->outputs->events.changed, output);
}

static int handle_info_timer(void *data) {
	struct gp_output *output = data;
	wl_signal_emit_mutable(&output->outputs->events.monitor, output);
	return 0;
}

static int handle_hint_timer(void *data) {
	struct gp_output *output = data;
	output->has_hint = false;
	gp_output_refresh(output);
	return 0;
}

/*
 * The window has got all keys, or does not have them any more. It is said once each time that we
 * ask for them.
 */
static void handle_window_inhibit(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, window_inhibit);
	output->has_hint = output->window->is_inhibiting && !output->window->was_inhibiting;
	wl_event_source_timer_update(output->hint_timer, output->has_hint ? HINT_MS : 0);
	gp_output_refresh(output);
}

bool gp_output_commit_state(struct gp_output *output, struct wlr_output_state *state) {
	if ((state->committed & WLR_OUTPUT_STATE_ENABLED) != 0 && state->enabled) {
		wlr_scene_node_set_enabled(&output->scene->tree.node, true);
	}
	/* A kernel that has not flipped yet refuses all but a commit that waits: a modeset. */
	state->allow_reconfiguration |= (state->committed & MONITOR_STATE) != 0;
	gp_status_screen_draw(&output->status_screen);
	output->is_configuring = true;
	bool ok = wlr_scene_output_build_state(output->scene_output, state, NULL) &&
		wlr_output_commit_state(output->wlr_output, state);
	output->is_configuring = false;
	if (!ok) {
		wlr_scene_node_set_enabled(&output->scene->tree.node, output->wlr_output->enabled);
	}
	return ok;
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
	bool was_window = is_window(output->wlr_output);
	gp_info("output %s: removed", output->wlr_output->name);
	gp_output_destroy(output);
	if (was_window && wl_list_empty(&outputs->list)) {
		wl_signal_emit_mutable(&outputs->events.last_window_closed, NULL);
	}
}

void gp_output_update_layout(struct gp_output *output, const struct wlr_box *position) {
	struct wlr_output_layout *layout = output->outputs->layout;
	struct wlr_output *wlr_output = output->wlr_output;
	if (!wlr_output->enabled) {
		wlr_output_layout_remove(layout, wlr_output);
		return;
	}

	if (position != NULL) {
		wlr_output_layout_add(layout, wlr_output, position->x, position->y);
	} else {
		wlr_output_layout_add_auto(layout, wlr_output);
	}
}

static bool try_mode(struct gp_output *output, struct wlr_output_mode *mode) {
	const struct gp_options *options = output->outputs->settings->options;
	struct wlr_output_state state;
	wlr_output_state_init(&state);
	wlr_output_state_set_enabled(&state, true);
	if (mode != NULL) {
		wlr_output_state_set_mode(&state, mode);
	} else if (output->window != NULL) {
		wlr_output_state_set_custom_mode(
			&state, output->window->width, output->window->height, 0);
	} else {
		wlr_output_state_set_custom_mode(&state, options->width, options->height, 0);
	}
	bool ok = wlr_output_test_state(output->wlr_output, &state) &&
		wlr_output_commit_state(output->wlr_output, &state);
	wlr_output_state_finish(&state);
	return ok;
}

/* A monitor's preferred mode may need more bandwidth than there is. */
static bool enable(struct gp_output *output) {
	struct wlr_output_mode *preferred = wlr_output_preferred_mode(output->wlr_output);
	if (try_mode(output, preferred)) {
		return true;
	}
	struct wlr_output_mode *mode;
	wl_list_for_each (mode, &output->wlr_output->modes, link) {
		if (mode != preferred && try_mode(output, mode)) {
			return true;
		}
	}
	return false;
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
	wl_list_init(&output->window_inhibit.link);
	if (output->window != NULL) {
		output->window_inhibit.notify = handle_window_inhibit;
		wl_signal_add(&output->window->events.inhibit, &output->window_inhibit);
	}
}

static bool create_scene(struct gp_output *output) {
	struct wl_event_loop *loop = output->outputs->loop;
	output->info_timer = wl_event_loop_add_timer(loop, handle_info_timer, output);
	output->hint_timer = wl_event_loop_add_timer(loop, handle_hint_timer, output);
	output->scene = wlr_scene_create();
	if (output->scene != NULL) {
		output->scene_output = wlr_scene_output_create(output->scene, output->wlr_output);
	}
	if (output->info_timer == NULL || output->hint_timer == NULL ||
		output->scene_output == NULL) {
		return false;
	}
	output->target.tree = &output->scene->tree;
	output->target.wlr_output = output->wlr_output;
	output->target.cursor_plane = &output->cursor_plane;
	output->target.settings = output->outputs->settings;
	return gp_status_screen_init(&output->status_screen, &output->scene->tree);
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
	output->scale_120 = 120;
	wl_list_init(&output->link);
	wl_list_init(&output->views);
	gp_view_target_init(&output->target);
	gp_output_listen_to_views(output);
	add_listeners(output);
	gp_cursor_plane_init(&output->cursor_plane, wlr_output);
	if (!create_scene(output)) {
		gp_error("output %s: no memory", wlr_output->name);
		gp_output_destroy(output);
		return NULL;
	}

	wlr_output->data = output;
	if (wlr_output_is_headless(wlr_output)) {
		/* It would take any buffer for scan-out and show it to nobody: be honest. */
		wlr_output_lock_attach_render(wlr_output, true);
	}
	if (!enable(output)) {
		gp_error("output %s: no mode works", wlr_output->name);
	}
	gp_output_update_layout(output, NULL);
	gp_output_apply_settings(output);
	struct wl_list *after;
	output->slot = gp_policy_get_slot(outputs, &after);
	wl_list_insert(after, &output->link);
	arrange(output);
	wl_signal_emit_mutable(&outputs->events.added, output);
	gp_output_refresh(output);
	gp_info("output %s: %dx%d, slot %u", wlr_output->name, wlr_output->width,
		wlr_output->height, output->slot);
	return output;
}

void gp_output_destroy(struct gp_output *output) {
	output->is_leaving = true;
	if (!wl_list_empty(&output->link)) {
		wl_list_remove(&output->link);
		wl_signal_emit_mutable(&output->outputs->events.removed, output);
	}
	wl_list_remove(&output->frame.link);
	wl_list_remove(&output->commit.link);
	wl_list_remove(&output->present.link);
	wl_list_remove(&output->request_state.link);
	wl_list_remove(&output->destroy.link);
	gp_cursor_plane_finish(&output->cursor_plane);
	wl_list_remove(&output->window_inhibit.link);
	output->wlr_output->data = NULL;
	if (output->info_timer != NULL) {
		wl_event_source_remove(output->info_timer);
	}
	if (output->hint_timer != NULL) {
		wl_event_source_remove(output->hint_timer);
	}
	if (output->scene != NULL) {
		wlr_scene_node_destroy(&output->scene->tree.node);
	}
	wlr_output_layout_remove(output->outputs->layout, output->wlr_output);
	free(output);
}
