#ifndef GP_COMPOSITOR_OUTPUT_MONITOR_H
#define GP_COMPOSITOR_OUTPUT_MONITOR_H

#include <stdint.h>

struct gp_monitor;
struct gp_output;
struct wlr_output;

/* The refresh in mHz that guests are told: the mode's, or 60 Hz where an output has none. */
uint32_t gp_output_refresh_mhz(const struct wlr_output *wlr_output);

/* The monitor that the guests on this output shall see. */
void gp_monitor_info_init(const struct gp_output *output, struct gp_monitor *info);
/* One that is not connected, of that size. */
void gp_monitor_info_init_default(int width, int height, struct gp_monitor *info);

#endif
