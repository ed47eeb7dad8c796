#ifndef GP_COMPOSITOR_OUTPUT_PLACEMENT_H
#define GP_COMPOSITOR_OUTPUT_PLACEMENT_H

#include <stdbool.h>
#include <wayland-server-core.h>

#include "compositor/view/view.h"

struct gp_guest_manager;
struct gp_output;
struct gp_outputs;

/**
 * Which scanout is on which output: the one that the configuration pins it to, or else scanout k
 * of each guest goes to the output with slot k. Slots are given to outputs as they come, lowest first, so that an output that is plugged in again
 * takes the place that it left.
 *
 * This is where the protocol and the scene meet: a view is made for each new scanout.
 */
struct gp_placement {
	struct gp_outputs *outputs;
	struct wlr_scene *hidden_scene; // of no output
	struct gp_view_target hidden; // the same: of the views that have no output
	struct wl_list views; // gp_view.link, oldest first
	bool paused; // set by the owner: outputs are away: guests keep the monitors that they were told of

	struct wl_listener view_changed; // of hidden views
	struct wl_listener new_scanout;
	struct wl_listener memory_wanted;
	struct wl_listener output_added;
	struct wl_listener output_removed;
	struct wl_listener output_monitor;
};

/* The settings must be there. Returns false if memory is short. */
bool gp_placement_init(struct gp_placement *placement, struct gp_outputs *outputs,
	struct gp_guest_manager *manager);
/* After all outputs and views have gone. A placement that is all zeros is fine. */
void gp_placement_finish(struct gp_placement *placement);

/* Follows the settings, which have changed. */
void gp_placement_update(struct gp_placement *placement);
/**
 * Shows the next guest that has a picture for the output. Returns false if there is no other one.
 */
bool gp_placement_next_guest(struct gp_placement *placement, struct gp_output *output);

#endif
