#include "vmm-bridge/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/runtime_path.h"
#include "vmm-bridge/vfio/pci_address.h"

#define NAME_MAX_BYTES 64
#define LINGER_MAX_S 86400

static const char usage[] =
	"Usage: guestpane-bridge (--socket-path PATH | --fd N) [OPTION…]\n"
	"       guestpane-bridge (--qmp PATH | --display-fd N | --listen PATH |\n"
	"                        --bus unix:path=PATH) [OPTION…]\n"
	"       guestpane-bridge --doctor [--vmm-pid PID]\n"
	"\n"
	"Shows the scanouts of one VM in guestpane: as the vhost-user back end of its virtio-gpu\n"
	"device, or as a client of QEMU's own display (-display dbus).\n"
	"\n"
	"  --socket-path PATH     listen for the VMM at PATH\n"
	"  --fd N                 use the connection to the VMM on file descriptor N\n"
	"  --qmp PATH             QEMU's monitor (-qmp) is at PATH, its display has p2p=yes\n"
	"  --display-fd N         use the connection to QEMU's display on file descriptor N\n"
	"  --listen PATH          listen for QEMU's display (addr=unix:path=PATH) at PATH\n"
	"  --bus unix:path=PATH   QEMU's display is on the D-Bus bus at PATH\n"
	"  --touch                QEMU has a touch screen (virtio-multitouch-pci)\n"
	"  --display PATH         the compositor's bridge socket\n"
	"                         (default: $GUESTPANE_BRIDGE_SOCKET, else\n"
	"                         $XDG_RUNTIME_DIR/guestpane/bridge.sock)\n"
	"  --name NAME            name of the VM (default: vm)\n"
	"  --uuid UUID            UUID of the VM\n"
	"  --mode WxH[@HZ]        mode of every scanout, instead of its output's\n"
	"  --scanouts N           number of scanouts, 1 to 16 (default: 1)\n"
	"  --export auto|copy     copy: share no guest memory with the compositor\n"
	"  --input KIND[:SCANOUT]=PATH\n"
	"                         add an input device with its vhost-user socket at PATH; KIND\n"
	"                         is keyboard, tablet, mouse, touch or pen; a tablet, touch or\n"
	"                         pen may belong to one SCANOUT. May be repeated\n"
	"  --vfio auto|none|ADDRESS\n"
	"                         look for buffers in the memory of all VFIO devices of the VM,\n"
	"                         of none, or of the one at that PCI address (default: auto)\n"
	"  --vmm-pid PID          process of the VMM (default: the peer of the socket)\n"
	"  --vfio-fd N            file descriptor N is a VFIO device of the VM; may be repeated\n"
	"  --linger SECONDS       when ended while a VM is connected, stay so long for the VM, "
	"which\n"
	"                         might not survive (default: 60; 0: end at once)\n"
	"  --control-socket PATH  socket for guestpanectl\n"
	"                         (default: $XDG_RUNTIME_DIR/guestpane/bridge-NAME.ctl)\n"
	"  --log-level LEVEL      error, warn, info or debug (default: info)\n"
	"  --trace FILE           trace each frame for ui.perfetto.dev; guestpane may share the\n"
	"                         file\n"
	"  --doctor               check whether this host, and with --vmm-pid a running VM, can\n"
	"                         do without copies; print remedies and exit\n"
	"  --print-capabilities   print JSON for management software and exit\n"
	"  --help, --version      print and exit\n";

static bool fail(const char *option, const char *value, const char *expected) {
	fprintf(stderr, "guestpane-bridge: --%s %s: expected %s\n", option, value, expected);
	return false;
}

/* Digits only, at most max; *end is after them. */
static bool parse_digits(const char *text, uint32_t max, uint32_t *value, const char **end) {
	uint64_t sum = 0;
	const char *c = text;
	for (; *c >= '0' && *c <= '9'; c++) {
		sum = sum * 10 + (uint64_t)(*c - '0');
		if (sum > max) {
			return false;
		}
	}
	*value = (uint32_t)sum;
	*end = c;
	return c != text;
}

static bool parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *value) {
	const char *end;
	return parse_digits(text, max, value, &end) && *end == '\0' && *value >= min;
}

/* "59.94" in mHz: up to three decimals. */
static bool parse_refresh(const char *text, uint32_t *refresh_mhz) {
	uint32_t hz, thousandths = 0;
	if (!parse_digits(text, GP_REFRESH_MAX_MHZ / 1000, &hz, &text)) {
		return false;
	}
	if (*text == '.') {
		text++;
		for (uint32_t unit = 100; unit > 0 && *text >= '0' && *text <= '9'; unit /= 10) {
			thousandths += (uint32_t)(*text++ - '0') * unit;
		}
	}
	*refresh_mhz = hz * 1000 + thousandths;
	return *text == '\0' && *refresh_mhz >= GP_REFRESH_MIN_MHZ &&
		*refresh_mhz <= GP_REFRESH_MAX_MHZ;
}

static bool parse_mode(const char *text, struct gp_mode *mode) {
	mode->refresh_mhz = 60000;
	if (!parse_digits(text, GP_DIMENSION_MAX, &mode->width, &text) || *text != 'x' ||
		!parse_digits(text + 1, GP_DIMENSION_MAX, &mode->height, &text) ||
		mode->width < 16 || mode->height < 16) {
		return false;
	}
	return *text == '\0' || (*text == '@' && parse_refresh(text + 1, &mode->refresh_mhz));
}

static int hex_digit(char c) {
	const char digits[] = "0123456789abcdef";
	const char *at =
		c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

/* 8-4-4-4-12 hexadecimal digits (RFC 9562). */
static bool parse_uuid(const char *text, uint8_t uuid[16]) {
	if (strlen(text) != 36) {
		return false;
	}
	for (size_t i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-') {
			return false;
		}
		int high = hex_digit(text[0]), low = hex_digit(text[1]);
		if (high < 0 || low < 0) {
			return false;
		}
		uuid[i] = (uint8_t)(high * 16 + low);
		text += 2;
	}
	return true;
}

/* The name is part of a path, and people see it. */
static bool check_name(const char *name) {
	size_t allowed = strspn(name,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789._-");
	return allowed > 0 && allowed <= NAME_MAX_BYTES && name[allowed] == '\0';
}

static bool parse_log_level(const char *text, enum gp_log_level *level) {
	static const char *const names[] = {
		[GP_LOG_ERROR] = "error",
		[GP_LOG_WARN] = "warn",
		[GP_LOG_INFO] = "info",
		[GP_LOG_DEBUG] = "debug",
	};
	for (unsigned i = GP_LOG_ERROR; i <= GP_LOG_DEBUG; i++) {
		if (strcmp(text, names[i]) == 0) {
			*level = i;
			return true;
		}
	}
	return false;
}

static bool same_input(const struct gp_input_spec *a, const struct gp_input_spec *b) {
	return a->kind == b->kind && a->scanout == b->scanout;
}

/* KIND[:SCANOUT]=PATH */
static bool parse_input(struct gp_bridge_options *options, const char *text) {
	struct gp_input_spec spec = {.scanout = GP_INPUT_ALL_SCANOUTS};
	size_t length = strcspn(text, ":=");
	while (strlen(gp_input_kind_name(spec.kind)) != length ||
		strncmp(gp_input_kind_name(spec.kind), text, length) != 0) {
		if (++spec.kind == GP_INPUT_KINDS) {
			return false;
		}
	}
	text += length;
	if (*text == ':') {
		uint32_t scanout;
		if (!gp_input_has_scanouts(spec.kind) ||
			!parse_digits(text + 1, GP_SCANOUTS_MAX - 1, &scanout, &text)) {
			return false;
		}
		spec.scanout = (int)scanout;
	}
	if (text[0] != '=' || text[1] == '\0' || options->n_inputs == GP_INPUTS_MAX) {
		return false;
	}
	spec.path = text + 1;
	for (size_t i = 0; i < options->n_inputs; i++) {
		if (same_input(&options->inputs[i], &spec)) {
			return false;
		}
	}
	options->inputs[options->n_inputs++] = spec;
	return true;
}

/* Of D-Bus addresses those that are a path. */
static bool parse_bus(const char *text, const char **path) {
	static const char prefix[] = "unix:path=";
	*path = text + sizeof(prefix) - 1;
	return strncmp(text, prefix, sizeof(prefix) - 1) == 0 && **path != '\0' &&
		strpbrk(*path, ",;%") == NULL;
}

enum option_id {
	OPTION_SOCKET_PATH = 256,
	OPTION_FD,
	OPTION_QMP,
	OPTION_DISPLAY_FD,
	OPTION_LISTEN,
	OPTION_BUS,
	OPTION_TOUCH,
	OPTION_DISPLAY,
	OPTION_NAME,
	OPTION_UUID,
	OPTION_MODE,
	OPTION_SCANOUTS,
	OPTION_EXPORT,
	OPTION_INPUT,
	OPTION_VFIO,
	OPTION_VFIO_FD,
	OPTION_VMM_PID,
	OPTION_DOCTOR,
	OPTION_CONTROL_SOCKET,
	OPTION_PRINT_CAPABILITIES,
	OPTION_LOG_LEVEL,
	OPTION_TRACE,
	OPTION_LINGER,
	OPTION_WORKER,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{"socket-path", required_argument, NULL, OPTION_SOCKET_PATH},
	{"fd", required_argument, NULL, OPTION_FD},
	{"qmp", required_argument, NULL, OPTION_QMP},
	{"display-fd", required_argument, NULL, OPTION_DISPLAY_FD},
	{"listen", required_argument, NULL, OPTION_LISTEN},
	{"bus", required_argument, NULL, OPTION_BUS},
	{"touch", no_argument, NULL, OPTION_TOUCH},
	{"display", required_argument, NULL, OPTION_DISPLAY},
	{"name", required_argument, NULL, OPTION_NAME},
	{"uuid", required_argument, NULL, OPTION_UUID},
	{"mode", required_argument, NULL, OPTION_MODE},
	{"scanouts", required_argument, NULL, OPTION_SCANOUTS},
	{"export", required_argument, NULL, OPTION_EXPORT},
	{"input", required_argument, NULL, OPTION_INPUT},
	{"vfio", required_argument, NULL, OPTION_VFIO},
	{"vfio-fd", required_argument, NULL, OPTION_VFIO_FD},
	{"vmm-pid", required_argument, NULL, OPTION_VMM_PID},
	{"doctor", no_argument, NULL, OPTION_DOCTOR},
	{"control-socket", required_argument, NULL, OPTION_CONTROL_SOCKET},
	{"print-capabilities", no_argument, NULL, OPTION_PRINT_CAPABILITIES},
	{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
	{"trace", required_argument, NULL, OPTION_TRACE},
	{"linger", required_argument, NULL, OPTION_LINGER},
	{"worker", required_argument, NULL, OPTION_WORKER},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

/* Stores one option that has a value. */
static bool store(struct gp_bridge_options *options, int option, const char *value) {
	uint32_t number;
	switch (option) {
	case OPTION_SOCKET_PATH:
		options->n_sources += options->socket_path == NULL;
		options->socket_path = value;
		return value[0] != '\0' || fail("socket-path", value, "a path");
	case OPTION_FD:
		if (!parse_number(value, 0, INT_MAX, &number)) {
			return fail("fd", value, "a file descriptor");
		}
		options->n_sources += options->fd < 0;
		options->fd = (int)number;
		return true;
	case OPTION_QMP:
		options->n_sources += options->qmp == NULL;
		options->qmp = value;
		return value[0] != '\0' || fail("qmp", value, "a path");
	case OPTION_DISPLAY_FD:
		if (!parse_number(value, 0, INT_MAX, &number)) {
			return fail("display-fd", value, "a file descriptor");
		}
		options->n_sources += options->display_fd < 0;
		options->display_fd = (int)number;
		return true;
	case OPTION_LISTEN:
		options->n_sources += options->listen_path == NULL;
		options->listen_path = value;
		return value[0] != '\0' || fail("listen", value, "a path");
	case OPTION_BUS:
		options->n_sources += options->bus_path == NULL;
		return parse_bus(value, &options->bus_path) ||
			fail("bus", value, "an address like unix:path=/run/user/1000/bus");
	case OPTION_TOUCH:
		options->touch = true;
		return true;
	case OPTION_DISPLAY:
		options->display = value;
		return value[0] != '\0' || fail("display", value, "a path");
	case OPTION_NAME:
		options->name = value;
		return check_name(value) ||
			fail("name", value, "1 to 64 of the characters A-Z a-z 0-9 . _ -");
	case OPTION_UUID:
		return parse_uuid(value, options->uuid) ||
			fail("uuid", value, "a UUID like 123e4567-e89b-12d3-a456-426614174000");
	case OPTION_MODE:
		options->mode_set = true;
		return parse_mode(value, &options->mode) ||
			fail("mode", value, "WIDTHxHEIGHT or WIDTHxHEIGHT@HZ, like 1280x800@60");
	case OPTION_SCANOUTS:
		return parse_number(value, 1, GP_SCANOUTS_MAX, &options->n_scanouts) ||
			fail("scanouts", value, "a number from 1 to 16");
	case OPTION_EXPORT:
		options->force_copy = strcmp(value, "copy") == 0;
		return options->force_copy || strcmp(value, "auto") == 0 ||
			fail("export", value, "auto or copy");
	case OPTION_INPUT:
		return parse_input(options, value) ||
			fail("input", value,
				"keyboard=PATH, tablet=PATH, mouse=PATH, touch=PATH, pen=PATH, "
				"tablet:N=PATH, touch:N=PATH or pen:N=PATH, each once");
	case OPTION_VFIO:
		options->vfio = strcmp(value, "none") == 0 ? GP_VFIO_NONE : GP_VFIO_AUTO;
		return options->vfio == GP_VFIO_NONE || strcmp(value, "auto") == 0 ||
			gp_pci_address_parse(value, options->vfio_address) ||
			fail("vfio", value, "auto, none or a PCI address like 0000:03:00.1");
	case OPTION_VFIO_FD:
		if (options->n_vfio_fds == GP_VFIO_FDS_MAX ||
			!parse_number(value, 0, INT_MAX, &number)) {
			return fail("vfio-fd", value, "a file descriptor, at most 16 in all");
		}
		options->vfio_fds[options->n_vfio_fds++] = (int)number;
		return true;
	case OPTION_VMM_PID:
		if (!parse_number(value, 1, INT_MAX, &number)) {
			return fail("vmm-pid", value, "a process id");
		}
		options->vmm_pid = (int32_t)number;
		return true;
	case OPTION_CONTROL_SOCKET:
		options->control_path = value;
		options->control_set = true;
		return value[0] != '\0' || fail("control-socket", value, "a path");
	case OPTION_LOG_LEVEL:
		return parse_log_level(value, &options->log_level) ||
			fail("log-level", value, "error, warn, info or debug");
	case OPTION_TRACE:
		options->trace_path = value;
		return true;
	case OPTION_LINGER:
		return parse_number(value, 0, LINGER_MAX_S, &options->linger_s) ||
			fail("linger", value, "0 to 86400 seconds");
	case OPTION_WORKER:
		if (!parse_number(value, 0, INT_MAX, &number)) {
			return fail("worker", value, "nothing: it is for this program only");
		}
		options->worker_channel = (int)number;
		return true;
	}
	return false;
}

bool gp_bridge_options_qemu(const struct gp_bridge_options *options) {
	return options->socket_path == NULL && options->fd < 0;
}

/* One place to get frames from; and what belongs to the other source is an error. */
static bool check_source(const struct gp_bridge_options *options) {
	if (options->n_sources != 1) {
		fprintf(stderr,
			"guestpane-bridge: give one of --socket-path, --fd, --qmp, --display-fd, "
			"--listen and --bus; see --help\n");
		return false;
	}
	if (!gp_bridge_options_qemu(options)) {
		if (options->touch) {
			fprintf(stderr, "guestpane-bridge: --touch is for QEMU's display\n");
		}
		return !options->touch;
	}
#ifndef HAVE_QEMU
	fprintf(stderr, "guestpane-bridge: built without libsystemd: no QEMU display\n");
	return false;
#endif
	if (options->n_inputs > 0) {
		fprintf(stderr, "guestpane-bridge: --input is for --socket-path and --fd\n");
		return false;
	}
	return true;
}

/* --scanouts may come after --input. */
static bool check_inputs(const struct gp_bridge_options *options) {
	for (size_t i = 0; i < options->n_inputs; i++) {
		int scanout = options->inputs[i].scanout;
		if (scanout >= (int)options->n_scanouts) {
			fprintf(stderr,
				"guestpane-bridge: --input %s:%d: no such scanout; see "
				"--scanouts\n",
				gp_input_kind_name(options->inputs[i].kind), scanout);
			return false;
		}
	}
	return true;
}

/* Paths that were not given. */
static bool add_defaults(struct gp_bridge_options *options) {
	if (options->display == NULL) {
		const char *display = getenv("GUESTPANE_BRIDGE_SOCKET");
		options->display = display != NULL && display[0] != '\0' ? display : NULL;
	}
	if (options->display == NULL) {
		if (!gp_runtime_path(options->display_buffer, sizeof(options->display_buffer),
			    "bridge.sock")) {
			fprintf(stderr,
				"guestpane-bridge: no bridge socket: %s; set XDG_RUNTIME_DIR or "
				"GUESTPANE_BRIDGE_SOCKET, or give --display\n",
				strerror(errno));
			return false;
		}
		options->display = options->display_buffer;
	}
	char name[NAME_MAX_BYTES + sizeof("bridge-.ctl")];
	snprintf(name, sizeof(name), "bridge-%s.ctl", options->name);
	if (options->control_path == NULL &&
		gp_runtime_path(options->control_buffer, sizeof(options->control_buffer), name)) {
		options->control_path = options->control_buffer;
	}
	return true;
}

static enum gp_bridge_options_result print(const char *text) {
	fputs(text, stdout);
	return GP_BRIDGE_OPTIONS_DONE;
}

enum gp_bridge_options_result gp_bridge_options_parse(
	struct gp_bridge_options *options, int argc, char *argv[]) {
	*options = (struct gp_bridge_options){
		.fd = -1,
		.display_fd = -1,
		.worker_channel = -1,
		.linger_s = GP_LINGER_DEFAULT_S,
		.name = "vm",
		.mode = {.width = 1280, .height = 800, .refresh_mhz = 60000},
		.n_scanouts = 1,
		.log_level = GP_LOG_INFO,
	};
	int option;
	bool doctor = false;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case OPTION_HELP:
			return print(usage);
		case OPTION_VERSION:
			return print("guestpane-bridge " GP_VERSION "\n");
		case OPTION_PRINT_CAPABILITIES:
			return print("{\"type\": \"gpu\", \"features\": []}\n");
		case OPTION_DOCTOR:
			doctor = true;
			break;
		case '?':
			return GP_BRIDGE_OPTIONS_USAGE; // getopt has printed the cause
		default:
			if (!store(options, option, optarg)) {
				return GP_BRIDGE_OPTIONS_USAGE;
			}
		}
	}
	if (optind < argc) {
		fprintf(stderr, "guestpane-bridge: unexpected argument \"%s\"\n", argv[optind]);
		return GP_BRIDGE_OPTIONS_USAGE;
	}
	if (doctor) {
		return GP_BRIDGE_OPTIONS_DOCTOR;
	}
	return check_source(options) && check_inputs(options) && add_defaults(options)
		? GP_BRIDGE_OPTIONS_RUN
		: GP_BRIDGE_OPTIONS_USAGE;
}
