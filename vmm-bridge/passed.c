#include "vmm-bridge/passed.h"

#include <stdio.h>
#include <string.h>

#include "common/fd.h"

static bool add_argument(struct gp_passed *passed, const char *text) {
	if (passed->argc == GP_PASSED_ARGS_MAX) {
		return false;
	}
	passed->argv[passed->argc++] = (char *)text;
	return true;
}

static bool is_kind(const char *name, size_t length) {
	for (int kind = 0; kind < GP_INPUT_KINDS; kind++) {
		const char *known = gp_input_kind_name(kind);
		if (strlen(known) == length && memcmp(known, name, length) == 0) {
			return true;
		}
	}
	return false;
}

/* Makes an option of a name with the suffix. Returns whether it is that of a device. */
static bool add_device(
	struct gp_passed *passed, const char *path, const char *name, const char *suffix) {
	size_t length = strlen(name), n_suffix = strlen(suffix);
	if (length < n_suffix || strcmp(name + length - n_suffix, suffix) != 0) {
		return false;
	}
	length -= n_suffix;
	if (length == 3 && memcmp(name, "gpu", length) == 0) {
		return add_argument(passed, "--socket-path") && add_argument(passed, path);
	}
	const char *dash = memchr(name, '-', length);
	size_t n_kind = dash != NULL ? (size_t)(dash - name) : length;
	if (!is_kind(name, n_kind) || passed->n_texts == 1 + GP_INPUTS_MAX) {
		return false;
	}
	char *text = passed->texts[passed->n_texts];
	int n = snprintf(text, GP_PASSED_TEXT_MAX, "%.*s%s%.*s=%s", (int)n_kind, name,
		dash != NULL ? ":" : "", dash != NULL ? (int)(length - n_kind - 1) : 0,
		dash != NULL ? dash + 1 : "", path);
	if (n >= GP_PASSED_TEXT_MAX) {
		return false;
	}
	passed->n_texts++;
	return add_argument(passed, "--input") && add_argument(passed, text);
}

bool gp_passed_init(struct gp_passed *passed, struct gp_service *service, int argc, char *argv[]) {
	*passed = (struct gp_passed){.service = service};
	for (int i = 0; i < argc; i++) {
		if (!add_argument(passed, argv[i])) {
			return false;
		}
	}
	for (size_t i = 0; i < service->n_sockets; i++) {
		struct gp_service_socket *socket = &service->sockets[i];
		const char *slash = strrchr(socket->path, '/');
		if (slash == NULL) {
			gp_service_refuse_socket(socket, "it has no path");
		} else if (!add_device(passed, socket->path, socket->name, "") &&
			!add_device(passed, socket->path, slash + 1, ".sock")) {
			gp_service_refuse_socket(
				socket, "neither its name nor its path is that of a device");
		}
	}
	return true;
}

static struct gp_service_socket *find(const struct gp_passed *passed, const char *path) {
	for (size_t i = 0; i < passed->service->n_sockets; i++) {
		struct gp_service_socket *socket = &passed->service->sockets[i];
		if (socket->fd != -1 && strcmp(socket->path, path) == 0) {
			return socket;
		}
	}
	return NULL;
}

bool gp_passed_has(const struct gp_passed *passed, const char *path) {
	return find(passed, path) != NULL;
}

int gp_passed_take(struct gp_passed *passed, const char *path) {
	struct gp_service_socket *socket = find(passed, path);
	return socket != NULL ? gp_fd_take(&socket->fd) : -1;
}
