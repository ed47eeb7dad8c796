#ifndef GP_COMPOSITOR_SYSTEM_BRIDGE_BOUNDS_H
#define GP_COMPOSITOR_SYSTEM_BRIDGE_BOUNDS_H

#include <stdbool.h>

struct wl_display;

/**
 * Bounds on what the requests of a bridge cost, where wlroots has none (common/limits.h):
 * rectangles of damage and of regions, each of which makes the next one more expensive, and commits
 * that wait. Those on the number of objects are in bridge_client.h.
 */

/* Looks at the requests of all bridges, before wlroots does. Returns false after logging. */
bool gp_bridge_bounds_init(struct wl_display *display);

#endif
