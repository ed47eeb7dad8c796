#ifndef GP_COMMON_CLOCK_H
#define GP_COMMON_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t gp_now_ns(void);

#endif
