#ifndef GP_VMM_BRIDGE_PASSED_H
#define GP_VMM_BRIDGE_PASSED_H

#include "common/service.h"
#include "vmm-bridge/seat/inputs.h"

#define GP_PASSED_ARGS_MAX 200 // of the program, with those that are added
#define GP_PASSED_TEXT_MAX 160

/**
 * Listening sockets that the service manager passes. Each is for the device that its name, or the
 * last part of its path, means: gpu, keyboard, tablet, mouse, touch or pen, or tablet-0 for the
 * tablet of scanout 0; with ".sock" at the end of a path. They are added to the program's arguments
 * as --socket-path and --input, so that workers, which get these arguments, have the same devices.
 */
struct gp_passed {
	struct gp_service *service;
	char *argv[GP_PASSED_ARGS_MAX + 1]; // ends with NULL
	int argc;
	char texts[1 + GP_INPUTS_MAX][GP_PASSED_TEXT_MAX]; // the first n_texts; argv points to them
	size_t n_texts;
};

/**
 * All must stay valid. Sockets of no device are closed, after logging. Returns false if there are
 * too many arguments.
 */
bool gp_passed_init(struct gp_passed *passed, struct gp_service *service, int argc, char *argv[]);
/* Whether one that listens at the path was passed, and not taken. */
bool gp_passed_has(const struct gp_passed *passed, const char *path);
/* The socket that listens at the path, which is the caller's then; -1: none was passed. */
int gp_passed_take(struct gp_passed *passed, const char *path);

#endif
