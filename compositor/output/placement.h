#ifndef GP_COMPOSITOR_OUTPUT_PLACEMENT_H
#define GP_COMPOSITOR_OUTPUT_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_guest_manager;
struct gp_output;
struct gp_settings;
struct wlr_scene;

/**
 * Which scanout is on which output: the one that the configuration pins it to, or else scanout k
 * of each guest goes to the output with slot k. Slots are given to outputs as they come, lowest first, so that an output that is plugged in again
 * takes the place that it left.
 *
 * This is where the protocol and the scene meet: a view is made for each new scanout.
 */
struct gp_placement {
	const struct gp_settings *settings;
	struct wlr_scene *hidden; // of no output; holds the views that have none
	struct wl_list outputs; // gp_output.link, by slot
	struct wl_list views; // gp_view.link, oldest first
	uint64_t stamp;
	bool is_paused; // outputs are away: guests keep the monitors that they were told of
	int default_width, default_height; // of the monitor of a scanout that has no output

	struct wl_listener new_scanout;
	struct wl_listener memory_wanted;
};

/* The settings must be there. Returns false if memory is short. */
bool gp_placement_init(struct gp_placement *placement, struct gp_guest_manager *manager);
/* After all outputs and views have gone. A placement that is all zeros is fine. */
void gp_placement_finish(struct gp_placement *placement);

/* Gives the output a slot and the views that belong there. */
void gp_placement_add_output(struct gp_placement *placement, struct gp_output *output);
void gp_placement_remove_output(struct gp_placement *placement, struct gp_output *output);
/* Tells the guests on the output about its monitor, after it has changed. */
void gp_placement_send_monitor(struct gp_placement *placement, struct gp_output *output);

/* Follows the settings, which have changed. */
void gp_placement_update(struct gp_placement *placement);
/**
 * Shows the next guest that has a picture for the output. Returns false if there is no other one.
 */
bool gp_placement_next_guest(struct gp_placement *placement, struct gp_output *output);

/* A number that increases with each call: an order of events. */
uint64_t gp_placement_stamp(struct gp_placement *placement);

#endif
