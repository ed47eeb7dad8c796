#ifndef GP_BENCH_RUN_H
#define GP_BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Repeats a step at a rate, and says how long each took. What bench-guest and bench-floor share:
 * their input is lines, and each is answered by one line, "ok" with figures as a JSON object, or
 * "error" with words.
 */

struct run {
	uint32_t count; // of steps
	uint32_t period_us; // from tick to tick, 0: the next step as soon as the last one is over
	uint32_t jitter_us; // each step is later than its tick by a random time below that
};

/* A step; its time is from *begin_ns, which the step may set anew, to its return. */
typedef bool (*run_step_fn)(void *data, uint32_t number, uint64_t *begin_ns);

/* CLOCK_MONOTONIC. */
uint64_t run_now_ns(void);
/**
 * Runs all steps and prints the answer. A step that is not over at the next tick misses that tick,
 * as a guest does that has a vblank timer. False, and nothing is printed, if a step failed.
 */
bool run_steps(const struct run *run, run_step_fn step, void *data);
/**
 * Says "ok" for the start, and reads lines until the end of input; obey answers, or returns false:
 * then "error" is printed.
 */
int run_lines(bool (*obey)(void *data, const char *line), void *data);

#endif
