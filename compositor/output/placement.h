#ifndef GP_COMPOSITOR_OUTPUT_PLACEMENT_H
#define GP_COMPOSITOR_OUTPUT_PLACEMENT_H

#include <stdbool.h>
#include <wayland-server-core.h>

#include "compositor/view/view.h"

struct gp_guest_manager;
struct gp_output;
struct gp_outputs;

/**
 * Which scanout is on which output: the one that the configuration pins it to; otherwise scanout k
 * of each guest goes to the output with slot k. A new output gets the lowest slot that is free, so
 * that one that is plugged in again takes the slot that it left.
 *
 * This is where the protocol and the scene meet: each new scanout gets a view.
 */
struct gp_placement {
	struct gp_outputs *outputs;
	struct wlr_scene *hidden_scene; // that no output shows
	struct gp_view_target hidden; // in that scene, for views without an output
	struct wl_list views; // gp_view.link, oldest first
	bool paused;

	struct wl_listener view_changed; // of hidden views
	struct wl_listener new_scanout;
	struct wl_listener memory_wanted;
	struct wl_listener output_added;
	struct wl_listener output_removed;
	struct wl_listener output_monitor;
};

/* The outputs and the manager must have been made. Returns false if memory is short. */
bool gp_placement_init(struct gp_placement *placement, struct gp_outputs *outputs,
	struct gp_guest_manager *manager);
/* After all outputs and views. A placement that is all zeros is fine. */
void gp_placement_finish(struct gp_placement *placement);

/**
 * While paused, outputs that are removed will probably be back: their guests keep the monitors that
 * were sent to them. Those of outputs that are not back are disconnected afterwards.
 */
void gp_placement_set_paused(struct gp_placement *placement, bool paused);
/* Follows the settings, which have changed. */
void gp_placement_update(struct gp_placement *placement);
/* Brings the next guest of the output to the front. Returns false if there is none. */
bool gp_placement_next_guest(struct gp_placement *placement, struct gp_output *output);
/**
 * Brings the guest to the front of the output, or of all that it has a scanout on if that is NULL.
 * Returns false if there is none where it can be.
 */
bool gp_placement_show_guest(
	struct gp_placement *placement, const char *guest, struct gp_output *output);

#endif
