#ifndef GP_COMPOSITOR_OUTPUT_MANAGEMENT_H
#define GP_COMPOSITOR_OUTPUT_MANAGEMENT_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct gp_outputs;
struct wlr_output_manager_v1;

/**
 * wlr-output-management: lets wlr-randr and the like see and change the outputs.
 *
 * The layout is in pixels of the outputs, so each head has a scale of 1 and takes no other: clients
 * place heads by their logical sizes. A request is applied whole or not at all.
 */
struct gp_output_management {
	struct gp_outputs *outputs;
	struct wlr_output_manager_v1 *manager; // NULL before init

	struct wl_listener apply;
	struct wl_listener test;
	struct wl_listener layout_change;
	struct wl_listener output_added;
	struct wl_listener output_removed;
	struct wl_listener output_changed;
};

/* Returns false if memory is short. */
bool gp_output_management_init(struct gp_output_management *management, struct wl_display *display,
	struct gp_outputs *outputs);
void gp_output_management_finish(struct gp_output_management *management);

#endif
