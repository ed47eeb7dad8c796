#ifndef GP_COMPOSITOR_OUTPUT_INFO_H
#define GP_COMPOSITOR_OUTPUT_INFO_H

struct gp_monitor_info;
struct gp_output;

/* The monitor that the guests on this output shall see. */
void gp_output_info_get(const struct gp_output *output, struct gp_monitor_info *info);
/* One that is not connected, of that size. */
void gp_output_info_get_default(int width, int height, struct gp_monitor_info *info);

#endif
