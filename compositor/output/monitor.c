#include "compositor/output/monitor.h"

#include <stdio.h>
#include <wlr/types/wlr_output.h>

#include "compositor/guest/scanout.h"
#include "compositor/nested/window.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"

#define DEFAULT_REFRESH_MHZ 60000

/* Guests do not get each size that a window has while it is being resized. */
#define DELAY_MS 100

/* Sizes that guests may want beside the output's own; they are shown scaled. */
static const struct {
	int32_t width, height;
} common_sizes[] = {
	{3840, 2160},
	{2560, 1600},
	{2560, 1440},
	{1920, 1200},
	{1920, 1080},
	{1680, 1050},
	{1600, 900},
	{1440, 900},
	{1366, 768},
	{1280, 1024},
	{1280, 800},
	{1280, 720},
	{1024, 768},
	{800, 600},
	{640, 480},
};

static void set_modes(
	struct gp_monitor *monitor, int32_t width, int32_t height, uint32_t refresh_mhz) {
	monitor->modes[0] = (struct gp_mode){width, height, refresh_mhz};
	monitor->n_modes = 1;
	for (size_t i = 0; i < sizeof(common_sizes) / sizeof(common_sizes[0]); i++) {
		int32_t w = common_sizes[i].width, h = common_sizes[i].height;
		bool smaller = w <= width && h <= height && (w != width || h != height);
		if (smaller && monitor->n_modes < GP_MONITOR_MODES_MAX) {
			monitor->modes[monitor->n_modes++] = (struct gp_mode){w, h, refresh_mhz};
		}
	}
}

static void set_words(char out[GP_MONITOR_WORDS_MAX], const char *words) {
	snprintf(out, GP_MONITOR_WORDS_MAX, "%s", words != NULL ? words : "");
}

uint32_t gp_output_refresh_mhz(const struct wlr_output *wlr_output) {
	return wlr_output->refresh > 0 ? wlr_output->refresh : DEFAULT_REFRESH_MHZ;
}

bool gp_monitor_is_connected(const struct gp_output *output) {
	return output->wlr_output->enabled || output->power != GP_POWER_ON;
}

/* What the configuration says; else how large the desktop wants things to be in its windows. */
static uint32_t get_scale(const struct gp_output *output) {
	if (output->scale_120 == GP_SCALE_ONE && output->window != NULL) {
		return output->window->scale.scale_120;
	}
	return output->scale_120;
}

void gp_monitor_describe(const struct gp_output *output, struct gp_monitor *monitor) {
	struct wlr_output *wlr_output = output->wlr_output;
	int width, height;
	wlr_output_transformed_resolution(wlr_output, &width, &height);

	*monitor = (struct gp_monitor){
		.width_mm = wlr_output->phys_width > 0 ? wlr_output->phys_width : 0,
		.height_mm = wlr_output->phys_height > 0 ? wlr_output->phys_height : 0,
		.scale_120 = get_scale(output),
		.transform = wlr_output->transform,
		.connected = gp_monitor_is_connected(output),
	};
	if (wlr_output->transform % 2 != 0) {
		uint32_t width_mm = monitor->width_mm;
		monitor->width_mm = monitor->height_mm;
		monitor->height_mm = width_mm;
	}
	set_modes(monitor, width, height, gp_output_refresh_mhz(wlr_output));
	set_words(monitor->make, wlr_output->make);
	set_words(monitor->model, wlr_output->model);
	set_words(monitor->serial, wlr_output->serial);
}

void gp_monitor_describe_default(int width, int height, struct gp_monitor *monitor) {
	*monitor = (struct gp_monitor){.scale_120 = 120};
	set_modes(monitor, width, height, DEFAULT_REFRESH_MHZ);
}

static int handle_timer(void *data) {
	struct gp_output *output = data;
	wl_signal_emit_mutable(&output->outputs->events.monitor, output);
	return 0;
}

bool gp_output_monitor_init(struct gp_output *output) {
	output->monitor_timer =
		wl_event_loop_add_timer(output->outputs->loop, handle_timer, output);
	return output->monitor_timer != NULL;
}

void gp_output_monitor_finish(struct gp_output *output) {
	if (output->monitor_timer != NULL) {
		wl_event_source_remove(output->monitor_timer);
		output->monitor_timer = NULL;
	}
}

void gp_output_monitor_changed(struct gp_output *output) {
	wl_event_source_timer_update(output->monitor_timer, DELAY_MS);
	wl_signal_emit_mutable(&output->outputs->events.changed, output);
}
