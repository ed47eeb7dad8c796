#ifndef GP_COMPOSITOR_CONFIG_OPTIONS_H
#define GP_COMPOSITOR_CONFIG_OPTIONS_H

#include <stdbool.h>

#include "common/log.h"
#include "compositor/config/hotkeys.h"
#include "compositor/config/scaling.h"

#define GP_PATH_MAX 108 // of a socket

/**
 * The command line.
 */
struct gp_options {
	char bridge_socket[GP_PATH_MAX], control_socket[GP_PATH_MAX];
	int width, height; // of outputs that have no size of their own
	bool has_hotkey;
	struct gp_hotkey hotkey;
	bool fullscreen;
	bool vt_switch, allow_virtual_input;
	const char *config_path; // NULL for the default one; points into argv
	bool check_config; // and do nothing else
	const char *first; // NULL if not given; points into argv
	bool has_scaling;
	enum gp_scaling scaling;
	enum gp_log_level log_level;
	const char *trace_path; // NULL if there is none; points into argv
	char **command; // NULL if there is none; ends with NULL, points into argv
};

/**
 * Returns true if the program shall go on, and otherwise sets *exit_status: after --help,
 * --version or a mistake, of which the user was told.
 */
bool gp_options_parse(struct gp_options *options, int argc, char *argv[], int *exit_status);

#endif
