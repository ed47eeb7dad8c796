#include "compositor/requests.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wlr/types/wlr_output.h>

#include "compositor/config/config.h"
#include "compositor/output/apply.h"
#include "compositor/output/output.h"
#include "compositor/output/placement.h"
#include "compositor/output/power.h"
#include "compositor/output/shown.h"
#include "compositor/server.h"
#include "compositor/status.h"
#include "compositor/view/identity.h"

#define ARGUMENTS_MAX 3

static struct json_object *describe_error(const char *message) {
	struct json_object *object = json_object_new_object();
	json_object_object_add(object, "error", json_object_new_string(message));
	return object;
}

/* NULL after setting *error. */
static struct gp_output *find_output(
	const struct gp_server *server, const char *name, struct json_object **error) {
	struct gp_output *output;
	wl_list_for_each (output, &server->outputs.list, link) {
		if (strcmp(output->wlr_output->name, name) == 0) {
			return output;
		}
	}
	*error = describe_error("there is no such output");
	return NULL;
}

static struct json_object *handle_status(struct gp_requests *requests, char *const *arguments) {
	return gp_status_describe(requests->server);
}

static struct json_object *handle_next(struct gp_requests *requests, char *const *arguments) {
	struct json_object *error;
	struct gp_output *output = find_output(requests->server, arguments[0], &error);
	if (output == NULL) {
		return error;
	}
	gp_placement_next_guest(&requests->server->placement, output);
	return gp_status_describe_output(output);
}

/* A guest, and perhaps an output. */
static struct json_object *handle_show(struct gp_requests *requests, char *const *arguments) {
	struct gp_server *server = requests->server;
	struct gp_output *output = NULL;
	struct json_object *error;
	if (arguments[1] != NULL) {
		output = find_output(server, arguments[1], &error);
		if (output == NULL) {
			return error;
		}
	}
	if (!gp_placement_show_guest(&server->placement, arguments[0], output)) {
		return describe_error("no such guest runs there");
	}
	return output != NULL ? gp_status_describe_output(output) : json_object_new_object();
}

/* An output, and on or off. */
static struct json_object *handle_power(struct gp_requests *requests, char *const *arguments) {
	bool on = strcmp(arguments[1], "on") == 0;
	struct json_object *error;
	struct gp_output *output = find_output(requests->server, arguments[0], &error);
	if (output == NULL) {
		return error;
	}
	if (!on && strcmp(arguments[1], "off") != 0) {
		return describe_error("power is on or off");
	}
	if (!on && output->windowed) {
		return describe_error("a window is always on");
	}
	if (!gp_output_set_power(output, on ? GP_POWER_ON : GP_POWER_OFF)) {
		return describe_error("the output refuses");
	}
	return gp_status_describe_output(output);
}

/* Changes a setting of the output in what was loaded of the file. Returns NULL, or an error. */
static struct json_object *change_setting(struct gp_server *server, struct gp_output *output,
	const char *setting, const char *value) {
	struct gp_config *config = server->settings.config;
	struct gp_config_identity identity = gp_output_identity(output->wlr_output);
	char cause[GP_CONFIG_ERROR_MAX];
	struct gp_config *before = malloc(sizeof(*before));
	if (before == NULL) {
		return describe_error("out of memory");
	}
	*before = *config;
	if (!gp_config_set_output(config, &identity, setting, value, cause)) {
		free(before);
		return describe_error(cause);
	}
	if (!gp_output_apply_settings(output)) {
		*config = *before;
		free(before);
		return describe_error("the output refuses; see the modes in status --json");
	}
	free(before);
	gp_output_set_dirty(output);
	return NULL;
}

/* An output, a setting of its block in the configuration, and a value, until the next reload. */
static struct json_object *handle_set(struct gp_requests *requests, char *const *arguments) {
	static const char *const settings[] = {"mode", "scale", "scaling", "transform"};
	struct gp_server *server = requests->server;
	struct json_object *error = NULL;
	struct gp_output *output = find_output(server, arguments[0], &error);
	if (output == NULL) {
		return error;
	}
	size_t i = 0;
	while (strcmp(settings[i], arguments[1]) != 0) {
		if (++i == sizeof(settings) / sizeof(settings[0])) {
			return describe_error("a setting is mode, scale, scaling or transform");
		}
	}
	if (i == 0 && output->windowed) {
		return describe_error("a window has the size that the desktop gives it");
	}
	if (i == 2 && server->options->has_scaling) {
		return describe_error("--scaling of the command line is in force");
	}
	error = change_setting(server, output, arguments[1], arguments[2]);
	return error != NULL ? error : gp_status_describe_output(output);
}

/* A guest, one of its scanouts, and the output it goes to, until the next reload. */
static struct json_object *handle_move(struct gp_requests *requests, char *const *arguments) {
	struct gp_server *server = requests->server;
	struct json_object *error;
	struct gp_output *output = find_output(server, arguments[2], &error);
	if (output == NULL) {
		return error;
	}
	char *end;
	unsigned long scanout = strtoul(arguments[1], &end, 10);
	if (arguments[1][0] < '0' || arguments[1][0] > '9' || *end != '\0' ||
		strlen(arguments[0]) > GP_GUEST_NAME_MAX || scanout >= GP_SCANOUTS_MAX ||
		!gp_config_set_pin(server->settings.config, arguments[0], scanout, arguments[2])) {
		return describe_error("no such scanout can be moved");
	}
	gp_placement_update(&server->placement);
	return gp_status_describe_output(output);
}

static struct json_object *handle_reload(struct gp_requests *requests, char *const *arguments) {
	const struct gp_settings *settings = &requests->server->settings;
	wl_signal_emit_mutable(&requests->events.reload, NULL);
	return settings->error[0] != '\0' ? describe_error(settings->error)
					  : json_object_new_object();
}

static struct json_object *handle_quit(struct gp_requests *requests, char *const *arguments) {
	wl_signal_emit_mutable(&requests->events.quit, NULL);
	return json_object_new_object();
}

static struct json_object *handle_hud(struct gp_requests *requests, char *const *arguments) {
	bool on = strcmp(arguments[0], "on") == 0;
	if (!on && strcmp(arguments[0], "off") != 0) {
		return describe_error("hud is on or off");
	}
	gp_outputs_set_hud(&requests->server->outputs, on);
	return json_object_new_object();
}

static void add_key(struct json_object *keys, const char *held, const char *key, const char *what) {
	struct json_object *object = json_object_new_object();
	char name[GP_HOTKEY_TEXT_MAX + 16];
	snprintf(name, sizeof(name), "%s+%s", held, key);
	json_object_object_add(object, "keys", json_object_new_string(name));
	json_object_object_add(object, "action", json_object_new_string(what));
	json_object_array_add(keys, object);
}

static struct json_object *handle_hotkeys(struct gp_requests *requests, char *const *arguments) {
	const struct gp_settings *settings = &requests->server->settings;
	struct json_object *object = json_object_new_object(), *keys = json_object_new_array();
	char held[GP_HOTKEY_TEXT_MAX];
	gp_hotkey_print(gp_settings_get_hotkey(settings), held);
	if (held[0] != '\0') {
		add_key(keys, held, "Tab", "show the next guest");
		add_key(keys, held, "L", "lock the pointer to the guest, or free it");
		add_key(keys, held, "G", "in a window: grab or release the keyboard");
		add_key(keys, held, "F", "in a window: fullscreen");
		add_key(keys, held, "H", "say what each output does");
	}
	if (gp_settings_can_quit(settings)) {
		add_key(keys, held, "Q", "twice: quit");
	}
	if (requests->server->session != NULL) {
		add_key(keys, "Ctrl+Alt", "F1 to F12",
			settings->options->vt_switch
				? "another terminal"
				: "another terminal, while no guest has the focus");
	}
	json_object_object_add(object, "hotkeys", keys);
	return object;
}

static const struct {
	const char *name;
	size_t min, max; // arguments
	struct json_object *(*handle)(struct gp_requests *requests, char *const *arguments);
} kinds[] = {
	{"status", 0, 0, handle_status},
	{"next", 1, 1, handle_next},
	{"show", 1, 2, handle_show},
	{"power", 2, 2, handle_power},
	{"set", 3, 3, handle_set},
	{"move", 3, 3, handle_move},
	{"reload", 0, 0, handle_reload},
	{"quit", 0, 0, handle_quit},
	{"hotkeys", 0, 0, handle_hotkeys},
	{"hud", 1, 1, handle_hud},
};

struct json_object *gp_requests_handle(void *data, const char *request) {
	char *arguments[ARGUMENTS_MAX + 1] = {NULL};
	struct json_object *reply = NULL;
	size_t n = 0;
	char *text = strdup(request);
	if (text == NULL) {
		return NULL;
	}
	for (char *tab = text; (tab = strchr(tab, '\t')) != NULL; n++) {
		*tab++ = '\0';
		if (n < ARGUMENTS_MAX) {
			arguments[n] = tab;
		}
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, text) == 0 && n >= kinds[i].min && n <= kinds[i].max) {
			reply = kinds[i].handle(data, arguments);
		}
	}
	free(text);
	return reply;
}

void gp_requests_init(struct gp_requests *requests, struct gp_server *server) {
	requests->server = server;
	wl_signal_init(&requests->events.reload);
	wl_signal_init(&requests->events.quit);
}
