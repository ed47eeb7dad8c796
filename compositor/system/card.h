#ifndef GP_COMPOSITOR_SYSTEM_CARD_H
#define GP_COMPOSITOR_SYSTEM_CARD_H

#include <stdbool.h>

/**
 * Whether wlroots would open a seat and its graphics cards, and be no window of another compositor
 * nor headless, by the environment (wlr_backend_autocreate).
 */
bool gp_card_is_wanted(void);
/* Whether there is one, or the user has named one. wlroots would wait for the first for 10 s. */
bool gp_card_exists(void);

#endif
