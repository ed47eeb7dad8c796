#ifndef GP_TESTS_E2E_DESKTOP_H
#define GP_TESTS_E2E_DESKTOP_H

#include <stdio.h>
#include <sys/types.h>

#include "tests/harness/host.h"

/* The desktop that guestpane is a window of (parent.c). Assertions are cmocka's. */
struct desktop {
	pid_t pid;
	int commands;
	FILE *words;
};

/* The next compositor of the host will be its window. */
void desktop_start(struct desktop *desktop, struct host *host);
void desktop_end(struct desktop *desktop);
/* Sends a line. */
void desktop_do(struct desktop *desktop, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Reads lines until one begins so; what follows there is put into a static buffer. */
const char *desktop_expect(struct desktop *desktop, const char *start);
/* The same; before it there must be none that begins with never. */
const char *desktop_expect_without(struct desktop *desktop, const char *start, const char *never);

#endif
