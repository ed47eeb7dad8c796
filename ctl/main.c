#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "ctl/document.h"
#include "ctl/request.h"
#include "ctl/sockets.h"

#define NAME_MAX_BYTES 100 // of a guest or an output
#define ARGUMENTS_MAX 3

enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_REPLY = 3 };

struct options {
	const char *socket_path; // NULL: all, or the compositor's
	bool json, watch;
};

/* An array of the status of each program that replies. */
static struct json_object *collect(const struct options *options) {
	static struct gp_sockets sockets;
	struct json_object *documents = json_object_new_array();
	if (options->socket_path != NULL) {
		snprintf(sockets.paths[0], sizeof(sockets.paths[0]), "%s", options->socket_path);
		sockets.n = 1;
	} else {
		gp_sockets_find(&sockets);
	}
	for (size_t i = 0; i < sockets.n; i++) {
		struct json_object *document = gp_request_send(sockets.paths[i], "status\n");
		if (document != NULL) {
			json_object_array_add(documents, document);
		}
	}
	return documents;
}

static void print_documents(struct json_object *documents, const struct options *options) {
	if (options->json) {
		int style = options->watch ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY;
		puts(json_object_to_json_string_ext(
			documents, style | JSON_C_TO_STRING_NOSLASHESCAPE));
		return;
	}
	for (size_t i = 0; i < json_object_array_length(documents); i++) {
		printf("%s", i > 0 ? "\n" : "");
		gp_document_print(json_object_array_get_idx(documents, i));
	}
}

static int explain_no_reply(void) {
	fprintf(stderr,
		"guestpanectl: no program replied; the sockets of services are root's (sudo), "
		"others are in $XDG_RUNTIME_DIR/guestpane\n");
	return EXIT_NO_REPLY;
}

/* Prints the status each time that it has changed, until a signal. */
static int watch(const struct options *options) {
	struct json_object *last = NULL;
	bool terminal = isatty(STDOUT_FILENO) && !options->json;
	for (;;) {
		struct json_object *documents = collect(options);
		if (last == NULL || !json_object_equal(documents, last)) {
			printf("%s", terminal ? "\033[H\033[2J" : last != NULL ? "\n" : "");
			print_documents(documents, options);
			fflush(stdout);
		}
		json_object_put(last);
		last = documents;
		if (ferror(stdout)) {
			return EXIT_REFUSED;
		}
		nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
	}
}

static int run_status(const struct options *options, char *const *arguments) {
	if (options->watch) {
		return watch(options);
	}
	struct json_object *documents = collect(options);
	size_t n = json_object_array_length(documents);
	print_documents(documents, options);
	json_object_put(documents);
	return n > 0 ? EXIT_OK : explain_no_reply();
}

/* Sends the words, up to the NULL, to the compositor. NULL after a line on stderr. */
static struct json_object *ask(const struct options *options, const char *const *words) {
	static struct gp_sockets sockets;
	char request[512] = "";
	size_t length = 0;
	for (size_t i = 0; words[i] != NULL; i++) {
		length += snprintf(request + length, sizeof(request) - length, "%s%s",
			i > 0 ? "\t" : "", words[i]);
	}
	strcat(request, "\n");
	if (options->socket_path != NULL) {
		return gp_request_send(options->socket_path, request);
	}
	gp_sockets_find(&sockets);
	if (sockets.n == 0 || !gp_socket_is_compositor(sockets.paths[0])) {
		return NULL;
	}
	return gp_request_send(sockets.paths[0], request);
}

/* Has guestpane do something. subject is what an error is about; may be NULL. */
static int command(const struct options *options, const char *subject, const char *const *words) {
	struct json_object *reply = ask(options, words);
	if (reply == NULL) {
		return explain_no_reply();
	}
	const char *error = json_object_get_string(json_object_object_get(reply, "error"));
	int status = error != NULL ? EXIT_REFUSED : EXIT_OK;
	if (error != NULL) {
		char shown[1024];
		gp_escape(shown, sizeof(shown), error);
		fprintf(stderr, "guestpanectl: %s%s%s\n", subject != NULL ? subject : "",
			subject != NULL ? ": " : "", shown);
	}
	json_object_put(reply);
	return status;
}

static int run_next(const struct options *options, char *const *arguments) {
	return command(options, arguments[0], (const char *const[]){"next", arguments[0], NULL});
}

static int run_show(const struct options *options, char *const *arguments) {
	return command(options, arguments[0],
		(const char *const[]){"show", arguments[0], arguments[1], NULL});
}

/* OUTPUT on|off, or OUTPUT SETTING VALUE */
static int run_output(const struct options *options, char *const *arguments) {
	if (arguments[2] == NULL) {
		return command(options, arguments[0],
			(const char *const[]){"power", arguments[0], arguments[1], NULL});
	}
	return command(options, arguments[0],
		(const char *const[]){"set", arguments[0], arguments[1], arguments[2], NULL});
}

/* GUEST:SCANOUT OUTPUT */
static int run_move(const struct options *options, char *const *arguments) {
	char guest[NAME_MAX_BYTES + 1];
	const char *colon = strrchr(arguments[0], ':');
	if (colon == NULL || colon[1] == '\0') {
		fprintf(stderr, "guestpanectl: %s is not GUEST:SCANOUT, like office:0\n",
			arguments[0]);
		return EXIT_USAGE;
	}
	snprintf(guest, sizeof(guest), "%.*s", (int)(colon - arguments[0]), arguments[0]);
	return command(options, arguments[0],
		(const char *const[]){"move", guest, colon + 1, arguments[1], NULL});
}

static int run_hud(const struct options *options, char *const *arguments) {
	return command(options, NULL, (const char *const[]){"hud", arguments[0], NULL});
}

static int run_reload(const struct options *options, char *const *arguments) {
	return command(options, NULL, (const char *const[]){"reload", NULL});
}

static int run_quit(const struct options *options, char *const *arguments) {
	return command(options, NULL, (const char *const[]){"quit", NULL});
}

static int run_hotkeys(const struct options *options, char *const *arguments) {
	struct json_object *reply = ask(options, (const char *const[]){"hotkeys", NULL});
	if (reply == NULL) {
		return explain_no_reply();
	}
	struct json_object *keys = json_object_object_get(reply, "hotkeys");
	if (options->json) {
		puts(json_object_to_json_string_ext(
			reply, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	for (size_t i = 0; !options->json && i < json_object_array_length(keys); i++) {
		struct json_object *key = json_object_array_get_idx(keys, i);
		printf("  %-28s %s\n", json_object_get_string(json_object_object_get(key, "keys")),
			json_object_get_string(json_object_object_get(key, "action")));
	}
	json_object_put(reply);
	return EXIT_OK;
}

static const struct verb {
	const char *name;
	int min, max; // arguments
	int (*run)(const struct options *options, char *const *arguments);
} verbs[] = {
	{"status", 0, 0, run_status},
	{"next", 1, 1, run_next},
	{"show", 1, 2, run_show},
	{"output", 2, 3, run_output},
	{"move", 2, 2, run_move},
	{"reload", 0, 0, run_reload},
	{"quit", 0, 0, run_quit},
	{"hotkeys", 0, 0, run_hotkeys},
	{"hud", 1, 1, run_hud},
};

static void print_usage(FILE *out) {
	fprintf(out,
		"usage: guestpanectl [--socket PATH] status [--json] [--watch]\n"
		"       guestpanectl [--socket PATH] next OUTPUT\n"
		"       guestpanectl [--socket PATH] show GUEST [OUTPUT]\n"
		"       guestpanectl [--socket PATH] output OUTPUT on|off\n"
		"       guestpanectl [--socket PATH] output OUTPUT mode|scale|scaling|transform "
		"VALUE\n"
		"       guestpanectl [--socket PATH] move GUEST:SCANOUT OUTPUT\n"
		"       guestpanectl [--socket PATH] hud on|off\n"
		"       guestpanectl [--socket PATH] hotkeys|reload|quit\n"
		"\n"
		"status shows the state of guestpane and its bridges; next brings the next guest\n"
		"on an output of guestpane to the front, and show the one of that name; output\n"
		"switches an output on or off, or sets what the configuration's block of that "
		"name\n"
		"can set; move places a scanout; hud has each output say how its frames get\n"
		"there; hotkeys lists the keys that guestpane takes; reload loads the\n"
		"configuration, which ends what output and move have set; quit ends guestpane.\n"
		"\n"
		"  --socket PATH  use this control socket; without it, status asks every one in\n"
		"                 $XDG_RUNTIME_DIR/guestpane and those of the services in /run, "
		"and\n"
		"                 the others the first guestpane among them\n"
		"  --json         print JSON\n"
		"  --watch        print the status again when it has changed\n"
		"  --list WHAT    print verbs, or the names of outputs, guests or scanouts\n"
		"  --help         print this help and exit\n"
		"  --version      print the version and exit\n"
		"\n"
		"Exit status: 0 success, 1 guestpane refuses, 2 usage error, 3 no program "
		"replied.\n");
}

/* The elements' names, a line each; of scanouts with their guest's before. */
static void list_names(struct json_object *document, const char *member, bool scanouts) {
	struct json_object *array = json_object_object_get(document, member);
	for (size_t i = 0; array != NULL && i < json_object_array_length(array); i++) {
		struct json_object *element = json_object_array_get_idx(array, i);
		const char *name = json_object_get_string(json_object_object_get(element, "name"));
		struct json_object *inner = json_object_object_get(element, "scanouts");
		if (!scanouts) {
			printf("%s\n", name);
		}
		for (size_t j = 0; scanouts && j < json_object_array_length(inner); j++) {
			printf("%s:%zu\n", name, j);
		}
	}
}

/* For completion. */
static int list(const struct options *options, const char *what) {
	if (strcmp(what, "verbs") == 0) {
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
			puts(verbs[i].name);
		}
		return EXIT_OK;
	}
	bool outputs = strcmp(what, "outputs") == 0, scanouts = strcmp(what, "scanouts") == 0;
	if (!outputs && !scanouts && strcmp(what, "guests") != 0) {
		fprintf(stderr, "guestpanectl: --list verbs, outputs, guests or scanouts\n");
		return EXIT_USAGE;
	}
	struct json_object *document = ask(options, (const char *const[]){"status", NULL});
	if (document == NULL) {
		return EXIT_NO_REPLY;
	}
	list_names(document, outputs ? "outputs" : "guests", scanouts);
	json_object_put(document);
	return EXIT_OK;
}

static int run_verb(const struct options *options, int argc, char *const *argv) {
	const struct verb *verb = verbs;
	while (argc == 0 || strcmp(verb->name, argv[0]) != 0) {
		if (argc == 0 || ++verb == verbs + sizeof(verbs) / sizeof(verbs[0])) {
			fprintf(stderr, "guestpanectl: %s%s; see --help\n",
				argc == 0 ? "what to do is missing" : "there is no ",
				argc == 0 ? "" : argv[0]);
			return EXIT_USAGE;
		}
	}
	int n = argc - 1;
	if (n < verb->min || n > verb->max) {
		fprintf(stderr, "guestpanectl: %s takes %d to %d arguments; see --help\n",
			verb->name, verb->min, verb->max);
		return EXIT_USAGE;
	}
	for (int i = 1; i <= n; i++) {
		if (argv[i][0] == '\0' || strlen(argv[i]) > NAME_MAX_BYTES ||
			strpbrk(argv[i], "\t\n") != NULL) {
			fprintf(stderr, "guestpanectl: a name has 1 to %d bytes, and no tab\n",
				NAME_MAX_BYTES);
			return EXIT_USAGE;
		}
	}
	return verb->run(options, argv + 1);
}

int main(int argc, char **argv) {
	static const struct option long_options[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"watch", no_argument, NULL, 'w'},
		{"list", required_argument, NULL, 'l'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct options options = {0};
	const char *listed = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			options.socket_path = optarg;
			break;
		case 'j':
			options.json = true;
			break;
		case 'w':
			options.watch = true;
			break;
		case 'l':
			listed = optarg;
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
	return listed != NULL ? list(&options, listed)
			      : run_verb(&options, argc - optind, argv + optind);
}
