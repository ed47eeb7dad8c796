#ifndef GP_COMPOSITOR_OUTPUT_MONITOR_H
#define GP_COMPOSITOR_OUTPUT_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

struct gp_monitor;
struct gp_output;
struct wlr_output;

/* What guests are to know of an output: its monitor. */

/* The refresh in mHz that guests see: the mode's, or 60 Hz where an output has none. */
uint32_t gp_output_refresh_mhz(const struct wlr_output *wlr_output);

/* Whether they have one: an output that sleeps or is switched off is one, a disabled one is not. */
bool gp_monitor_is_connected(const struct gp_output *output);
/* The monitor that the guests on this output shall see. */
void gp_monitor_describe(const struct gp_output *output, struct gp_monitor *monitor);
/* One that is not connected, of that size. */
void gp_monitor_describe_default(int width, int height, struct gp_monitor *monitor);

/* Returns false if memory is short. */
bool gp_output_monitor_init(struct gp_output *output);
/* One that is all zeros is fine. */
void gp_output_monitor_finish(struct gp_output *output);
/* The mode, transform, scale or position has changed: reports it, to guests after a moment. */
void gp_output_monitor_changed(struct gp_output *output);

#endif
