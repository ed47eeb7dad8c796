#include "compositor/output/apply.h"

#include <stdlib.h>
#include <wlr/backend.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_output_swapchain_manager.h>
#include <wlr/types/wlr_scene.h>

#include "common/log.h"
#include "compositor/config/options.h"
#include "compositor/config/settings.h"
#include "compositor/nested/window.h"
#include "compositor/output/monitor.h"
#include "compositor/output/outputs.h"
#include "compositor/output/shown.h"
#include "compositor/view/identity.h"
#include "compositor/view/view.h"

/* Rates are not exact: 59.94 Hz may be called 60. */
#define REFRESH_TOLERANCE_MHZ 500

/* The output's own mode of that size: the nearest to the rate, or the fastest if there is none. */
static struct wlr_output_mode *find_mode(
	const struct wlr_output *wlr_output, const struct gp_config_output *settings) {
	struct wlr_output_mode *mode, *best = NULL;
	int32_t wanted = settings->refresh_mhz;
	wl_list_for_each (mode, &wlr_output->modes, link) {
		if (mode->width != settings->width || mode->height != settings->height ||
			(wanted > 0 && abs(mode->refresh - wanted) > REFRESH_TOLERANCE_MHZ)) {
			continue;
		}
		if (best == NULL ||
			(wanted > 0 ? abs(mode->refresh - wanted) < abs(best->refresh - wanted)
				    : mode->refresh > best->refresh)) {
			best = mode;
		}
	}
	return best;
}

/* All but adaptive sync. */
static void set_state(const struct wlr_output *wlr_output, const struct gp_config_output *settings,
	struct wlr_output_state *state) {
	struct wlr_output_mode *mode = settings->width > 0 ? find_mode(wlr_output, settings) : NULL;
	if (mode != NULL) {
		wlr_output_state_set_mode(state, mode);
	} else if (settings->width > 0) {
		wlr_output_state_set_custom_mode(
			state, settings->width, settings->height, settings->refresh_mhz);
	}
	if (settings->transform >= 0) {
		wlr_output_state_set_transform(state, settings->transform);
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
		int32_t width, height;
		gp_window_get_mode(output->window, &width, &height);
		wlr_output_state_set_custom_mode(&state, width, height, 0);
	} else {
		wlr_output_state_set_custom_mode(&state, options->width, options->height, 0);
	}
	bool ok = wlr_output_test_state(output->wlr_output, &state) &&
		wlr_output_commit_state(output->wlr_output, &state);
	wlr_output_state_finish(&state);
	return ok;
}

/* The preferred mode may need more bandwidth than there is. */
bool gp_output_enable(struct gp_output *output) {
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

/*
 * Leaves what differs from now: a mode that is set again would be news for guests. All that is left
 * may take a modeset, adaptive sync and transforms, too.
 */
static void keep_changes(const struct wlr_output *output, struct wlr_output_state *state) {
	bool same_mode = state->mode_type == WLR_OUTPUT_STATE_MODE_FIXED
		? state->mode == output->current_mode
		: state->custom_mode.width == output->width &&
			state->custom_mode.height == output->height &&
			state->custom_mode.refresh == output->refresh;
	bool adaptive_sync = output->adaptive_sync_status != WLR_OUTPUT_ADAPTIVE_SYNC_DISABLED;
	if (same_mode) {
		state->committed &= ~WLR_OUTPUT_STATE_MODE;
	}
	if (state->enabled == output->enabled) {
		state->committed &= ~WLR_OUTPUT_STATE_ENABLED;
	}
	if (state->transform == output->transform) {
		state->committed &= ~WLR_OUTPUT_STATE_TRANSFORM;
	}
	if (state->adaptive_sync_enabled == adaptive_sync) {
		state->committed &= ~WLR_OUTPUT_STATE_ADAPTIVE_SYNC_ENABLED;
	}
	state->allow_reconfiguration = state->committed != 0;
}

/* What the output has now, to go back to. */
static void get_state(struct wlr_output *output, struct wlr_output_state *state) {
	wlr_output_state_init(state);
	wlr_output_state_set_enabled(state, output->enabled);
	if (!output->enabled) {
		return;
	}
	if (output->current_mode != NULL) {
		wlr_output_state_set_mode(state, output->current_mode);
	} else {
		wlr_output_state_set_custom_mode(
			state, output->width, output->height, output->refresh);
	}
	wlr_output_state_set_transform(state, output->transform);
	wlr_output_state_set_adaptive_sync_enabled(
		state, output->adaptive_sync_status != WLR_OUTPUT_ADAPTIVE_SYNC_DISABLED);
}

static bool build_state(struct gp_output *output, struct wlr_output_swapchain_manager *swapchains,
	struct wlr_output_state *state) {
	const struct wlr_scene_output_state_options options = {
		.swapchain =
			wlr_output_swapchain_manager_get_swapchain(swapchains, output->wlr_output),
	};
	if ((state->committed & WLR_OUTPUT_STATE_ENABLED) != 0 && state->enabled) {
		wlr_scene_node_set_enabled(&output->scene->tree.node, true);
	}
	gp_output_refresh(output);
	gp_status_screen_draw(&output->status_screen);
	if (output->view != NULL) {
		gp_view_begin_frame(output->view);
	}
	output->configuring = true;
	return wlr_scene_output_build_state(output->scene_output, state, &options);
}

/*
 * For outputs of one backend. The outer backend of wlroots, which has them all, would commit each
 * state twice.
 */
static bool commit_backend(struct wlr_backend_output_state *states, size_t n_states, bool test) {
	struct wlr_backend *backend = states[0].output->backend;
	struct wlr_output_swapchain_manager swapchains;
	wlr_output_swapchain_manager_init(&swapchains, backend);
	bool ok = wlr_output_swapchain_manager_prepare(&swapchains, states, n_states);
	for (size_t i = 0; ok && !test && i < n_states; i++) {
		ok = build_state(states[i].output->data, &swapchains, &states[i].base);
	}
	if (ok && !test) {
		ok = wlr_backend_commit(backend, states, n_states);
	}
	if (ok && !test) {
		wlr_output_swapchain_manager_apply(&swapchains);
	}
	wlr_output_swapchain_manager_finish(&swapchains);
	for (size_t i = 0; i < n_states; i++) {
		struct gp_output *output = states[i].output->data;
		output->configuring = false;
		wlr_scene_node_set_enabled(&output->scene->tree.node, output->wlr_output->enabled);
	}
	return ok;
}

/* The states are sorted by backend. */
static bool commit_all(struct wlr_backend_output_state *states, size_t n_states, bool test) {
	for (size_t i = 0, n; i < n_states; i += n) {
		for (n = 1; i + n < n_states &&
			states[i + n].output->backend == states[i].output->backend;) {
			n++;
		}
		if (!commit_backend(&states[i], n, test)) {
			return false;
		}
	}
	return true;
}

static int compare_backends(const void *a, const void *b) {
	const struct wlr_backend_output_state *one = a, *other = b;
	uintptr_t backend = (uintptr_t)one->output->backend;
	uintptr_t other_backend = (uintptr_t)other->output->backend;
	return (backend > other_backend) - (backend < other_backend);
}

/* Not even the outputs of one backend are committed at once by all backends. */
static bool commit_or_go_back(struct wlr_backend_output_state *states, size_t n_states) {
	struct wlr_backend_output_state *before = calloc(n_states, sizeof(*before));
	if (before == NULL) {
		return false;
	}
	for (size_t i = 0; i < n_states; i++) {
		before[i].output = states[i].output;
		get_state(before[i].output, &before[i].base);
	}
	bool ok = commit_all(states, n_states, false);
	for (size_t i = 0; i < n_states; i++) {
		keep_changes(before[i].output, &before[i].base);
		if (!ok && before[i].base.committed != 0 && !commit_backend(&before[i], 1, false)) {
			gp_error("output %s: the state that it had is refused",
				before[i].output->name);
		}
		wlr_output_state_finish(&before[i].base);
	}
	free(before);
	return ok;
}

bool gp_outputs_commit(struct wlr_backend_output_state *states, size_t n_states, bool test) {
	size_t n = 0;
	for (size_t i = 0; i < n_states; i++) {
		keep_changes(states[i].output, &states[i].base);
		/* What is off and stays off has no part in it. */
		if (states[i].output->enabled || states[i].base.committed != 0) {
			struct wlr_backend_output_state state = states[i];
			states[i] = states[n];
			states[n++] = state;
		}
	}
	if (n == 0) {
		return true;
	}
	qsort(states, n, sizeof(*states), compare_backends);
	bool one_backend = states[0].output->backend == states[n - 1].output->backend;
	/* Where there is one, its commit tests before. */
	if ((test || !one_backend) && !commit_all(states, n, true)) {
		return false;
	}
	return test || commit_or_go_back(states, n);
}

bool gp_output_commit_state(struct gp_output *output, struct wlr_output_state *state) {
	struct wlr_backend_output_state one = {.output = output->wlr_output, .base = *state};
	bool ok = gp_outputs_commit(&one, 1, false);
	*state = one.base;
	return ok;
}

void gp_output_update_layout(struct gp_output *output, const struct wlr_box *position) {
	struct wlr_output_layout *layout = output->outputs->layout;
	struct wlr_output *wlr_output = output->wlr_output;
	if (!gp_monitor_is_connected(output)) {
		wlr_output_layout_remove(layout, wlr_output);
		return;
	}

	if (position != NULL) {
		wlr_output_layout_add(layout, wlr_output, position->x, position->y);
	} else {
		wlr_output_layout_add_auto(layout, wlr_output);
	}
}

static bool commit_settings(struct gp_output *output, const struct gp_config_output *settings,
	bool sets_adaptive_sync) {
	struct wlr_output_state state;
	wlr_output_state_init(&state);
	set_state(output->wlr_output, settings, &state);
	if (sets_adaptive_sync) {
		wlr_output_state_set_adaptive_sync_enabled(&state, settings->adaptive_sync);
	}
	bool ok = state.committed == 0 || gp_output_commit_state(output, &state);
	wlr_output_state_finish(&state);
	return ok;
}

bool gp_output_apply_settings(struct gp_output *output) {
	struct wlr_output *wlr_output = output->wlr_output;
	struct gp_config_identity identity = gp_output_identity(wlr_output);
	const struct gp_config_output *settings =
		gp_settings_find_output(output->outputs->settings, &identity);
	if (settings == NULL || output->power != GP_POWER_ON) {
		return true;
	}
	bool has_adaptive_sync = wlr_output->adaptive_sync_supported;
	if (!has_adaptive_sync && settings->has_adaptive_sync && settings->adaptive_sync) {
		gp_warn("output %s: has no adaptive sync", wlr_output->name);
	}
	bool sets_adaptive_sync = has_adaptive_sync && settings->has_adaptive_sync;
	bool ok = commit_settings(output, settings, sets_adaptive_sync);
	if (!ok && sets_adaptive_sync) {
		gp_warn("output %s: refused adaptive sync", wlr_output->name);
		ok = commit_settings(output, settings, false);
	}
	if (!ok) {
		gp_warn("output %s: refused the configured mode", wlr_output->name);
	}

	if (settings->scale_120 > 0) {
		output->scale_120 = settings->scale_120;
	}
	const struct wlr_box position = {.x = settings->x, .y = settings->y};
	if (settings->has_position) {
		gp_output_update_layout(output, &position);
	}
	gp_output_monitor_changed(output);
	return ok;
}
