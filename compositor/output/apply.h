#ifndef GP_COMPOSITOR_OUTPUT_APPLY_H
#define GP_COMPOSITOR_OUTPUT_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <wlr/types/wlr_output.h>

struct gp_output;
struct wlr_backend_output_state;
struct wlr_box;

/* Changes of an output's mode, transform, scale and position. */

/* The state that guests and clients see as the monitor's. */
#define GP_MONITOR_STATE                                                                           \
	(WLR_OUTPUT_STATE_MODE | WLR_OUTPUT_STATE_TRANSFORM | WLR_OUTPUT_STATE_ENABLED)

/* Enables a new output, in the preferred mode if that works. Returns false if no mode does. */
bool gp_output_enable(struct gp_output *output);
/**
 * Commits states of outputs (mode, transform, enabled, adaptive sync) together with what these
 * show, so that there is no black frame: all of them, or none. A test only asks whether that would
 * work. The states are put in another order, and what does not change is removed from them; they
 * stay the caller's.
 */
bool gp_outputs_commit(struct wlr_backend_output_state *states, size_t n_states, bool test);
/* The same for one output. */
bool gp_output_commit_state(struct gp_output *output, struct wlr_output_state *state);
/* Puts it into the layout, or moves it there; NULL for the next free position. */
void gp_output_update_layout(struct gp_output *output, const struct wlr_box *position);
/* Applies what the configuration says. Returns false, after logging, if the output refuses it. */
bool gp_output_apply_settings(struct gp_output *output);

#endif
