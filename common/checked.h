#ifndef GP_COMMON_CHECKED_H
#define GP_COMMON_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Arithmetic on values that came from a guest or a client. Each function returns false on
 * overflow and leaves *out undefined.
 */

static inline bool gp_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
	return !__builtin_add_overflow(a, b, out);
}

static inline bool gp_mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
	return !__builtin_mul_overflow(a, b, out);
}

/* Whether [offset, offset + length) lies in [0, size); an empty range at size is inside. */
static inline bool gp_range_inside(uint64_t offset, uint64_t length, uint64_t size) {
	return offset <= size && length <= size - offset;
}

#endif
