#ifndef GP_TESTS_HARNESS_CASES_H
#define GP_TESTS_HARNESS_CASES_H

#include <stddef.h>

#include "tests/harness/host.h"

/**
 * Test cases that need a host each. A case that fails shows the programs' logs; a case passes only
 * if the programs that still run at its end stop cleanly (under a sanitizer: without a leak).
 */

#define CASE_WIDTH 640 // of each output, pixels
#define CASE_HEIGHT 480

struct host_case {
	const char *name;
	void (*run)(struct host *host);
	unsigned outputs; // of the compositor, 0: the case starts it
};

/* Runs those whose name matches the pattern (NULL: all) as a cmocka group; its status. */
int cases_run(const char *group, const struct host_case *cases, size_t n, const char *pattern);

/* Skips the rest of the case, telling why. Does not return. */
void case_skip(struct host *host, const char *reason);

#endif
