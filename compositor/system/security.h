#ifndef GP_COMPOSITOR_SYSTEM_SECURITY_H
#define GP_COMPOSITOR_SYSTEM_SECURITY_H

#include <stdbool.h>

struct wl_display;

/**
 * Which client sees which global. Bridges see what they need to show a guest and to give it input,
 * and nothing of other guests or of the outputs. Ordinary clients see all but the global
 * that shows guests.
 */

/* Sets the global filter of the display. */
void gp_security_init(struct wl_display *display);
/* Whether a client sees globals of the interface. */
bool gp_security_shows(bool bridge, const char *interface);

#endif
