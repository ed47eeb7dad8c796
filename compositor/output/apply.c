#include "compositor/output/apply.h"

#include <stdlib.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_scene.h>

#include "common/log.h"
#include "compositor/config/options.h"
#include "compositor/config/settings.h"
#include "compositor/nested/window.h"
#include "compositor/output/monitor.h"
#include "compositor/output/outputs.h"
#include "compositor/output/shown.h"
#include "compositor/view/identity.h"

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
	if (settings->has_adaptive_sync && wlr_output->adaptive_sync_supported) {
		wlr_output_state_set_adaptive_sync_enabled(state, settings->adaptive_sync);
	} else if (settings->has_adaptive_sync && settings->adaptive_sync) {
		gp_warn("output %s: has no adaptive sync", wlr_output->name);
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

bool gp_output_commit_state(struct gp_output *output, struct wlr_output_state *state) {
	if ((state->committed & WLR_OUTPUT_STATE_ENABLED) != 0 && state->enabled) {
		wlr_scene_node_set_enabled(&output->scene->tree.node, true);
	}
	/* With a flip pending the kernel refuses all but a commit that waits, which is a modeset. */
	state->allow_reconfiguration |= (state->committed & GP_MONITOR_STATE) != 0;
	gp_output_refresh(output);
	gp_status_screen_draw(&output->status_screen);
	output->configuring = true;
	bool ok = wlr_scene_output_build_state(output->scene_output, state, NULL) &&
		wlr_output_commit_state(output->wlr_output, state);
	output->configuring = false;
	if (!ok) {
		wlr_scene_node_set_enabled(&output->scene->tree.node, output->wlr_output->enabled);
	}
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

static bool commit(struct gp_output *output, struct wlr_output_state *state) {
	return wlr_output_test_state(output->wlr_output, state) &&
		gp_output_commit_state(output, state);
}

bool gp_output_apply_settings(struct gp_output *output) {
	struct wlr_output *wlr_output = output->wlr_output;
	struct gp_config_identity identity = gp_output_identity(wlr_output);
	const struct gp_config_output *settings =
		gp_settings_find_output(output->outputs->settings, &identity);
	if (settings == NULL || output->power != GP_POWER_ON) {
		return true;
	}
	struct wlr_output_state state;
	wlr_output_state_init(&state);
	set_state(wlr_output, settings, &state);
	bool ok = state.committed == 0 || commit(output, &state);
	if (!ok && (state.committed & WLR_OUTPUT_STATE_ADAPTIVE_SYNC_ENABLED) != 0) {
		gp_warn("output %s: refused adaptive sync", wlr_output->name);
		state.committed &= ~WLR_OUTPUT_STATE_ADAPTIVE_SYNC_ENABLED;
		ok = state.committed == 0 || commit(output, &state);
	}
	wlr_output_state_finish(&state);
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
