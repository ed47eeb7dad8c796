#ifndef GP_TESTS_HARNESS_PROGRAM_H
#define GP_TESTS_HARNESS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A program that a test has started (host.h), until its end. */
struct program {
	pid_t pid; // 0: not running
	int pidfd; // -1: not running
	char name[24];
	char control[96]; // its control socket
	char log[96]; // its output; a restarted program goes on in the same file
};

/* SIGTERM and wait; the exit status, or -1 if it had to be killed or died of a signal. */
int host_stop(struct program *program);
/* SIGKILL, and waits for its end and that of its worker. */
void host_kill(struct program *program);
/* Whether it still runs. */
bool host_alive(const struct program *program);
/* How often a program has waited so far. */
uint64_t host_count_wakeups(const struct program *program);
/**
 * Open descriptors of a program: the least seen for 200 ms, as clients that have gone may be
 * noticed a moment later.
 */
unsigned host_count_fds(const struct program *program);
/* Waits until there are not more than so many. */
bool host_wait_fds(const struct program *program, unsigned count, int timeout_ms);

/* Waits for its end; the exit status, -1 for a signal. */
int program_reap(struct program *program);
bool program_ended_within(const struct program *program, int timeout_ms);

/* A connection to a socket by path, or -1. */
int program_connect(const char *path);
/* A line of TAP diagnostics. */
void program_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* CLOCK_MONOTONIC, and a pause, both in milliseconds. */
uint64_t host_now_ms(void);
void host_sleep_ms(unsigned ms);

#endif
