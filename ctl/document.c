#include "ctl/document.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define CELL_MAX 160
#define COLUMNS_MAX 12
#define LINES_MAX 7

/*
 * What is shown of a document. A template is text with {member} or {outer.inner} in it; a member
 * that ends in _mhz is shown in Hz, and one that is missing or empty as "-".
 */
struct column {
	const char *title, *template;
};

struct section {
	const char *member; // an array of the document, shown if it is not empty
	const char *line; // a line for each element, or NULL
	const struct column *columns; // a table of all elements, ended by a NULL title, or NULL
	const struct section *inner; // a section of each element, or NULL
};

struct layout {
	const char *program; // of the document
	const char *lines[LINES_MAX]; // one without any member that is there is left out
	const struct section *sections[5];
};

static const struct section compositor_outputs = {
	.member = "outputs",
	.columns =
		(const struct column[]){
			{"OUTPUT", "{name}"},
			{"MODE", "{width}x{height}@{refresh_mhz}"},
			{"POWER", "{power}"},
			{"SHOWING", "{showing}"},
			{"GUEST", "{guest}"},
			{"SCANOUT", "{scanout}"},
			{"DIRECT", "{frames.direct}"},
			{"GPU", "{frames.gpu}"},
			{"MAPPED", "{frames.mapped}"},
			{"COPIED", "{frames.copied}"},
			{"PATH", "{path}"},
			{"REASON", "{reason}"},
			{0},
		},
};

static const struct section guest_scanouts = {
	.member = "scanouts",
	.columns =
		(const struct column[]){
			{"SCANOUT", "{index}"},
			{"OUTPUT", "{output}"},
			{"SIZE", "{width}x{height}"},
			{"VISIBLE", "{visible}"},
			{"COMMITS", "{commits}"},
			{"PATH", "{path}"},
			{"REASON", "{reason}"},
			{0},
		},
};

static const struct section compositor_guests = {
	.member = "guests",
	.line = "guest {name} ({title}): {state}, generation {generation}, uuid {uuid}; "
		"{blobs} blobs, {buffers} buffers, {imports} imports, {imports_failed} failed; "
		"socket {socket}",
	.inner = &guest_scanouts,
};

static const struct section compositor_sockets = {
	.member = "bridge_sockets",
	.columns =
		(const struct column[]){
			{"BRIDGE SOCKET", "{path}"},
			{"GUEST", "{guest}"},
			{0},
		},
};

static const struct section compositor_clients = {
	.member = "client_sockets",
	.columns =
		(const struct column[]){
			{"CLIENT SOCKET", "{name}"},
			{"PATH", "{path}"},
			{"CLIENTS", "{clients}"},
			{"PERMISSIONS", "{permissions}"},
			{0},
		},
};

static const struct section bridge_scanouts = {
	.member = "scanouts",
	.columns =
		(const struct column[]){
			{"SCANOUT", "{index}"},
			{"CONNECTED", "{connected}"},
			{"SIZE", "{width}x{height}"},
			{"MODE", "{mode}"},
			{"FORMAT", "{format}"},
			{"RESOURCE", "{resource}"},
			{"FLUSHES", "{flushes}"},
			{"EXPORTER", "{exporter}"},
			{"REASON", "{reason}"},
			{"PATH", "{path}"},
			{"PATH REASON", "{path_reason}"},
			{0},
		},
};

static const struct section bridge_inputs = {
	.member = "inputs",
	.columns =
		(const struct column[]){
			{"INPUT", "{kind}"},
			{"SCANOUT", "{scanout}"},
			{"VMM", "{vmm}"},
			{"EVENTS", "{events}"},
			{"WAITING", "{waiting}"},
			{"COALESCED", "{coalesced}"},
			{"DROPPED", "{dropped}"},
			{"RELEASED", "{released}"},
			{"LATENCY MS", "{latency_ms}"},
			{"MAX", "{latency_max_ms}"},
			{0},
		},
};

static const struct section bridge_consoles = {
	.member = "qemu.consoles",
	.columns =
		(const struct column[]){
			{"CONSOLE", "{label}"},
			{"SCANOUT", "{scanout}"},
			{"LISTENER", "{registered}"},
			{"REFUSED", "{refused}"},
			{"LATE REPLIES", "{late_replies}"},
			{"REASON", "{reason}"},
			{0},
		},
};

static const struct section bridge_devices = {
	.member = "devices",
	.columns =
		(const struct column[]){
			{"DEVICE", "{pci}"},
			{"ID", "{ids}"},
			{"EXPORTS", "{exports}"},
			{"REASON", "{reason}"},
			{0},
		},
};

static const struct layout layouts[] = {
	{
		.program = "guestpane",
		.lines = {"{program} {version}: {renderer} renderer, GPU {gpu}, {backend} backend"},
		.sections = {&compositor_sockets, &compositor_clients, &compositor_outputs,
			&compositor_guests},
	},
	{
		.program = "guestpane-bridge",
		.lines =
			{
				"{program} {version}: {name}, VMM {vmm}, display {display}, "
				"{resources} resources",
				"  {display_reason}",
				"  QEMU's display: {qemu.connection} {qemu.reason}; pointer "
				"{qemu.seat.pointer}",
				"  frames: {counters.commits} commits; {counters.imports} imports,"
				" {counters.imports_failed} failed",
				"  replies: {counters.replies.immediate} immediate, "
				"{counters.replies.release} release, {counters.replies.spacing} "
				"spacing, {counters.replies.timeout} timeout, "
				"{counters.replies.drain} drain",
				"  bytes: {counters.bytes_copied} copied, "
				"{counters.bytes_transferred} transferred; {counters.commands} "
				"commands, {counters.guest_errors} guest errors",
				"  not confined: {confinement.missing}",
			},
		.sections = {&bridge_scanouts, &bridge_consoles, &bridge_inputs, &bridge_devices},
	},
	{.lines = {"{program} {version}"}}, // of any other program
};

/* Follows a path of members, of which the outer ones are separated by dots. NULL: missing. */
static struct json_object *find_member(
	struct json_object *object, const char *path, size_t length) {
	char name[64];
	const char *end = path + length;

	while (object != NULL) {
		const char *dot = memchr(path, '.', end - path);
		size_t n = (dot != NULL ? dot : end) - path;
		if (n >= sizeof(name) || !json_object_is_type(object, json_type_object)) {
			return NULL;
		}
		memcpy(name, path, n);
		name[n] = '\0';
		object = json_object_object_get(object, name);
		if (dot == NULL) {
			break;
		}
		path = dot + 1;
	}
	return object;
}

static void print_list(FILE *out, struct json_object *array) {
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(array, i));
		char shown[CELL_MAX];
		gp_escape(shown, sizeof(shown), text != NULL ? text : "-");
		fprintf(out, "%s%s", i > 0 ? ", " : "", shown);
	}
}

/* Returns whether the member is there and not empty. */
static bool print_member(FILE *out, struct json_object *object, const char *path, size_t length) {
	struct json_object *value = find_member(object, path, length);
	const char *text = json_object_get_string(value);
	char shown[CELL_MAX];

	bool is_list = json_object_is_type(value, json_type_array);
	if (text == NULL || text[0] == '\0' || (is_list && json_object_array_length(value) == 0)) {
		fputs("-", out);
		return false;
	}
	if (is_list) {
		print_list(out, value);
		return true;
	}
	if (length >= 4 && memcmp(path + length - 4, "_mhz", 4) == 0) {
		fprintf(out, "%.2f", json_object_get_double(value) / 1000);
	} else {
		gp_escape(shown, sizeof(shown), text);
		fputs(shown, out);
	}
	return true;
}

/* Returns whether any of the template's members is there. */
static bool print_template(FILE *out, struct json_object *object, const char *template) {
	bool found = false;
	while (*template != '\0') {
		size_t text = strcspn(template, "{");
		fwrite(template, 1, text, out);
		template += text;
		if (*template == '{') {
			size_t length = strcspn(++template, "}");
			found |= print_member(out, object, template, length);
			template += length + 1;
		}
	}
	return found;
}

/* Characters, not bytes: what follows a UTF-8 lead byte does not count. */
static int text_width(const char *text) {
	int width = 0;
	for (; *text != '\0'; text++) {
		width += (*text & 0xc0) != 0x80;
	}
	return width;
}

static char *cell_text(struct json_object *object, const struct column *column) {
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (out == NULL) {
		abort();
	}
	bool found = print_template(out, object, column->template);
	fclose(out);
	if (!found) {
		free(text);
		text = strdup("-");
	}
	if (text == NULL) {
		abort();
	}
	return text;
}

static int column_width(struct json_object *array, const struct column *column) {
	int width = text_width(column->title);
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		char *text = cell_text(json_object_array_get_idx(array, i), column);
		int n = text_width(text);
		width = n > width ? n : width;
		free(text);
	}
	return width;
}

/* Padded to the width; 0: the last column. */
static void print_cell(const char *text, int width) {
	int padding = width - text_width(text);
	printf("  %s%*s", text, padding > 0 ? padding : 0, "");
}

static void print_table(struct json_object *array, const struct column *columns) {
	int widths[COLUMNS_MAX];

	for (int i = 0; columns[i].title != NULL; i++) {
		bool last = columns[i + 1].title == NULL;
		widths[i] = last ? 0 : column_width(array, &columns[i]);
		print_cell(columns[i].title, widths[i]);
	}
	printf("\n");
	for (size_t row = 0; row < json_object_array_length(array); row++) {
		struct json_object *element = json_object_array_get_idx(array, row);
		for (int i = 0; columns[i].title != NULL; i++) {
			char *text = cell_text(element, &columns[i]);
			print_cell(text, widths[i]);
			free(text);
		}
		printf("\n");
	}
}

static void print_section(struct json_object *object, const struct section *section) {
	struct json_object *array = find_member(object, section->member, strlen(section->member));
	if (!json_object_is_type(array, json_type_array) || json_object_array_length(array) == 0) {
		return;
	}
	if (section->columns != NULL) {
		print_table(array, section->columns);
	}
	for (size_t i = 0; section->line != NULL && i < json_object_array_length(array); i++) {
		struct json_object *element = json_object_array_get_idx(array, i);
		printf("  ");
		print_template(stdout, element, section->line);
		printf("\n");
		if (section->inner != NULL) {
			print_section(element, section->inner);
		}
	}
}

static const struct layout *find_layout(struct json_object *document) {
	const char *program = json_object_get_string(json_object_object_get(document, "program"));
	const struct layout *layout = layouts;
	while (layout->program != NULL &&
		(program == NULL || strcmp(layout->program, program) != 0)) {
		layout++;
	}
	return layout;
}

void gp_document_print(struct json_object *document) {
	const struct layout *layout = find_layout(document);
	for (size_t i = 0; i < LINES_MAX && layout->lines[i] != NULL; i++) {
		char *text = cell_text(document, &(struct column){.template = layout->lines[i]});
		if (strcmp(text, "-") != 0) {
			puts(text);
		}
		free(text);
	}
	for (size_t i = 0; layout->sections[i] != NULL; i++) {
		print_section(document, layout->sections[i]);
	}
}
