#ifndef GP_COMPOSITOR_OUTPUT_POWER_H
#define GP_COMPOSITOR_OUTPUT_POWER_H

#include <stdbool.h>
#include <wayland-server-core.h>

#include "compositor/output/output.h"

struct gp_outputs;
struct wlr_output_power_manager_v1;

/**
 * Whether outputs are on. One sleeps some time after the guest in front has switched its scanout
 * off, and all do when nobody is at the seat (seat/idle.h); input wakes it, and a guest that shows
 * something again. One that was switched off, by guestpanectl or wlr-output-power-management
 * (wlopm), stays off until it is switched on.
 *
 * wlr_output.enabled is false then, but for guests nothing has changed: their monitor stays
 * connected, the output stays where it is in the layout, and the guest in front keeps the focus.
 * Its frames are hidden ones. A window is always on: unmapped, it would have no input to wake it.
 */
struct gp_output_power {
	struct gp_outputs *outputs;
	struct wlr_output_power_manager_v1 *manager; // NULL before init

	struct wl_listener set_mode;
	struct wl_listener output_added;
	struct wl_listener output_removed;
	struct wl_listener output_shown;
};

/* Returns false if memory is short. */
bool gp_output_power_init(
	struct gp_output_power *power, struct wl_display *display, struct gp_outputs *outputs);
/* After all outputs. One that is all zeros is fine. */
void gp_output_power_finish(struct gp_output_power *power);

/**
 * Returns false, after logging, if the output refuses. One that was to wake is off then, so that it
 * is not tried with each event of a mouse.
 */
bool gp_output_set_power(struct gp_output *output, enum gp_power power);
/* "on", "asleep" or "off"; also for an output that is disabled. */
const char *gp_output_power_name(const struct gp_output *output);

/**
 * There was input at an output, or beside all of them (NULL). Wakes all that sleep, but an output
 * whose guest has its scanout off only if the input is there: the user may work with another one.
 */
void gp_outputs_note_input(struct gp_outputs *outputs, struct gp_output *at);
void gp_outputs_sleep(struct gp_outputs *outputs);
void gp_outputs_wake(struct gp_outputs *outputs);

#endif
