#include "tests/harness/cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct fixture {
	const struct host_case *test;
	struct host host;
	bool quiet; // passed or skipped
};

static struct fixture current;

static int setup(void **state) {
	current = (struct fixture){.test = *state};
	if (!host_init(&current.host)) {
		return -1;
	}
	if (current.test->outputs > 0 &&
		!host_start_compositor(
			&current.host, current.test->outputs, CASE_WIDTH, CASE_HEIGHT, NULL)) {
		host_print_logs(&current.host);
		host_finish(&current.host);
		return -1;
	}
	return 0;
}

static int teardown(void **state) {
	if (!current.quiet) {
		host_print_logs(&current.host);
	}
	return host_finish(&current.host) ? 0 : -1;
}

static void run(void **state) {
	current.test->run(&current.host);
	current.quiet = true;
}

int cases_run(const char *group, const struct host_case *cases, size_t n, const char *pattern) {
	struct CMUnitTest *tests = calloc(n, sizeof(*tests));
	if (!tests) {
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		tests[i] =
			(struct CMUnitTest){cases[i].name, run, setup, teardown, (void *)&cases[i]};
	}
	cmocka_set_test_filter(pattern);
	int failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	free(tests);
	return failed != 0;
}

void case_skip(struct host *host, const char *reason) {
	printf("# skipped: %s\n", reason);
	fflush(stdout);
	current.quiet = true;
	skip();
}
