#include "bench/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t run_now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns) {
	struct timespec at = {
		.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
	}
}

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* The sample that so many of a thousand are not above. */
static double permille_us(const uint64_t *sorted, uint32_t n, uint32_t permille) {
	return (double)sorted[(uint64_t)(n - 1) * permille / 1000] / 1000;
}

static void print_figures(uint64_t *samples, uint32_t n, double seconds) {
	qsort(samples, n, sizeof(*samples), compare);
	printf("ok {\"count\": %u, \"seconds\": %.6f, \"p50\": %.3f, \"p99\": %.3f, "
	       "\"max\": %.3f}\n",
		n, seconds, permille_us(samples, n, 500), permille_us(samples, n, 990),
		permille_us(samples, n, 1000));
}

bool run_steps(const struct run *run, run_step_fn step, void *data) {
	static uint32_t number; // goes on, so that a new run flips to another buffer
	uint64_t period = (uint64_t)run->period_us * 1000;
	uint64_t *samples = calloc(run->count + 1, sizeof(*samples));
	uint64_t start = run_now_ns(), tick = start;
	bool ok = samples != NULL && run->count > 0;
	for (uint32_t i = 0; ok && i < run->count; i++) {
		uint64_t now = run_now_ns();
		if (period != 0) {
			tick += period;
			if (tick < now) {
				tick += (now - tick + period - 1) / period * period;
			}
			uint64_t late =
				run->jitter_us != 0 ? (uint64_t)rand() % run->jitter_us * 1000 : 0;
			sleep_until(tick + late);
		}
		uint64_t begin = run_now_ns();
		ok = step(data, number++, &begin);
		samples[i] = run_now_ns() - begin;
	}
	if (ok) {
		print_figures(samples, run->count, (double)(run_now_ns() - start) / 1e9);
	}
	free(samples);
	return ok;
}

int run_lines(bool (*obey)(void *data, const char *line), void *data) {
	char line[256];
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ok {}");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (!obey(data, line)) {
			printf("error: %s\n", line);
		}
	}
	return 0;
}
