/*
 * Runs a fuzz target without libFuzzer: a fixed sequence of inputs, each of them a mutated seed
 * that depends on its number alone.
 *
 *     fuzz_NAME NAME              runs for some seconds, and says how many inputs that were (TAP)
 *     fuzz_NAME NAME COUNT        runs inputs 0 to COUNT - 1
 *     fuzz_NAME NAME --only N     runs input N: what to do with the number of a crash
 *     fuzz_NAME NAME --file PATH  runs the bytes of a file
 */

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 4096
#define RUN_NS UINT64_C(5000000000)
#define SEEDS_MAX 64

#pragma weak gp_fuzz_seed

void __sanitizer_set_death_callback(void (*callback)(void));
#pragma weak __sanitizer_set_death_callback

static struct {
	uint8_t bytes[INPUT_MAX];
	size_t size;
} seeds[SEEDS_MAX];
static unsigned n_seeds;

static uint64_t random_state;
static unsigned long current;
static const char *target;

/* xorshift64* */
static uint32_t next_random(void) {
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)(random_state * UINT64_C(2685821657736338717) >> 32);
}

static size_t below(size_t limit) {
	return limit == 0 ? 0 : next_random() % limit;
}

static void collect_seeds(void) {
	while (gp_fuzz_seed != NULL && n_seeds < SEEDS_MAX) {
		size_t size = gp_fuzz_seed(n_seeds, seeds[n_seeds].bytes, INPUT_MAX);
		if (size == 0) {
			break;
		}
		seeds[n_seeds++].size = size;
	}
}

struct input {
	uint8_t bytes[INPUT_MAX];
	size_t size;
};

static void start_random(struct input *input) {
	input->size = 1 + below(below(8) == 0 ? INPUT_MAX - 1 : 400);
	for (size_t i = 0; i < input->size; i++) {
		input->bytes[i] = (uint8_t)next_random();
	}
}

static void start_seed(struct input *input) {
	size_t seed = below(n_seeds);
	memcpy(input->bytes, seeds[seed].bytes, seeds[seed].size);
	input->size = seeds[seed].size;
}

static void overwrite(struct input *input) {
	static const uint64_t values[] = {0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 4095, 4096,
		32767, 32768, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
		UINT64_C(0x100000000), UINT64_MAX - 4095, UINT64_MAX};
	uint64_t value = values[below(sizeof(values) / sizeof(values[0]))];
	size_t width = (size_t)1 << below(4);
	if (width <= input->size) {
		memcpy(input->bytes + below(input->size - width + 1), &value, width);
	}
}

static void insert(struct input *input, const uint8_t *bytes, size_t size) {
	size_t at = below(input->size + 1);
	if (size > INPUT_MAX - input->size) {
		size = INPUT_MAX - input->size;
	}
	memmove(input->bytes + at + size, input->bytes + at, input->size - at);
	memcpy(input->bytes + at, bytes, size);
	input->size += size;
}

static void insert_random(struct input *input) {
	uint8_t bytes[16];
	size_t size = 1 + below(sizeof(bytes));
	for (size_t i = 0; i < size; i++) {
		bytes[i] = (uint8_t)next_random();
	}
	insert(input, bytes, size);
}

static void insert_of_seed(struct input *input) {
	if (n_seeds > 0) {
		size_t seed = below(n_seeds), from = below(seeds[seed].size);
		insert(input, seeds[seed].bytes + from, 1 + below(seeds[seed].size - from));
	}
}

static void repeat(struct input *input) {
	uint8_t bytes[INPUT_MAX];
	size_t from = below(input->size), size = below(input->size - from);
	memcpy(bytes, input->bytes + from, size);
	insert(input, bytes, size);
}

static void cut(struct input *input) {
	size_t from = below(input->size), size = below(input->size - from);
	memmove(input->bytes + from, input->bytes + from + size, input->size - from - size);
	input->size -= size;
}

static void mutate(struct input *input) {
	switch (below(7)) {
	case 0:
		if (input->size > 0) {
			input->bytes[below(input->size)] ^= (uint8_t)(1u << below(8));
		}
		break;
	case 1:
		if (input->size > 0) {
			input->bytes[below(input->size)] = (uint8_t)next_random();
		}
		break;
	case 2:
		overwrite(input);
		break;
	case 3:
		insert_random(input);
		break;
	case 4:
		insert_of_seed(input);
		break;
	case 5:
		repeat(input);
		break;
	default:
		cut(input);
		break;
	}
}

static void run_number(unsigned long number) {
	struct input input;
	random_state = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	current = number;
	if (n_seeds == 0 || below(10) == 0) {
		start_random(&input);
	} else {
		start_seed(&input);
	}
	// The seeds come first as they are.
	if (number < n_seeds) {
		memcpy(input.bytes, seeds[number].bytes, seeds[number].size);
		input.size = seeds[number].size;
	} else {
		for (size_t n = below(12); n > 0; n--) {
			mutate(&input);
		}
	}
	// A copy of its own size, so that reading past its end is seen.
	uint8_t *exact = malloc(input.size > 0 ? input.size : 1);
	memcpy(exact, input.bytes, input.size);
	LLVMFuzzerTestOneInput(exact, input.size);
	free(exact);
}

static int run_file(const char *path) {
	struct input input;
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		return 1;
	}
	input.size = fread(input.bytes, 1, INPUT_MAX, file);
	fclose(file);
	LLVMFuzzerTestOneInput(input.bytes, input.size);
	return 0;
}

static void tell_death(void) {
	char line[160];
	int n = snprintf(line, sizeof(line), "not ok 1 - %s: input %lu (again with --only %lu)\n",
		target, current, current);
	ssize_t written = write(STDOUT_FILENO, line, (size_t)n);
	(void)written;
}

static void handle_signal(int signum) {
	tell_death();
	signal(signum, SIG_DFL);
	raise(signum);
}

static void watch_for_death(void) {
	if (__sanitizer_set_death_callback != NULL) {
		__sanitizer_set_death_callback(tell_death);
		signal(SIGABRT, handle_signal);
		return;
	}
	static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], handle_signal);
	}
}

int main(int argc, char **argv) {
	target = argc > 1 ? argv[1] : "fuzz";
	if (argc > 3 && strcmp(argv[2], "--file") == 0) {
		return run_file(argv[3]);
	}
	collect_seeds();
	if (argc > 3 && strcmp(argv[2], "--only") == 0) {
		run_number(strtoul(argv[3], NULL, 10));
		return 0;
	}
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0, done = 0;
	printf("1..1\n");
	fflush(stdout);
	watch_for_death();
	uint64_t end = gp_now_ns() + RUN_NS;
	while (count > 0 ? done < count : gp_now_ns() < end) {
		run_number(done++);
	}
	printf("ok 1 - %s: %lu inputs\n", target, done);
	return 0;
}
