#include "compositor/config/config.h"

#include <errno.h>
#include <scfg.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSITION_MAX 65536
#define REFRESH_MAX_HZ 1000
#define SCALE_MAX 8
#define SECONDS_MIN 0.1
#define SECONDS_MAX 86400
#define LABEL_MAX_S 60

/* The file that is being read, and what is made of it. */
struct parser {
	const char *path;
	char *error;
	struct gp_config *config;
};

static bool fail(struct parser *parser, const struct scfg_directive *directive, const char *fmt,
	...) __attribute__((format(printf, 3, 4)));

/* Sets the error and returns false, which the caller returns. */
static bool fail(
	struct parser *parser, const struct scfg_directive *directive, const char *fmt, ...) {
	char cause[GP_CONFIG_ERROR_MAX / 2];
	va_list args;
	va_start(args, fmt);
	vsnprintf(cause, sizeof(cause), fmt, args);
	va_end(args);
	snprintf(parser->error, GP_CONFIG_ERROR_MAX, "%.200s:%d: %s", parser->path,
		directive->lineno, cause);
	return false;
}

/* Checks for exactly n parameters, and for a block where none belongs. */
static bool check_shape(struct parser *parser, const struct scfg_directive *directive, size_t n,
	bool may_have_block) {
	if (directive->params_len != n) {
		return fail(parser, directive, "%s needs %zu parameter%s", directive->name, n,
			n == 1 ? "" : "s");
	}
	if (!may_have_block && directive->children.directives_len > 0) {
		return fail(parser, directive, "%s takes no block", directive->name);
	}
	return true;
}

static bool read_name(struct parser *parser, const struct scfg_directive *directive,
	const char *text, char name[GP_CONFIG_NAME_MAX]) {
	if (text[0] == '\0' || strlen(text) >= GP_CONFIG_NAME_MAX) {
		return fail(parser, directive, "a name has 1 to %d bytes", GP_CONFIG_NAME_MAX - 1);
	}
	strcpy(name, text);
	return true;
}

/* The whole text must be a number in the range. */
static bool parse_number(const char *text, double min, double max, double *value) {
	char *end;
	if (strspn(text, "0123456789.-") != strlen(text)) {
		return false;
	}
	errno = 0;
	*value = strtod(text, &end);
	return end != text && *end == '\0' && errno == 0 && *value >= min && *value <= max;
}

/* "1920x1080" or "1920x1080@59.94". */
static bool read_mode(struct parser *parser, const struct scfg_directive *directive,
	struct gp_config_output *output) {
	char text[64];
	double width, height, refresh = 0;
	snprintf(text, sizeof(text), "%s", directive->params[0]);
	char *at = strchr(text, '@');
	if (at != NULL) {
		*at++ = '\0';
	}
	char *x = strchr(text, 'x');
	if (x != NULL) {
		*x++ = '\0';
	}
	if (x == NULL || strchr(text, '.') != NULL || strchr(x, '.') != NULL ||
		!parse_number(text, 1, GP_DIMENSION_MAX, &width) ||
		!parse_number(x, 1, GP_DIMENSION_MAX, &height) ||
		(at != NULL && !parse_number(at, 1, REFRESH_MAX_HZ, &refresh))) {
		return fail(parser, directive, "%.60s is not a mode like 1920x1080 or 1920x1080@60",
			directive->params[0]);
	}
	output->width = width;
	output->height = height;
	output->refresh_mhz = refresh * 1000 + 0.5;
	return true;
}

static bool read_scale(struct parser *parser, const struct scfg_directive *directive,
	struct gp_config_output *output) {
	double scale;
	if (!parse_number(directive->params[0], 0.5, SCALE_MAX, &scale)) {
		return fail(parser, directive, "a scale is between 0.5 and %d", SCALE_MAX);
	}
	output->scale_120 = scale * 120 + 0.5;
	return true;
}

static bool read_transform(struct parser *parser, const struct scfg_directive *directive,
	struct gp_config_output *output) {
	/* In the order of enum wl_output_transform. */
	static const char *const names[] = {"normal", "90", "180", "270", "flipped", "flipped-90",
		"flipped-180", "flipped-270"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(directive->params[0], names[i]) == 0) {
			output->transform = i;
			return true;
		}
	}
	return fail(parser, directive, "%.60s is not a transform", directive->params[0]);
}

static bool read_position(struct parser *parser, const struct scfg_directive *directive,
	struct gp_config_output *output) {
	double x, y;
	if (!parse_number(directive->params[0], -POSITION_MAX, POSITION_MAX, &x) ||
		!parse_number(directive->params[1], -POSITION_MAX, POSITION_MAX, &y)) {
		return fail(parser, directive, "a position is two numbers up to %d", POSITION_MAX);
	}
	output->has_position = true;
	output->x = x;
	output->y = y;
	return true;
}

static bool read_adaptive_sync(struct parser *parser, const struct scfg_directive *directive,
	struct gp_config_output *output) {
	const char *text = directive->params[0];
	output->has_adaptive_sync = true;
	output->adaptive_sync = strcmp(text, "on") == 0;
	if (!output->adaptive_sync && strcmp(text, "off") != 0) {
		return fail(parser, directive, "adaptive-sync is on or off");
	}
	return true;
}

static bool read_scaling(
	struct parser *parser, const struct scfg_directive *directive, enum gp_scaling *scaling) {
	if (!gp_scaling_from_name(directive->params[0], scaling)) {
		return fail(parser, directive, "scaling is fit, integer, fill or none");
	}
	return true;
}

static bool read_output_setting(struct parser *parser, const struct scfg_directive *directive,
	struct gp_config_output *output) {
	const char *name = directive->name;
	bool is_position = strcmp(name, "position") == 0;
	if (!check_shape(parser, directive, is_position ? 2 : 1, false)) {
		return false;
	}
	if (is_position) {
		return read_position(parser, directive, output);
	}
	if (strcmp(name, "mode") == 0) {
		return read_mode(parser, directive, output);
	}
	if (strcmp(name, "scale") == 0) {
		return read_scale(parser, directive, output);
	}
	if (strcmp(name, "transform") == 0) {
		return read_transform(parser, directive, output);
	}
	if (strcmp(name, "adaptive-sync") == 0) {
		return read_adaptive_sync(parser, directive, output);
	}
	if (strcmp(name, "scaling") == 0) {
		output->has_scaling = true;
		return read_scaling(parser, directive, &output->scaling);
	}
	return fail(parser, directive, "an output has no setting %.60s", name);
}

static bool read_output(struct parser *parser, const struct scfg_directive *directive) {
	struct gp_config *config = parser->config;
	if (!check_shape(parser, directive, 1, true)) {
		return false;
	}
	if (config->n_outputs == GP_CONFIG_OUTPUTS_MAX) {
		return fail(parser, directive, "more than %d outputs", GP_CONFIG_OUTPUTS_MAX);
	}
	struct gp_config_output *output = &config->outputs[config->n_outputs];
	output->transform = -1;
	if (!read_name(parser, directive, directive->params[0], output->name)) {
		return false;
	}
	for (size_t i = 0; i < config->n_outputs; i++) {
		if (strcmp(config->outputs[i].name, output->name) == 0) {
			return fail(parser, directive, "output %.100s appears twice", output->name);
		}
	}
	config->n_outputs++;
	for (size_t i = 0; i < directive->children.directives_len; i++) {
		if (!read_output_setting(parser, &directive->children.directives[i], output)) {
			return false;
		}
	}
	return true;
}

static bool read_scanout(struct parser *parser, const struct scfg_directive *directive,
	struct gp_config_guest *guest) {
	double index;
	if (!check_shape(parser, directive, 2, false)) {
		return false;
	}
	if (strpbrk(directive->params[0], ".-") != NULL ||
		!parse_number(directive->params[0], 0, GP_SCANOUTS_MAX - 1, &index)) {
		return fail(parser, directive, "a scanout is a number from 0 to %d",
			GP_SCANOUTS_MAX - 1);
	}
	char *scanout = guest->scanouts[(size_t)index];
	if (scanout[0] != '\0') {
		return fail(parser, directive, "scanout %zu appears twice", (size_t)index);
	}
	return read_name(parser, directive, directive->params[1], scanout);
}

static bool read_guest_setting(struct parser *parser, const struct scfg_directive *directive,
	struct gp_config_guest *guest) {
	if (strcmp(directive->name, "scanout") == 0) {
		return read_scanout(parser, directive, guest);
	}
	if (strcmp(directive->name, "scaling") == 0) {
		guest->has_scaling = true;
		return check_shape(parser, directive, 1, false) &&
			read_scaling(parser, directive, &guest->scaling);
	}
	return fail(parser, directive, "a guest has no setting %.60s", directive->name);
}

static bool read_guest(struct parser *parser, const struct scfg_directive *directive) {
	struct gp_config *config = parser->config;
	if (!check_shape(parser, directive, 1, true)) {
		return false;
	}
	if (config->n_guests == GP_CONFIG_GUESTS_MAX) {
		return fail(parser, directive, "more than %d guests", GP_CONFIG_GUESTS_MAX);
	}
	struct gp_config_guest *guest = &config->guests[config->n_guests];
	if (!read_name(parser, directive, directive->params[0], guest->name)) {
		return false;
	}
	if (gp_config_find_guest(config, guest->name) != NULL) {
		return fail(parser, directive, "guest %.100s appears twice", guest->name);
	}
	config->n_guests++;
	for (size_t i = 0; i < directive->children.directives_len; i++) {
		if (!read_guest_setting(parser, &directive->children.directives[i], guest)) {
			return false;
		}
	}
	return true;
}

static bool read_hotkey(struct parser *parser, const struct scfg_directive *directive) {
	struct gp_config *config = parser->config;
	config->has_hotkey = true;
	if (!gp_hotkey_parse(&config->hotkey, directive->params[0])) {
		return fail(
			parser, directive, "%.60s is not " GP_HOTKEY_RULE, directive->params[0]);
	}
	return true;
}

static bool read_quit(struct parser *parser, const struct scfg_directive *directive) {
	const char *text = directive->params[0];
	parser->config->no_quit = strcmp(text, "off") == 0;
	return parser->config->no_quit || strcmp(text, "on") == 0 ||
		fail(parser, directive, "%.60s is not on or off", text);
}

static bool read_label(struct parser *parser, const struct scfg_directive *directive) {
	struct gp_config *config = parser->config;
	double seconds = 0;
	if (strcmp(directive->params[0], "off") != 0 &&
		!parse_number(directive->params[0], 0, LABEL_MAX_S, &seconds)) {
		return fail(parser, directive, "a label stays for 0 to %d seconds, or is off",
			LABEL_MAX_S);
	}
	config->has_label = true;
	config->label_ms = seconds * 1000 + 0.5;
	return true;
}

static bool read_input_setting(struct parser *parser, const struct scfg_directive *directive,
	struct gp_config_input *input) {
	if (strcmp(directive->name, "output") == 0) {
		return check_shape(parser, directive, 1, false) &&
			read_name(parser, directive, directive->params[0], input->output);
	}
	return fail(parser, directive, "an input device has no setting %.60s", directive->name);
}

static bool read_input(struct parser *parser, const struct scfg_directive *directive) {
	struct gp_config *config = parser->config;
	if (!check_shape(parser, directive, 1, true)) {
		return false;
	}
	if (config->n_inputs == GP_CONFIG_INPUTS_MAX) {
		return fail(parser, directive, "more than %d input devices", GP_CONFIG_INPUTS_MAX);
	}
	struct gp_config_input *input = &config->inputs[config->n_inputs];
	if (!read_name(parser, directive, directive->params[0], input->name)) {
		return false;
	}
	if (gp_config_find_input(config, input->name) != NULL) {
		return fail(parser, directive, "input %.100s appears twice", input->name);
	}
	config->n_inputs++;
	for (size_t i = 0; i < directive->children.directives_len; i++) {
		if (!read_input_setting(parser, &directive->children.directives[i], input)) {
			return false;
		}
	}
	return true;
}

/* A number of seconds, or off. */
static bool read_time(
	struct parser *parser, const struct scfg_directive *directive, int32_t *time_ms) {
	double seconds;
	if (!check_shape(parser, directive, 1, false)) {
		return false;
	}
	if (strcmp(directive->params[0], "off") == 0) {
		*time_ms = GP_CONFIG_NEVER;
		return true;
	}
	if (!parse_number(directive->params[0], SECONDS_MIN, SECONDS_MAX, &seconds)) {
		return fail(parser, directive, "%s is off, or %g to %d seconds", directive->name,
			SECONDS_MIN, SECONDS_MAX);
	}
	*time_ms = seconds * 1000 + 0.5;
	return true;
}

/* A path that depends on where the program was started would be of no use in a file. */
static bool read_bridge_socket(struct parser *parser, const struct scfg_directive *directive) {
	if (directive->params_len == 1 && strcmp(directive->params[0], GP_NO_BRIDGE_SOCKET) == 0) {
		parser->config->no_bridge_socket = true;
		return check_shape(parser, directive, 1, false);
	}
	if (!check_shape(parser, directive, 2, false)) {
		return false;
	}
	const char *path = directive->params[1];
	const char *cause = path[0] != '/'
		? "a socket path begins with /"
		: gp_guest_sockets_add(&parser->config->guest_sockets, directive->params[0], path);
	return cause == NULL || fail(parser, directive, "%s", cause);
}

/* Permissions follow name and path. */
static bool read_client_socket(struct parser *parser, const struct scfg_directive *directive) {
	uint32_t permissions = 0;
	if (directive->params_len < 2) {
		return fail(parser, directive, "client-socket needs a name and a path");
	}
	if (!check_shape(parser, directive, directive->params_len, false)) {
		return false;
	}
	for (size_t i = 2; i < directive->params_len; i++) {
		const char *name = directive->params[i];
		if (!gp_permissions_add(&permissions, name, strlen(name))) {
			return fail(parser, directive,
				"%.60s is not a permission; there are " GP_PERMISSIONS_RULE, name);
		}
	}
	const char *cause = gp_client_grants_add(&parser->config->client_grants,
		directive->params[0], directive->params[1], permissions);
	return cause == NULL || fail(parser, directive, "%s", cause);
}

static bool read_directive(struct parser *parser, const struct scfg_directive *directive) {
	if (strcmp(directive->name, "output") == 0) {
		return read_output(parser, directive);
	}
	if (strcmp(directive->name, "guest") == 0) {
		return read_guest(parser, directive);
	}
	if (strcmp(directive->name, "input") == 0) {
		return read_input(parser, directive);
	}
	if (strcmp(directive->name, "sleep-when-off") == 0) {
		return read_time(parser, directive, &parser->config->sleep_when_off_ms);
	}
	if (strcmp(directive->name, "sleep-when-idle") == 0) {
		return read_time(parser, directive, &parser->config->sleep_when_idle_ms);
	}
	if (strcmp(directive->name, "idle-inhibit") == 0) {
		return read_time(parser, directive, &parser->config->idle_inhibit_ms);
	}
	if (strcmp(directive->name, "first") == 0) {
		return check_shape(parser, directive, 1, false) &&
			read_name(parser, directive, directive->params[0], parser->config->first);
	}
	if (strcmp(directive->name, "bridge-socket") == 0) {
		return read_bridge_socket(parser, directive);
	}
	if (strcmp(directive->name, "client-socket") == 0) {
		return read_client_socket(parser, directive);
	}
	if (strcmp(directive->name, "quit") == 0) {
		return check_shape(parser, directive, 1, false) && read_quit(parser, directive);
	}
	if (strcmp(directive->name, "hotkey") == 0) {
		return check_shape(parser, directive, 1, false) && read_hotkey(parser, directive);
	}
	if (strcmp(directive->name, "label") == 0) {
		return check_shape(parser, directive, 1, false) && read_label(parser, directive);
	}
	return fail(parser, directive, "unknown setting %.60s", directive->name);
}

static bool load(struct parser *parser) {
	struct scfg_block block = {0};
	FILE *file = fopen(parser->path, "re");
	if (file == NULL) {
		snprintf(parser->error, GP_CONFIG_ERROR_MAX, "%.200s: %s", parser->path,
			strerror(errno));
		return false;
	}
	/* scfg prints line and cause to stderr itself. */
	bool ok = scfg_parse_file(&block, file) == 0;
	fclose(file);
	if (!ok) {
		snprintf(parser->error, GP_CONFIG_ERROR_MAX, "%.200s: not in scfg's syntax",
			parser->path);
		return false;
	}
	for (size_t i = 0; i < block.directives_len && ok; i++) {
		ok = read_directive(parser, &block.directives[i]);
	}
	scfg_block_finish(&block);
	return ok;
}

bool gp_config_set_output(struct gp_config *config, const struct gp_config_identity *identity,
	const char *setting, const char *value, char error[GP_CONFIG_ERROR_MAX]) {
	const struct gp_config_output *found = gp_config_find_output(config, identity);
	struct gp_config_output changed = {.transform = -1};
	char *params[] = {(char *)value}, text[GP_CONFIG_ERROR_MAX];
	const struct scfg_directive directive = {
		.name = (char *)setting, .params = params, .params_len = 1};
	struct parser parser = {.path = "", .error = text, .config = config};
	if (found != NULL) {
		changed = *found;
	}
	if (!read_output_setting(&parser, &directive, &changed)) {
		/* Without the place in a file. */
		snprintf(error, GP_CONFIG_ERROR_MAX, "%s", strstr(text, ": ") + 2);
		return false;
	}
	if (found != NULL && strcmp(found->name, "*") != 0) {
		config->outputs[found - config->outputs] = changed;
		return true;
	}
	if (config->n_outputs == GP_CONFIG_OUTPUTS_MAX ||
		strlen(identity->connector) >= GP_CONFIG_NAME_MAX) {
		snprintf(error, GP_CONFIG_ERROR_MAX, "the configuration has too many outputs");
		return false;
	}
	strcpy(changed.name, identity->connector);
	config->outputs[config->n_outputs++] = changed;
	return true;
}

bool gp_config_set_pin(
	struct gp_config *config, const char *guest, uint32_t scanout, const char *output) {
	if (scanout >= GP_SCANOUTS_MAX || strlen(guest) >= GP_CONFIG_NAME_MAX ||
		strlen(output) >= GP_CONFIG_NAME_MAX) {
		return false;
	}
	const struct gp_config_guest *found = gp_config_find_guest(config, guest);
	size_t at = found != NULL ? (size_t)(found - config->guests) : config->n_guests;
	if (at == GP_CONFIG_GUESTS_MAX) {
		return false;
	}
	if (found == NULL) {
		strcpy(config->guests[config->n_guests++].name, guest);
	}
	strcpy(config->guests[at].scanouts[scanout], output);
	return true;
}

struct gp_config *gp_config_load(const char *path, char error[GP_CONFIG_ERROR_MAX]) {
	struct parser parser = {.path = path, .error = error};
	parser.config = calloc(1, sizeof(*parser.config));
	if (parser.config == NULL) {
		snprintf(error, GP_CONFIG_ERROR_MAX, "out of memory");
		return NULL;
	}
	if (!load(&parser)) {
		free(parser.config);
		return NULL;
	}
	return parser.config;
}

bool gp_config_name_monitor(
	const struct gp_config_identity *identity, char name[GP_CONFIG_NAME_MAX]) {
	name[0] = '\0';
	if (identity->make == NULL && identity->model == NULL && identity->serial == NULL) {
		return false;
	}
	snprintf(name, GP_CONFIG_NAME_MAX, "%s %s %s",
		identity->make != NULL ? identity->make : "Unknown",
		identity->model != NULL ? identity->model : "Unknown",
		identity->serial != NULL ? identity->serial : "Unknown");
	return true;
}

bool gp_config_matches(const char *name, const struct gp_config_identity *identity) {
	char monitor[GP_CONFIG_NAME_MAX];
	return strcmp(name, identity->connector) == 0 ||
		(gp_config_name_monitor(identity, monitor) && strcmp(name, monitor) == 0);
}

const struct gp_config_output *gp_config_find_output(
	const struct gp_config *config, const struct gp_config_identity *identity) {
	const struct gp_config_output *all = NULL;
	for (size_t i = 0; i < config->n_outputs; i++) {
		const struct gp_config_output *output = &config->outputs[i];
		if (gp_config_matches(output->name, identity)) {
			return output;
		}
		if (strcmp(output->name, "*") == 0) {
			all = output;
		}
	}
	return all;
}

const struct gp_config_guest *gp_config_find_guest(
	const struct gp_config *config, const char *name) {
	for (size_t i = 0; i < config->n_guests; i++) {
		if (strcmp(config->guests[i].name, name) == 0) {
			return &config->guests[i];
		}
	}
	return NULL;
}

const struct gp_config_input *gp_config_find_input(
	const struct gp_config *config, const char *name) {
	for (size_t i = 0; i < config->n_inputs; i++) {
		if (strcmp(config->inputs[i].name, name) == 0) {
			return &config->inputs[i];
		}
	}
	return NULL;
}
