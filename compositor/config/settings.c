#include "compositor/config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compositor/config/options.h"

#define FILE_NAME "guestpane/guestpane.conf"
#define DEFAULT_SLEEP_WHEN_OFF_MS 5000
#define LABEL_DEFAULT_MS 2000

static bool try_path(struct gp_settings *settings, const char *dir, const char *name) {
	int length = dir != NULL && dir[0] == '/'
		? snprintf(settings->path, sizeof(settings->path), "%s/%s", dir, name)
		: -1;
	if (length > 0 && length < (int)sizeof(settings->path) &&
		access(settings->path, F_OK) == 0) {
		return true;
	}
	settings->path[0] = '\0';
	return false;
}

static void find_path(struct gp_settings *settings) {
	const char *given = settings->options->config_path;
	if (given != NULL) {
		snprintf(settings->path, sizeof(settings->path), "%s", given);
		return;
	}
	if (!try_path(settings, getenv("XDG_CONFIG_HOME"), FILE_NAME) &&
		!try_path(settings, getenv("HOME"), ".config/" FILE_NAME)) {
		try_path(settings, "/etc", FILE_NAME);
	}
}

bool gp_settings_reload(struct gp_settings *settings) {
	if (settings->path[0] == '\0') {
		find_path(settings);
	}
	if (settings->path[0] == '\0') {
		return true;
	}
	struct gp_config *config = gp_config_load(settings->path, settings->error);
	if (config == NULL) {
		return false;
	}
	settings->error[0] = '\0';
	free(settings->config);
	settings->config = config;
	return true;
}

bool gp_settings_init(struct gp_settings *settings, const struct gp_options *options) {
	settings->options = options;
	settings->path[0] = '\0';
	gp_hotkey_parse(&settings->default_hotkey, GP_HOTKEY_DEFAULT);
	settings->config = calloc(1, sizeof(*settings->config));
	if (settings->config == NULL) {
		snprintf(settings->error, sizeof(settings->error), "out of memory");
		return false;
	}
	return gp_settings_reload(settings);
}

void gp_settings_finish(struct gp_settings *settings) {
	free(settings->config);
	settings->config = NULL;
}

bool gp_settings_has_general_bridge_socket(const struct gp_settings *settings) {
	const struct gp_options *options = settings->options;
	return options->has_bridge_socket ||
		(!options->no_bridge_socket && !settings->config->no_bridge_socket);
}

const struct gp_config_output *gp_settings_find_output(
	const struct gp_settings *settings, const struct gp_config_identity *output) {
	return gp_config_find_output(settings->config, output);
}

const char *gp_settings_get_pin(
	const struct gp_settings *settings, const char *guest, uint32_t scanout) {
	const struct gp_config_guest *found = gp_config_find_guest(settings->config, guest);
	if (found == NULL || scanout >= GP_SCANOUTS_MAX || found->scanouts[scanout][0] == '\0') {
		return NULL;
	}
	return found->scanouts[scanout];
}

const char *gp_settings_get_input_pin(const struct gp_settings *settings, const char *device) {
	const struct gp_config_input *found =
		device != NULL ? gp_config_find_input(settings->config, device) : NULL;
	return found != NULL && found->output[0] != '\0' ? found->output : NULL;
}

enum gp_scaling gp_settings_get_scaling(const struct gp_settings *settings, const char *guest,
	const struct gp_config_identity *output) {
	const struct gp_config_guest *of_guest = gp_config_find_guest(settings->config, guest);
	const struct gp_config_output *of_output = gp_settings_find_output(settings, output);
	if (settings->options->has_scaling) {
		return settings->options->scaling;
	}
	if (of_guest != NULL && of_guest->has_scaling) {
		return of_guest->scaling;
	}
	return of_output != NULL && of_output->has_scaling ? of_output->scaling : GP_SCALING_FIT;
}

const struct gp_hotkey *gp_settings_get_hotkey(const struct gp_settings *settings) {
	if (settings->options->has_hotkey) {
		return &settings->options->hotkey;
	}
	return settings->config->has_hotkey ? &settings->config->hotkey : &settings->default_hotkey;
}

bool gp_settings_can_quit(const struct gp_settings *settings) {
	return !settings->config->no_quit && gp_settings_get_hotkey(settings)->n > 0;
}

uint32_t gp_settings_get_sleep_when_off_ms(const struct gp_settings *settings) {
	int32_t time_ms = settings->config->sleep_when_off_ms;
	return time_ms == 0 ? DEFAULT_SLEEP_WHEN_OFF_MS : time_ms > 0 ? time_ms : 0;
}

uint32_t gp_settings_get_sleep_when_idle_ms(const struct gp_settings *settings) {
	int32_t time_ms = settings->config->sleep_when_idle_ms;
	return time_ms > 0 ? time_ms : 0;
}

uint32_t gp_settings_get_idle_inhibit_ms(const struct gp_settings *settings) {
	int32_t time_ms = settings->config->idle_inhibit_ms;
	return time_ms > 0 ? time_ms : 0;
}

uint32_t gp_settings_get_label_ms(const struct gp_settings *settings) {
	return settings->config->has_label ? settings->config->label_ms : LABEL_DEFAULT_MS;
}

bool gp_settings_is_first(const struct gp_settings *settings, const char *guest) {
	const char *first = settings->options->first;
	return strcmp(first != NULL ? first : settings->config->first, guest) == 0;
}
