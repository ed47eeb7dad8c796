#ifndef GP_COMPOSITOR_GUEST_MANAGER_V1_H
#define GP_COMPOSITOR_GUEST_MANAGER_V1_H

#include <stdbool.h>

struct gp_guest_manager;
struct wl_display;

/**
 * The global guest_scanout_manager_v1. It is privileged: compositor/system/security.h decides who
 * sees it.
 */

/* Makes the global. Returns false after logging. */
bool gp_guest_manager_v1_init(struct gp_guest_manager *manager, struct wl_display *display);
/* After all clients were destroyed. A manager that is all zeros is fine. */
void gp_guest_manager_v1_finish(struct gp_guest_manager *manager);

#endif
