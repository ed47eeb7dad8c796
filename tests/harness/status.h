#ifndef GP_TESTS_HARNESS_STATUS_H
#define GP_TESTS_HARNESS_STATUS_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;
struct program;

/* The status document of a program, to be put by the caller, or NULL. */
struct json_object *host_status(const struct program *program);
/* A number in a document by path ("counters.bytes_copied", "outputs.0.width"); -1 if absent. */
int64_t host_number(struct json_object *doc, const char *path);
/* A string; "" if absent. Valid as long as the document. */
const char *host_string(struct json_object *doc, const char *path);
/* Both of a fresh status; the string is put into a static buffer. */
int64_t host_status_number(const struct program *program, const char *path);
const char *host_status_string(const struct program *program, const char *path);
/* Asks for the status until the number (string) is there; false after timeout_ms. */
bool host_wait_number(
	const struct program *program, const char *path, int64_t value, int timeout_ms);
bool host_wait_string(
	const struct program *program, const char *path, const char *value, int timeout_ms);

#endif
