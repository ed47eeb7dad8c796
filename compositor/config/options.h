#ifndef GP_COMPOSITOR_CONFIG_OPTIONS_H
#define GP_COMPOSITOR_CONFIG_OPTIONS_H

#include <stdbool.h>

#include "common/log.h"
#include "compositor/config/client_grant.h"
#include "compositor/config/guest_socket.h"
#include "compositor/config/hotkeys.h"
#include "compositor/config/scaling.h"

/* Exit status, as in --help. */
enum gp_exit {
	GP_EXIT_OK = 0,
	GP_EXIT_RUNTIME = 1,
	GP_EXIT_USAGE = 2,
	GP_EXIT_NO_SEAT = 3, // or no GPU: the backend or the renderer cannot be made
};

/**
 * The command line.
 */
struct gp_options {
	char bridge_socket[GP_PATH_MAX], control_socket[GP_PATH_MAX];
	bool has_bridge_socket; // it was given; else it is the default path
	bool no_bridge_socket; // but those of guests
	struct gp_guest_sockets guest_sockets;
	struct gp_client_grants client_grants;
	int width, height; // of outputs that have no size of their own
	bool has_hotkey;
	struct gp_hotkey hotkey;
	bool fullscreen;
	bool vt_switch;
	const char *config_path; // NULL: the default one; points into argv
	bool check_config; // do nothing else
	bool doctor; // nor here
	const char *first; // guest; may be NULL; points into argv
	bool has_scaling;
	enum gp_scaling scaling;
	enum gp_log_level log_level;
	const char *trace_path; // may be NULL; points into argv
	char **command; // may be NULL; ends with NULL; points into argv
};

/**
 * Returns true if the program goes on. Otherwise, after --help, --version or a mistake that was
 * printed, returns false and sets *exit_status to one of enum gp_exit.
 */
bool gp_options_parse(struct gp_options *options, int argc, char *argv[], int *exit_status);

#endif
