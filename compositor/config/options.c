#include "compositor/config/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/runtime_path.h"

static const char usage[] =
	"Usage: guestpane [options] [-- command [argument…]]\n"
	"\n"
	"Shows the scanouts of virtual machines on the outputs of a seat, in windows of another\n"
	"Wayland compositor or an X server, or headless. With a command, runs it and exits when\n"
	"it exits.\n"
	"\n"
	"  --bridge-socket PATH   socket for bridges, or none, if all guests have their own\n"
	"                         (default: $XDG_RUNTIME_DIR/guestpane/bridge.sock)\n"
	"  --bridge-socket NAME=PATH\n"
	"                         socket for the bridge of the guest NAME, which cannot connect\n"
	"                         to another one then; for each guest that has one\n"
	"  --client-socket NAME=PATH[:PERMISSION,…]\n"
	"                         socket for other Wayland clients, which may do what is said:\n"
	"                         " GP_PERMISSIONS_RULE ";\n"
	"                         for each tool that needs one\n"
	"  --control-socket PATH  socket for guestpanectl\n"
	"                         (default: $XDG_RUNTIME_DIR/guestpane/compositor.ctl)\n"
	"  --size WIDTHxHEIGHT    size of windows and headless outputs (default: 1280x800)\n"
	"  --hotkey KEY[+KEY…]    keys to hold, or none (default: " GP_HOTKEY_DEFAULT ");\n"
	"                         then Tab shows the next guest, L locks or frees the pointer;\n"
	"                         in a window, G grabs or releases the keyboard, F toggles\n"
	"                         fullscreen\n"
	"  --fullscreen           open fullscreen windows\n"
	"  --vt-switch            let Ctrl+Alt+F1 to F12 switch the virtual terminal\n"
	"  --config FILE          configuration file (default: guestpane/guestpane.conf in\n"
	"                         $XDG_CONFIG_HOME, ~/.config or /etc)\n"
	"  --check-config         check the configuration file and exit\n"
	"  --doctor               check seat, monitors and GPUs, say what is missing, and exit\n"
	"  --first GUEST          guest that comes to the front with its first picture\n"
	"  --scaling POLICY       fit, integer, fill or none: how to scale a guest that\n"
	"                         differs in size from its output\n"
	"  --log-level LEVEL      silent, error, warn, info or debug (default: info)\n"
	"  --trace FILE           trace each frame for ui.perfetto.dev; bridges may share the\n"
	"                         file\n"
	"  --help, --version      print and exit\n"
	"\n"
	"The command gets the bridge socket in GUESTPANE_BRIDGE_SOCKET and the first client\n"
	"socket of the command line in WAYLAND_DISPLAY.\n"
	"\n"
	"wlroots reads WLR_BACKENDS (headless, wayland, x11, drm) and WLR_RENDERER (pixman,\n"
	"gles2, vulkan). WLR_HEADLESS_OUTPUTS, WLR_WL_OUTPUTS and WLR_X11_OUTPUTS set the number\n"
	"of outputs.\n"
	"\n"
	"Exit status: 0 success, 1 runtime error, 2 usage or configuration error, 3 no seat or no\n"
	"usable GPU; with a command, that of the command (128 + N if signal N ended it).\n";

enum option_id {
	OPTION_BRIDGE_SOCKET = 256,
	OPTION_CLIENT_SOCKET,
	OPTION_CONTROL_SOCKET,
	OPTION_SIZE,
	OPTION_HOTKEY,
	OPTION_FULLSCREEN,
	OPTION_VT_SWITCH,
	OPTION_CONFIG,
	OPTION_CHECK_CONFIG,
	OPTION_DOCTOR,
	OPTION_FIRST,
	OPTION_SCALING,
	OPTION_LOG_LEVEL,
	OPTION_TRACE,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{"bridge-socket", required_argument, NULL, OPTION_BRIDGE_SOCKET},
	{"client-socket", required_argument, NULL, OPTION_CLIENT_SOCKET},
	{"control-socket", required_argument, NULL, OPTION_CONTROL_SOCKET},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"hotkey", required_argument, NULL, OPTION_HOTKEY},
	{"fullscreen", no_argument, NULL, OPTION_FULLSCREEN},
	{"vt-switch", no_argument, NULL, OPTION_VT_SWITCH},
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
	{"doctor", no_argument, NULL, OPTION_DOCTOR},
	{"first", required_argument, NULL, OPTION_FIRST},
	{"scaling", required_argument, NULL, OPTION_SCALING},
	{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
	{"trace", required_argument, NULL, OPTION_TRACE},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{0},
};

static bool parse_path(char out[GP_PATH_MAX], const char *option, const char *path) {
	if (path[0] == '\0' || strlen(path) >= GP_PATH_MAX) {
		fprintf(stderr, "guestpane: %s: a socket path has 1 to %d bytes\n", option,
			GP_PATH_MAX - 1);
		return false;
	}
	strcpy(out, path);
	return true;
}

/* NAME=PATH, PATH or none: what contains a slash is no name of a guest. */
static bool parse_bridge_socket(struct gp_options *options, const char *text) {
	size_t length = strcspn(text, "=");
	if (text[length] == '\0' || memchr(text, '/', length) != NULL ||
		!gp_guest_socket_is_name(text, length)) {
		if (options->bridge_socket[0] != '\0' || options->no_bridge_socket) {
			fputs("guestpane: --bridge-socket: one PATH only, others are NAME=PATH\n",
				stderr);
			return false;
		}
		if (strcmp(text, GP_NO_BRIDGE_SOCKET) == 0) {
			options->no_bridge_socket = true;
			return true;
		}
		options->has_bridge_socket = true;
		return parse_path(options->bridge_socket, "--bridge-socket", text);
	}
	char guest[GP_GUEST_NAME_MAX + 1] = {0};
	memcpy(guest, text, length);
	const char *cause = gp_guest_sockets_add(&options->guest_sockets, guest, text + length + 1);
	if (cause != NULL) {
		fprintf(stderr, "guestpane: --bridge-socket %s: %s\n", text, cause);
	}
	return cause == NULL;
}

static bool parse_client_socket(struct gp_options *options, const char *text) {
	const char *cause = gp_client_grants_parse(&options->client_grants, text);
	if (cause != NULL) {
		fprintf(stderr, "guestpane: --client-socket %s: %s\n", text, cause);
	}
	return cause == NULL;
}

/* Reads digits only; *end is set behind them. */
static bool parse_length(const char *text, const char **end, int *length) {
	char *after;
	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	long value = strtol(text, &after, 10);
	*end = after;
	*length = value;
	return errno == 0 && value >= 1 && value <= GP_DIMENSION_MAX;
}

static bool parse_size(struct gp_options *options, const char *text) {
	const char *end = text;
	if (!parse_length(text, &end, &options->width) || *end != 'x' ||
		!parse_length(end + 1, &end, &options->height) || *end != '\0') {
		fprintf(stderr, "guestpane: --size: %s is not like 1280x800\n", text);
		return false;
	}
	return true;
}

static bool parse_hotkey(struct gp_options *options, const char *text) {
	options->has_hotkey = true;
	if (gp_hotkey_parse(&options->hotkey, text)) {
		return true;
	}
	fprintf(stderr, "guestpane: --hotkey: %s is not " GP_HOTKEY_RULE "\n", text);
	return false;
}

static bool parse_log_level(struct gp_options *options, const char *text) {
	static const char *const names[] = {
		[GP_LOG_SILENT] = "silent",
		[GP_LOG_ERROR] = "error",
		[GP_LOG_WARN] = "warn",
		[GP_LOG_INFO] = "info",
		[GP_LOG_DEBUG] = "debug",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			options->log_level = i;
			return true;
		}
	}
	fprintf(stderr, "guestpane: --log-level: %s is not a level\n", text);
	return false;
}

static bool parse_scaling(struct gp_options *options, const char *text) {
	options->has_scaling = true;
	if (!gp_scaling_from_name(text, &options->scaling)) {
		fprintf(stderr, "guestpane: --scaling: %s is not fit, integer, fill or none\n",
			text);
		return false;
	}
	return true;
}

/* Returns false if the program ends; *exit_status is that of a usage error before the call. */
static bool parse_option(struct gp_options *options, int id, int *exit_status) {
	switch (id) {
	case OPTION_BRIDGE_SOCKET:
		return parse_bridge_socket(options, optarg);
	case OPTION_CLIENT_SOCKET:
		return parse_client_socket(options, optarg);
	case OPTION_CONTROL_SOCKET:
		return parse_path(options->control_socket, "--control-socket", optarg);
	case OPTION_SIZE:
		return parse_size(options, optarg);
	case OPTION_HOTKEY:
		return parse_hotkey(options, optarg);
	case OPTION_FULLSCREEN:
		options->fullscreen = true;
		return true;
	case OPTION_VT_SWITCH:
		options->vt_switch = true;
		return true;
	case OPTION_CONFIG:
		options->config_path = optarg;
		return true;
	case OPTION_CHECK_CONFIG:
		options->check_config = true;
		return true;
	case OPTION_DOCTOR:
		options->doctor = true;
		return true;
	case OPTION_FIRST:
		options->first = optarg;
		return true;
	case OPTION_SCALING:
		return parse_scaling(options, optarg);
	case OPTION_LOG_LEVEL:
		return parse_log_level(options, optarg);
	case OPTION_TRACE:
		options->trace_path = optarg;
		return true;
	case OPTION_HELP:
		fputs(usage, stdout);
		*exit_status = GP_EXIT_OK;
		return false;
	case OPTION_VERSION:
		puts("guestpane " GP_VERSION);
		*exit_status = GP_EXIT_OK;
		return false;
	default:
		fputs("Try guestpane --help.\n", stderr);
		return false;
	}
}

static bool set_default_path(char path[GP_PATH_MAX], const char *name, const char *option) {
	if (path[0] != '\0' || gp_runtime_path(path, GP_PATH_MAX, name)) {
		return true;
	}
	fprintf(stderr, "guestpane: no socket path: %s; set XDG_RUNTIME_DIR or give %s\n",
		strerror(errno), option);
	return false;
}

bool gp_options_parse(struct gp_options *options, int argc, char *argv[], int *exit_status) {
	*options = (struct gp_options){
		.width = 1280,
		.height = 800,
		.log_level = GP_LOG_INFO,
	};

	int id;
	*exit_status = GP_EXIT_USAGE;
	while ((id = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (!parse_option(options, id, exit_status)) {
			return false;
		}
	}
	if (optind < argc) {
		options->command = &argv[optind];
	}

	if (options->check_config || options->doctor) {
		return true; // without sockets
	}
	*exit_status = GP_EXIT_RUNTIME;
	return (options->no_bridge_socket ||
		       set_default_path(
			       options->bridge_socket, "bridge.sock", "--bridge-socket")) &&
		set_default_path(options->control_socket, "compositor.ctl", "--control-socket");
}
