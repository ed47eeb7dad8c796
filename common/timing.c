#include "common/timing.h"

#define CLOCK_MIN_HZ 10000000 // readers take less for an invalid descriptor
#define CLOCK_MAX (1 << 24)

#define HBLANK 160
#define HBLANK_MAX 288
#define VBACK_MIN 6
#define VBLANK_MIN_NS 460000

static uint32_t max_u32(uint32_t a, uint32_t b) {
	return a > b ? a : b;
}

/* CVT encodes the aspect ratio in the width of the vertical sync. */
static uint32_t cvt_vsync(const struct gp_mode *mode) {
	static const struct {
		uint32_t x, y, lines;
	} rows[] = {{4, 3, 4}, {16, 9, 5}, {16, 10, 6}, {5, 4, 7}, {15, 9, 7}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (mode->width * rows[i].y == mode->height * rows[i].x) {
			return rows[i].lines;
		}
	}
	return 10;
}

static uint32_t cvt_vblank(const struct gp_mode *mode, uint32_t vsync) {
	uint64_t frame_ps = UINT64_C(1000000000000000) / mode->refresh_mhz;
	uint64_t blank_ps = UINT64_C(1000) * VBLANK_MIN_NS;
	uint64_t line_ps = (frame_ps - blank_ps) / mode->height;
	return max_u32(blank_ps / line_ps + 1, GP_TIMING_VFRONT + vsync + VBACK_MIN);
}

/* Small modes need more lines than CVT says to come to the least clock. */
static uint32_t vblank_for_clock(const struct gp_mode *mode) {
	uint64_t line_mhz = (uint64_t)(mode->width + HBLANK) * mode->refresh_mhz;
	uint64_t vtotal = UINT64_C(1000) * CLOCK_MIN_HZ / line_mhz + 1;
	return vtotal > mode->height ? vtotal - mode->height : 0;
}

/**
 * The clock counts in steps of 10 kHz, which is coarse for small modes: 640x480 wants 23.712 MHz,
 * and 23.71 is 0.008 % off. So the horizontal blanking grows until a step falls within 0.005 % of
 * the wanted refresh (162 pixels in the example); if none does the closest is taken.
 */
struct gp_timing gp_timing_from_mode(const struct gp_mode *mode) {
	struct gp_timing best = {.hactive = mode->width, .vactive = mode->height};
	uint64_t best_error = UINT64_MAX;

	best.vsync = cvt_vsync(mode);
	best.vblank = max_u32(cvt_vblank(mode, best.vsync), vblank_for_clock(mode));
	for (uint32_t hblank = HBLANK; hblank <= HBLANK_MAX; hblank++) {
		const uint64_t step = 10000000; // 10 kHz in mHz
		uint64_t pixels = (uint64_t)(mode->width + hblank) * (mode->height + best.vblank);
		uint64_t wanted = pixels * mode->refresh_mhz;
		uint64_t clock = (wanted + step / 2) / step;
		clock = clock > CLOCK_MAX ? CLOCK_MAX : clock;
		uint64_t error =
			clock * step > wanted ? clock * step - wanted : wanted - clock * step;
		if (error < best_error) {
			best_error = error;
			best.clock = clock;
			best.hblank = hblank;
		}
		if (best_error <= wanted / 20000) {
			break;
		}
	}
	return best;
}
