#ifndef GP_COMMON_READ_TEXT_H
#define GP_COMMON_READ_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Reads a small file, of /proc or /sys mostly, as a string: up to size - 1 bytes of it. path is
 * below dir, a descriptor or AT_FDCWD. False, with an empty string, if it cannot be opened.
 */
bool gp_read_text(int dir, const char *path, char *out, size_t size);

#endif
