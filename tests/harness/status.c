#include "tests/harness/status.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/harness/program.h"

struct json_object *host_status(const struct program *program) {
	int fd = program_connect(program->control);
	if (fd < 0) {
		program_complain(
			"%s: connect to %s: %s", program->name, program->control, strerror(errno));
		return NULL;
	}
	struct timeval timeout = {.tv_sec = 30}; // emulated machines are slow to start
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	ssize_t n = send(fd, "status\n", 7, MSG_NOSIGNAL);
	char buf[4096];
	while (n > 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		fwrite(buf, 1, (size_t)n, out);
	}
	close(fd);
	fclose(out);
	struct json_object *doc = n == 0 ? json_tokener_parse(text) : NULL;
	if (!doc) {
		program_complain("%s: no status, got \"%s\"", program->name, text);
	}
	free(text);
	return doc;
}

static struct json_object *find(struct json_object *doc, const char *path) {
	char part[64];
	while (doc && *path) {
		size_t length = strcspn(path, ".");
		snprintf(part, sizeof(part), "%.*s", (int)length, path);
		path += length + (path[length] == '.');
		if (json_object_is_type(doc, json_type_array)) {
			doc = json_object_array_get_idx(doc, strtoul(part, NULL, 10));
		} else if (!json_object_object_get_ex(doc, part, &doc)) {
			return NULL;
		}
	}
	return doc;
}

int64_t host_number(struct json_object *doc, const char *path) {
	struct json_object *value = find(doc, path);
	return value ? json_object_get_int64(value) : -1;
}

const char *host_string(struct json_object *doc, const char *path) {
	struct json_object *value = find(doc, path);
	return value ? json_object_get_string(value) : "";
}

int64_t host_status_number(const struct program *program, const char *path) {
	struct json_object *doc = host_status(program);
	int64_t number = host_number(doc, path);
	json_object_put(doc);
	return number;
}

const char *host_status_string(const struct program *program, const char *path) {
	static char text[256];
	struct json_object *doc = host_status(program);
	snprintf(text, sizeof(text), "%s", host_string(doc, path));
	json_object_put(doc);
	return text;
}

bool host_wait_number(
	const struct program *program, const char *path, int64_t value, int timeout_ms) {
	uint64_t end = host_now_ms() + (uint64_t)timeout_ms;
	int64_t number;
	while ((number = host_status_number(program, path)) != value) {
		if (host_now_ms() >= end) {
			program_complain("%s: %s is %jd, not %jd", program->name, path,
				(intmax_t)number, (intmax_t)value);
			return false;
		}
		host_sleep_ms(10);
	}
	return true;
}

bool host_wait_string(
	const struct program *program, const char *path, const char *value, int timeout_ms) {
	uint64_t end = host_now_ms() + (uint64_t)timeout_ms;
	while (strcmp(host_status_string(program, path), value) != 0) {
		if (host_now_ms() >= end) {
			program_complain("%s: %s is \"%s\", not \"%s\"", program->name, path,
				host_status_string(program, path), value);
			return false;
		}
		host_sleep_ms(10);
	}
	return true;
}
