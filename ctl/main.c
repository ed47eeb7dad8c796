#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime_path.h"
#include "ctl/document.h"
#include "ctl/request.h"

#define NAME_MAX_BYTES 100 // of a guest or an output

enum { EXIT_OK = 0, EXIT_RUNTIME = 1, EXIT_USAGE = 2 };

static void add_status(struct json_object *documents, const char *path) {
	struct json_object *document = gp_request_send(path, "status\n");
	if (document != NULL) {
		json_object_array_add(documents, document);
	}
}

static int is_control_socket(const struct dirent *entry) {
	size_t length = strlen(entry->d_name);
	return length >= 4 && strcmp(entry->d_name + length - 4, ".ctl") == 0;
}

static void add_all(struct json_object *documents) {
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
			add_status(documents, path);
		}
		free(entries[i]);
	}
	free(entries);
}

static int status(const char *socket_path, bool json) {
	struct json_object *documents = json_object_new_array();

	if (socket_path != NULL) {
		add_status(documents, socket_path);
	} else {
		add_all(documents);
	}
	size_t n = json_object_array_length(documents);
	if (json) {
		printf("%s\n",
			json_object_to_json_string_ext(documents,
				JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	for (size_t i = 0; !json && i < n; i++) {
		printf("%s", i > 0 ? "\n" : "");
		gp_document_print(json_object_array_get_idx(documents, i));
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
	struct json_object *reply =
		gp_request_send(socket_path != NULL ? socket_path : path, request);
	struct json_object *error = json_object_object_get(reply, "error");
	if (error != NULL) {
		fprintf(stderr, "guestpanectl: %s: %s\n", subject, json_object_get_string(error));
	}
	bool ok = reply != NULL && error == NULL;
	json_object_put(reply);
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
