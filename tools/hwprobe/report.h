#ifndef GP_TOOLS_HWPROBE_REPORT_H
#define GP_TOOLS_HWPROBE_REPORT_H

#include <stdbool.h>

/**
 * Results of attempts, as lines on stdout: "  what: ok" or "  what: error N (…)".
 */

/* Prints the result of an attempt; error is 0 or an errno. Returns whether it is 0. */
bool hw_result(int error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
