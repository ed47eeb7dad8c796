/*
 * Preloaded into the compositor: its headless outputs take every buffer for scan-out, at no cost, as
 * a plane would. Without this the compositor composites what nobody would see.
 */

#include <stdbool.h>

struct wlr_output;

__attribute__((visibility("default"))) void wlr_output_lock_attach_render(
	struct wlr_output *output, bool lock);

void wlr_output_lock_attach_render(struct wlr_output *output, bool lock) {
}
