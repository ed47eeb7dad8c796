#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/runtime_path.h"
#include "common/socket.h"

#define TIMEOUT_NS UINT64_C(2000000000)
#define ANSWER_MAX (4 << 20)
#define CELL_MAX 160
#define COLUMNS_MAX 12
#define NAME_MAX_BYTES 100 // of a guest or an output

enum { EXIT_OK = 0, EXIT_RUNTIME = 1, EXIT_USAGE = 2 };

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

struct view {
	const char *program; // of the document
	const char *lines[4];
	const struct section *sections[4];
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
	.line = "guest {name} ({title}): {state}, generation {generation}, uuid {uuid}; {blobs} "
		"blobs,"
		" {buffers} buffers, {imports} imports, {imports_failed} failed",
	.inner = &guest_scanouts,
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

static const struct view views[] = {
	{
		.program = "guestpane",
		.lines = {"{program} {version}: {renderer} renderer, {backend} backend"},
		.sections = {&compositor_outputs, &compositor_guests},
	},
	{
		.program = "guestpane-bridge",
		.lines =
			{
				"{program} {version}: {name}, VMM {vmm}, display {display}, "
				"{resources}"
				" resources",
				"  frames: {counters.commits} commits; {counters.imports} imports,"
				" {counters.imports_failed} failed",
				"  replies: {counters.replies.immediate} immediate,"
				" {counters.replies.release} release, {counters.replies.spacing} "
				"spacing,"
				" {counters.replies.timeout} timeout, {counters.replies.drain} "
				"drain",
				"  bytes: {counters.bytes_copied} copied, "
				"{counters.bytes_transferred}"
				" transferred; {counters.commands} commands, "
				"{counters.guest_errors} guest"
				" errors",
			},
		.sections = {&bridge_scanouts, &bridge_inputs, &bridge_devices},
	},
	{.lines = {"{program} {version}"}}, // whatever else answers
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

static bool ends_with(const char *text, size_t length, const char *end) {
	return length >= strlen(end) && memcmp(text + length - strlen(end), end, strlen(end)) == 0;
}

/* Returns whether the member is there and not empty. */
static bool print_member(FILE *out, struct json_object *object, const char *path, size_t length) {
	struct json_object *value = find_member(object, path, length);
	const char *text = json_object_get_string(value);
	char shown[CELL_MAX];

	if (text == NULL || text[0] == '\0') {
		fputs("-", out);
		return false;
	}
	if (ends_with(path, length, "_mhz")) {
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

static const struct view *find_view(struct json_object *document) {
	const char *program = json_object_get_string(json_object_object_get(document, "program"));
	const struct view *view = views;
	while (view->program != NULL && (program == NULL || strcmp(view->program, program) != 0)) {
		view++;
	}
	return view;
}

static void print_document(struct json_object *document) {
	const struct view *view = find_view(document);
	for (size_t i = 0; i < 4 && view->lines[i] != NULL; i++) {
		print_template(stdout, document, view->lines[i]);
		printf("\n");
	}
	for (size_t i = 0; view->sections[i] != NULL; i++) {
		print_section(document, view->sections[i]);
	}
}

static bool wait_readable(int fd, uint64_t deadline_ns) {
	uint64_t now_ns = gp_now_ns();
	if (now_ns >= deadline_ns) {
		errno = ETIMEDOUT;
		return false;
	}
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	int n = poll(&pollfd, 1, (deadline_ns - now_ns) / 1000000 + 1);
	if (n == 0) {
		errno = ETIMEDOUT;
	}
	return n > 0;
}

/* Reads to the end of the stream. Returns a string owned by the caller, or NULL with errno. */
static char *read_reply(int fd) {
	uint64_t deadline_ns = gp_now_ns() + TIMEOUT_NS;
	char *answer = NULL;
	size_t size = 0;
	ssize_t n = 0;
	FILE *out = open_memstream(&answer, &size);
	if (out == NULL) {
		return NULL;
	}
	do {
		char chunk[4096];
		if (!wait_readable(fd, deadline_ns)) {
			n = -1;
			break;
		}
		n = recv(fd, chunk, sizeof(chunk), 0);
		if (n > 0) {
			fwrite(chunk, 1, n, out);
			fflush(out);
		}
	} while (n > 0 && size <= ANSWER_MAX);
	int saved = n < 0 ? errno : EMSGSIZE;
	fclose(out);
	if (n != 0) {
		free(answer);
		answer = NULL;
		errno = saved;
	}
	return answer;
}

/* Returns the document, owned by the caller, or NULL after a line on stderr. */
static struct json_object *ask(const char *path, const char *request) {
	struct json_object *document = NULL;
	int fd = gp_socket_connect(path);
	char *answer = NULL;

	if (fd != -1 &&
		send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request)) {
		answer = read_reply(fd);
	}
	if (answer == NULL) {
		fprintf(stderr, "guestpanectl: %s: %s\n", path, strerror(errno));
	} else {
		document = json_tokener_parse(answer);
		if (!json_object_is_type(document, json_type_object)) {
			fprintf(stderr, "guestpanectl: %s: the reply is not a JSON object\n", path);
			json_object_put(document);
			document = NULL;
		}
	}
	free(answer);
	gp_fd_close(&fd);
	return document;
}

static void ask_into(struct json_object *documents, const char *path) {
	struct json_object *document = ask(path, "status\n");
	if (document != NULL) {
		json_object_array_add(documents, document);
	}
}

static int is_control_socket(const struct dirent *entry) {
	return ends_with(entry->d_name, strlen(entry->d_name), ".ctl");
}

static void ask_all(struct json_object *documents) {
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent **entries;

	if (!gp_runtime_path(dir, sizeof(dir), "")) {
		fprintf(stderr, "guestpanectl: no runtime directory: %s\n", strerror(errno));
		return;
	}
	int n = scandir(dir, &entries, is_control_socket, alphasort);
	if (n < 0) {
		fprintf(stderr, "guestpanectl: %s: %s\n", dir, strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		if (gp_runtime_path(path, sizeof(path), entries[i]->d_name)) {
			ask_into(documents, path);
		}
		free(entries[i]);
	}
	free(entries);
}

static int status(const char *socket_path, bool json) {
	struct json_object *documents = json_object_new_array();

	if (socket_path != NULL) {
		ask_into(documents, socket_path);
	} else {
		ask_all(documents);
	}
	size_t n = json_object_array_length(documents);
	if (json) {
		printf("%s\n",
			json_object_to_json_string_ext(documents,
				JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	for (size_t i = 0; !json && i < n; i++) {
		printf("%s", i > 0 ? "\n" : "");
		print_document(json_object_array_get_idx(documents, i));
	}
	json_object_put(documents);
	if (n == 0) {
		fprintf(stderr, "guestpanectl: no program replied\n");
	}
	return n > 0 ? EXIT_OK : EXIT_RUNTIME;
}

/* Has guestpane do something. subject is what an error is about. */
static int command(const char *socket_path, const char *request, const char *subject) {
	char path[PATH_MAX];
	if (socket_path == NULL && !gp_runtime_path(path, sizeof(path), "compositor.ctl")) {
		fprintf(stderr, "guestpanectl: no runtime directory: %s\n", strerror(errno));
		return EXIT_RUNTIME;
	}
	struct json_object *answer = ask(socket_path != NULL ? socket_path : path, request);
	struct json_object *error = json_object_object_get(answer, "error");
	if (error != NULL) {
		fprintf(stderr, "guestpanectl: %s: %s\n", subject, json_object_get_string(error));
	}
	bool ok = answer != NULL && error == NULL;
	json_object_put(answer);
	return ok ? EXIT_OK : EXIT_RUNTIME;
}

static bool is_name(const char *text) {
	return text[0] != '\0' && strlen(text) <= NAME_MAX_BYTES && strpbrk(text, "\t\n") == NULL;
}

/* Shows the next guest on an output. */
static int next(const char *socket_path, const char *output) {
	char request[128];
	if (!is_name(output)) {
		fprintf(stderr, "guestpanectl: not the name of an output\n");
		return EXIT_USAGE;
	}
	snprintf(request, sizeof(request), "next %s\n", output);
	return command(socket_path, request, output);
}

/* Shows a guest, on all its outputs if output is NULL. */
static int show(const char *socket_path, const char *guest, const char *output) {
	char request[256];
	if (!is_name(guest) || (output != NULL && !is_name(output))) {
		fprintf(stderr, "guestpanectl: not the name of a guest or an output\n");
		return EXIT_USAGE;
	}
	snprintf(request, sizeof(request), "show %s%s%s\n", guest, output != NULL ? "\t" : "",
		output != NULL ? output : "");
	return command(socket_path, request, guest);
}

/* Switches an output on or off. */
static int set_power(const char *socket_path, const char *output, const char *power) {
	char request[128];
	if (!is_name(output) || (strcmp(power, "on") != 0 && strcmp(power, "off") != 0)) {
		fprintf(stderr, "guestpanectl: not the name of an output, or not on or off\n");
		return EXIT_USAGE;
	}
	snprintf(request, sizeof(request), "power %s %s\n", power, output);
	return command(socket_path, request, output);
}

static void print_usage(FILE *out) {
	fprintf(out,
		"usage: guestpanectl [--socket PATH] status [--json]\n"
		"       guestpanectl [--socket PATH] next OUTPUT\n"
		"       guestpanectl [--socket PATH] show GUEST [OUTPUT]\n"
		"       guestpanectl [--socket PATH] output OUTPUT on|off\n"
		"\n"
		"status shows the state of guestpane and its bridges; next brings the next guest\n"
		"on an output of guestpane to the front, and show the one of that name; output\n"
		"switches an output on or off.\n"
		"\n"
		"  --socket PATH  use this control socket; without it, status asks every one in\n"
		"                 $XDG_RUNTIME_DIR/guestpane/, the others compositor.ctl there\n"
		"  --json         print the status as a JSON array\n"
		"  --help         print this help and exit\n"
		"  --version      print the version and exit\n");
}

int main(int argc, char **argv) {
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *socket_path = NULL;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			socket_path = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'v':
			printf("guestpanectl %s\n", GP_VERSION);
			return EXIT_OK;
		case 'h':
			print_usage(stdout);
			return EXIT_OK;
		default:
			print_usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (argc - optind == 2 && strcmp(argv[optind], "next") == 0) {
		return next(socket_path, argv[optind + 1]);
	}
	if ((argc - optind == 2 || argc - optind == 3) && strcmp(argv[optind], "show") == 0) {
		return show(socket_path, argv[optind + 1], argv[optind + 2]);
	}
	if (argc - optind == 3 && strcmp(argv[optind], "output") == 0) {
		return set_power(socket_path, argv[optind + 1], argv[optind + 2]);
	}
	if (argc - optind != 1 || strcmp(argv[optind], "status") != 0) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	return status(socket_path, json);
}
