#ifndef GP_COMPOSITOR_DESKTOP_TOPLEVELS_H
#define GP_COMPOSITOR_DESKTOP_TOPLEVELS_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct gp_focus;
struct gp_guest_manager;
struct gp_guest_scanout;
struct gp_placement;
struct wlr_ext_foreign_toplevel_handle_v1;
struct wlr_ext_foreign_toplevel_list_v1;
struct wlr_foreign_toplevel_manager_v1;

/**
 * Guests as a taskbar sees windows: a toplevel for each scanout that is placed on an output, by
 * ext-foreign-toplevel-list-v1 and wlr-foreign-toplevel-management-unstable-v1. Its application is
 * the guest's name, its title the guest's; it is activated while it is in front of its output and
 * its guest has the focus. To activate it is to bring it to the front, as the hotkey does.
 */
struct gp_toplevels {
	struct wl_event_loop *loop;
	struct gp_placement *placement;
	const struct gp_focus *focus;
	struct wlr_ext_foreign_toplevel_list_v1 *ext; // NULL before init
	struct wlr_foreign_toplevel_manager_v1 *wlr;
	struct wl_list list; // toplevel.link
	struct wl_event_source *update; // pending, or NULL

	struct wl_listener new_scanout;
	struct wl_listener output_shown;
	struct wl_listener output_removed;
	struct wl_listener focus_changed;
};

/* What is passed must have been made, and the display's outputs stay longer. False: no memory. */
bool gp_toplevels_init(struct gp_toplevels *toplevels, struct wl_display *display,
	struct gp_guest_manager *guests, struct gp_placement *placement, struct gp_focus *focus);
/* After all clients, before the placement. One that is all zeros is fine. */
void gp_toplevels_finish(struct gp_toplevels *toplevels);

/* What a toplevel in the list is of. */
struct gp_guest_scanout *gp_toplevel_get_scanout(
	const struct wlr_ext_foreign_toplevel_handle_v1 *handle);

#endif
