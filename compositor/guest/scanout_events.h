#ifndef GP_COMPOSITOR_GUEST_SCANOUT_EVENTS_H
#define GP_COMPOSITOR_GUEST_SCANOUT_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

struct gp_guest_scanout;
struct gp_monitor;

/**
 * Events of guest_scanout_v1. Each function sends what has changed since its last call.
 */

void gp_guest_scanout_send_monitor(
	struct gp_guest_scanout *scanout, const struct gp_monitor *monitor);
void gp_guest_scanout_send_visibility(struct gp_guest_scanout *scanout, bool visible);
/*
 * path is of enum guest_scanout_v1_path; reason says why it is not a better one, and may be empty.
 */
void gp_guest_scanout_send_path(
	struct gp_guest_scanout *scanout, uint32_t path, const char *reason);

#endif
