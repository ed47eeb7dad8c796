#ifndef GP_COMMON_RUNTIME_PATH_H
#define GP_COMMON_RUNTIME_PATH_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Writes "$XDG_RUNTIME_DIR/guestpane/<name>" into buf, making the directory guestpane with mode
 * 0700 if it is missing; an empty name gives the directory. Returns false if XDG_RUNTIME_DIR is not
 * set (errno ENOENT), the path does not fit (ENAMETOOLONG) or the directory cannot be made.
 */
bool gp_runtime_path(char *buf, size_t size, const char *name);

#endif
