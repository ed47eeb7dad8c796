#ifndef GP_COMPOSITOR_CONFIG_SETTINGS_H
#define GP_COMPOSITOR_CONFIG_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "compositor/config/config.h"

struct gp_options;

/**
 * What the user wants: the command line, and the configuration file where that says nothing.
 */
struct gp_settings {
	const struct gp_options *options;
	struct gp_config *config; // never NULL after init
	char path[PATH_MAX]; // of the file; empty if there is none
	struct gp_hotkey default_hotkey;
	char error[GP_CONFIG_ERROR_MAX]; // of the last load; empty if it succeeded
};

/**
 * Loads the file that the options name, or the default one if it exists. Returns false if it cannot
 * be read or breaks a rule, with the cause in settings->error. The options must stay valid.
 */
bool gp_settings_init(struct gp_settings *settings, const struct gp_options *options);
/**
 * Loads the file again; if there was none, the default one if it exists by now. If that fails, as
 * in init, what was loaded before stays.
 */
bool gp_settings_reload(struct gp_settings *settings);
/* Settings that are all zeros are fine. */
void gp_settings_finish(struct gp_settings *settings);

/* Whether there is a bridge socket besides those that are for one guest each. */
bool gp_settings_has_general_bridge_socket(const struct gp_settings *settings);
/* Returns NULL if the configuration does not know the output. */
const struct gp_config_output *gp_settings_find_output(
	const struct gp_settings *settings, const struct gp_config_identity *output);
/* The name of the output that a guest's scanout is pinned to; see gp_config_matches. NULL: none. */
const char *gp_settings_get_pin(
	const struct gp_settings *settings, const char *guest, uint32_t scanout);
/* The same for an input device, whose name may be NULL. */
const char *gp_settings_get_input_pin(const struct gp_settings *settings, const char *device);
/* How a guest is scaled on an output. */
enum gp_scaling gp_settings_get_scaling(const struct gp_settings *settings, const char *guest,
	const struct gp_config_identity *output);
/* The keys that make the next one the compositor's. */
const struct gp_hotkey *gp_settings_get_hotkey(const struct gp_settings *settings);
/* Whether the hotkey and Q end the program. */
bool gp_settings_can_quit(const struct gp_settings *settings);
/* Times in milliseconds; 0: never. */
uint32_t gp_settings_get_sleep_when_off_ms(const struct gp_settings *settings);
uint32_t gp_settings_get_sleep_when_idle_ms(const struct gp_settings *settings);
uint32_t gp_settings_get_idle_inhibit_ms(const struct gp_settings *settings);
/* How long a guest's name stands over its picture after a switch; 0: not at all. */
uint32_t gp_settings_get_label_ms(const struct gp_settings *settings);
/* Whether the guest is the one that comes to the front by itself. */
bool gp_settings_is_first(const struct gp_settings *settings, const char *guest);

#endif
