#include "compositor/output/power.h"

#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_output_power_management_v1.h>

#include "common/clock.h"
#include "common/log.h"
#include "compositor/config/settings.h"
#include "compositor/output/apply.h"
#include "compositor/output/monitor.h"
#include "compositor/output/outputs.h"
#include "compositor/output/shown.h"

const char *gp_output_power_name(const struct gp_output *output) {
	static const char *const names[] = {
		[GP_POWER_ON] = "on",
		[GP_POWER_ASLEEP] = "asleep",
		[GP_POWER_OFF] = "off",
	};
	return names[gp_monitor_is_connected(output) ? output->power : GP_POWER_OFF];
}

static bool commit_enabled(struct gp_output *output, bool enabled) {
	struct wlr_output_state state;
	wlr_output_state_init(&state);
	wlr_output_state_set_enabled(&state, enabled);
	bool ok = gp_output_commit_state(output, &state);
	wlr_output_state_finish(&state);
	return ok || (enabled && gp_output_enable(output));
}

bool gp_output_set_power(struct gp_output *output, enum gp_power power) {
	struct wlr_output *wlr_output = output->wlr_output;
	enum gp_power old = output->power;
	bool on = power == GP_POWER_ON;
	if (!on && output->windowed) {
		gp_warn("output %s: a window is always on", wlr_output->name);
		return false;
	}
	if (!on && !gp_monitor_is_connected(output)) {
		return true; // disabled, and so it stays
	}
	/* Before the commit: it takes along what is shown, and is not to look like an unplugged monitor. */
	output->power = power;
	if (wlr_output->enabled == on) {
		return true;
	}
	gp_output_set_dirty(output);
	if (!commit_enabled(output, on)) {
		gp_error("output %s: cannot be switched %s", wlr_output->name, on ? "on" : "off");
		output->power = old == GP_POWER_ASLEEP ? GP_POWER_OFF : old;
		gp_output_set_dirty(output);
		return false;
	}
	gp_info("output %s: %s", wlr_output->name, gp_output_power_name(output));
	if (wlr_output_layout_get(output->outputs->layout, wlr_output) == NULL) {
		gp_output_update_layout(output, NULL); // it was disabled
	}
	return true;
}

/* Whether the guest in front, which runs, has switched its scanout off. */
static bool is_scanout_off(const struct gp_output *output) {
	return output->showing == GP_SHOWING_OFF;
}

void gp_outputs_note_input(struct gp_outputs *outputs, struct gp_output *at) {
	if (at != NULL) {
		at->input_ns = gp_now_ns();
	}
	struct gp_output *output;
	wl_list_for_each (output, &outputs->list, link) {
		if (output->power == GP_POWER_ASLEEP && (output == at || !is_scanout_off(output))) {
			gp_output_set_power(output, GP_POWER_ON);
		}
	}
}

void gp_outputs_sleep(struct gp_outputs *outputs) {
	struct gp_output *output;
	wl_list_for_each (output, &outputs->list, link) {
		if (output->power == GP_POWER_ON && !output->windowed) {
			gp_output_set_power(output, GP_POWER_ASLEEP);
		}
	}
}

void gp_outputs_wake(struct gp_outputs *outputs) {
	struct gp_output *output;
	wl_list_for_each (output, &outputs->list, link) {
		if (output->power == GP_POWER_ASLEEP) {
			gp_output_set_power(output, GP_POWER_ON);
		}
	}
}

/* Goes to sleep when the scanout has been off long enough, and nobody tries to wake the guest. */
static void update_sleep_timer(struct gp_output *output) {
	uint64_t delay_ms = gp_settings_get_sleep_when_off_ms(output->outputs->settings);
	if (delay_ms == 0 || output->windowed || output->power != GP_POWER_ON ||
		!is_scanout_off(output)) {
		output->scanout_off_ns = 0;
		wl_event_source_timer_update(output->sleep_timer, 0);
		return;
	}
	uint64_t now_ns = gp_now_ns();
	if (output->scanout_off_ns == 0) {
		output->scanout_off_ns = now_ns;
	}
	uint64_t begin_ns = output->input_ns > output->scanout_off_ns ? output->input_ns
								      : output->scanout_off_ns;
	uint64_t end_ns = begin_ns + delay_ms * 1000000;
	if (now_ns >= end_ns) {
		gp_output_set_power(output, GP_POWER_ASLEEP);
	} else {
		wl_event_source_timer_update(output->sleep_timer, (end_ns - now_ns) / 1000000 + 1);
	}
}

static int handle_sleep_timer(void *data) {
	update_sleep_timer(data);
	return 0;
}

static void handle_output_shown(struct wl_listener *listener, void *data) {
	struct gp_output *output = data;
	bool has_picture = output->view != NULL && output->view->has_picture;
	if (output->destroying) {
		return;
	}
	bool wakes = has_picture && !output->had_picture && output->power == GP_POWER_ASLEEP;
	output->had_picture = has_picture;
	if (wakes) {
		gp_output_set_power(output, GP_POWER_ON);
	}
	if (output->sleep_timer != NULL) {
		update_sleep_timer(output);
	}
}

static void handle_output_added(struct wl_listener *listener, void *data) {
	struct gp_output *output = data;
	output->sleep_timer =
		wl_event_loop_add_timer(output->outputs->loop, handle_sleep_timer, output);
	if (output->sleep_timer == NULL) {
		gp_error("output %s: no memory, it does not sleep", output->wlr_output->name);
	}
}

static void handle_output_removed(struct wl_listener *listener, void *data) {
	struct gp_output *output = data;
	if (output->sleep_timer != NULL) {
		wl_event_source_remove(output->sleep_timer);
		output->sleep_timer = NULL;
	}
}

static void handle_set_mode(struct wl_listener *listener, void *data) {
	const struct wlr_output_power_v1_set_mode_event *event = data;
	struct gp_output *output = event->output->data;
	if (output != NULL) {
		gp_output_set_power(output,
			event->mode == ZWLR_OUTPUT_POWER_V1_MODE_ON ? GP_POWER_ON : GP_POWER_OFF);
	}
}

bool gp_output_power_init(
	struct gp_output_power *power, struct wl_display *display, struct gp_outputs *outputs) {
	power->outputs = outputs;
	power->manager = wlr_output_power_manager_v1_create(display);
	if (power->manager == NULL) {
		return false;
	}
	power->set_mode.notify = handle_set_mode;
	wl_signal_add(&power->manager->events.set_mode, &power->set_mode);
	power->output_added.notify = handle_output_added;
	wl_signal_add(&outputs->events.added, &power->output_added);
	power->output_removed.notify = handle_output_removed;
	wl_signal_add(&outputs->events.removed, &power->output_removed);
	power->output_shown.notify = handle_output_shown;
	wl_signal_add(&outputs->events.shown, &power->output_shown);
	return true;
}

void gp_output_power_finish(struct gp_output_power *power) {
	if (power->manager == NULL) {
		return;
	}
	wl_list_remove(&power->set_mode.link);
	wl_list_remove(&power->output_added.link);
	wl_list_remove(&power->output_removed.link);
	wl_list_remove(&power->output_shown.link);
	power->manager = NULL;
}
