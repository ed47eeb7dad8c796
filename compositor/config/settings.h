#ifndef GP_COMPOSITOR_CONFIG_SETTINGS_H
#define GP_COMPOSITOR_CONFIG_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "compositor/config/config.h"

struct gp_options;
struct wlr_output;

/**
 * What the user wants: the command line, which wins, and the configuration file.
 */
struct gp_settings {
	const struct gp_options *options;
	struct gp_config *config; // never NULL after init
	char path[PATH_MAX]; // of the file; empty if there is none
	struct gp_hotkey default_hotkey;
	char error[GP_CONFIG_ERROR_MAX]; // of the last load; empty if that was good
};

/**
 * Loads the file that the options name, or the default one if it exists. Returns false if there is
 * something wrong with it, which is in settings->error. The options must stay valid.
 */
bool gp_settings_init(struct gp_settings *settings, const struct gp_options *options);
/* Loads the file anew. If something is wrong with it, what was loaded before stays. */
bool gp_settings_reload(struct gp_settings *settings);
/* Settings that are all zeros are fine. */
void gp_settings_finish(struct gp_settings *settings);

/* The name of the output's monitor in a configuration; false and empty if it tells none. */
bool gp_settings_name_monitor(const struct wlr_output *wlr_output, char name[GP_CONFIG_NAME_MAX]);
/* Of an output, NULL for none. */
const struct gp_config_output *gp_settings_find_output(
	const struct gp_settings *settings, const struct wlr_output *wlr_output);
/* The name of the output that a guest's scanout is pinned to, NULL if it is not. */
const char *gp_settings_get_pin(
	const struct gp_settings *settings, const char *guest, uint32_t scanout);
/* The name of the output that an input device is pinned to, NULL if it is not. */
const char *gp_settings_get_input_pin(const struct gp_settings *settings, const char *device);
bool gp_settings_pin_matches(const char *pin, const struct wlr_output *wlr_output);
/* How a guest is scaled on an output. */
enum gp_scaling gp_settings_get_scaling(
	const struct gp_settings *settings, const char *guest, const struct wlr_output *wlr_output);
/* The keys that make the next one ours. */
const struct gp_hotkey *gp_settings_get_hotkey(const struct gp_settings *settings);
/* Whether it is the guest that stays in front. */
bool gp_settings_is_first(const struct gp_settings *settings, const char *guest);

#endif
