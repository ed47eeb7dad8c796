#ifndef GP_COMMON_TIMING_H
#define GP_COMMON_TIMING_H

#include <stdint.h>

#include "common/monitor.h"

/**
 * The timing of a mode: VESA CVT 1.1 with reduced blanking. The sync is positive in h, negative in
 * v.
 */

#define GP_TIMING_HFRONT 48 // pixels
#define GP_TIMING_HSYNC 32
#define GP_TIMING_VFRONT 3 // lines

struct gp_timing {
	uint32_t clock; // 10 kHz
	uint32_t hactive, hblank, vactive, vblank, vsync;
};

/* The mode must have a refresh, and be of 64 to GP_DIMENSION_MAX pixels. */
struct gp_timing gp_timing_from_mode(const struct gp_mode *mode);

#endif
