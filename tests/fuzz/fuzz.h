#ifndef GP_TESTS_FUZZ_FUZZ_H
#define GP_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* What a fuzz target defines. It must not leak, and must do the same for the same input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/**
 * May be defined by a target: writes the seed of that number, at most max bytes, and returns its
 * size; 0 if there are no more. Only driver.c uses it.
 */
size_t gp_fuzz_seed(unsigned number, uint8_t *out, size_t max);

#endif
