#ifndef GP_COMPOSITOR_GUEST_MANAGER_H
#define GP_COMPOSITOR_GUEST_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "compositor/memory/importer.h"

/**
 * The global guest_scanout_manager_v1. Its objects are the protocol's, one file for each; those
 * who show what they bring listen to events here, on guests and on scanouts.
 *
 * Who may see the global is up to the owner of the display.
 */
struct gp_guest_manager {
	struct wl_global *global;
	struct gp_importer importer;

	struct wl_list guests; // gp_guest.link, oldest first
	bool is_paused;

	struct {
		/* Before the scanout's first monitor batch, which the listener has to send. */
		struct wl_signal new_scanout; // struct gp_guest_scanout
		struct wl_signal leds; // struct gp_guest
		/* Memory that a client wants back is still used by an output. */
		struct wl_signal awaited; // struct gp_blob_memory
	} events;
};

/* Returns false after logging if the global cannot be made. */
bool gp_guest_manager_init(struct gp_guest_manager *manager, struct wl_display *display,
	struct wlr_renderer *renderer);
/**
 * While paused nothing is shown and no output reads a buffer, though some may be locked: a plane
 * that is not ours keeps its last one until it gets another. So nobody has to wait for that.
 */
void gp_guest_manager_set_paused(struct gp_guest_manager *manager, bool paused);
/* After all clients have gone. A manager that is all zeros is fine. */
void gp_guest_manager_finish(struct gp_guest_manager *manager);

#endif
