#ifndef GP_COMPOSITOR_OUTPUT_HUD_H
#define GP_COMPOSITOR_OUTPUT_HUD_H

#include <stdbool.h>
#include <stdint.h>

#include "compositor/output/frame_path.h"

struct gp_view;

#define GP_HUD_TEXT_MAX 400
#define GP_HUD_PERIOD_NS UINT64_C(1000000000)

/**
 * What the overlay of an output says of the frames that it shows. The overlay is in the way of a
 * plane, so it also says which path frames took while nothing lay over them.
 */
struct gp_hud {
	uint64_t start_ns; // of the period that is counted
	uint64_t n_frames, latency_ns; // in it: new frames, and the sum of their latencies
	uint32_t rate_mhz; // of the period before
	uint32_t latency_us; // the mean of that
	uint32_t path,
		bare_path; // enum guest_scanout_v1_path: of the last frame, and without a label
	char reason[GP_PATH_REASON_MAX], bare_reason[GP_PATH_REASON_MAX];
};

/**
 * A frame is on the monitor. bare: nothing of ours lay over it. latency_ns: since the guest's
 * commit, if the frame is new; 0 if it is not.
 */
void gp_hud_count(
	struct gp_hud *hud, uint32_t path, const char *reason, bool bare, uint64_t latency_ns);
/* Writes some lines about the view, which may be NULL. Ends the period if it is over. */
void gp_hud_print(struct gp_hud *hud, const struct gp_view *view, uint64_t now_ns,
	char text[GP_HUD_TEXT_MAX]);

#endif
