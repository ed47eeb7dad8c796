#ifndef GP_COMMON_MONITOR_H
#define GP_COMMON_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The monitor that a guest sees on one scanout, as the compositor describes it and the bridge hands
 * it on (guest_scanout_v1; common/edid.h).
 */

#define GP_REFRESH_DEFAULT_MHZ 60000 // where it is unknown
#define GP_REFRESH_MIN_MHZ 1000 // what is beyond these makes no sense
#define GP_REFRESH_MAX_MHZ 1000000
#define GP_MONITOR_MODES_MAX 16
#define GP_MONITOR_WORDS_MAX 64 // with the terminating zero

/* The length of a period; mhz may be anything. */
static inline uint64_t gp_refresh_period_ns(uint64_t mhz) {
	mhz = mhz == 0 ? GP_REFRESH_DEFAULT_MHZ : mhz;
	mhz = mhz < GP_REFRESH_MIN_MHZ ? GP_REFRESH_MIN_MHZ : mhz;
	return 1000000000000ull / (mhz > GP_REFRESH_MAX_MHZ ? GP_REFRESH_MAX_MHZ : mhz);
}

struct gp_mode {
	uint32_t width, height; // pixels
	uint32_t refresh_mhz; // 0: unknown
};

struct gp_monitor {
	struct gp_mode modes[GP_MONITOR_MODES_MAX]; // the first is the preferred one
	size_t n_modes; // at least 1
	uint32_t width_mm, height_mm; // 0: unknown
	/* Empty if unknown. */
	char make[GP_MONITOR_WORDS_MAX], model[GP_MONITOR_WORDS_MAX], serial[GP_MONITOR_WORDS_MAX];

	/* Not in an EDID. */
	uint32_t scale_120; // that the user chose on the host, in 120ths; 0: unknown
	uint32_t transform; // enum wl_output_transform; the compositor applies it
	bool connected; // if not, the rest is as it was last
};

#endif
