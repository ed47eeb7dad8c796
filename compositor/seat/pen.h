#ifndef GP_COMPOSITOR_SEAT_PEN_H
#define GP_COMPOSITOR_SEAT_PEN_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct gp_focus;
struct gp_pointer;
struct wlr_input_device;
struct wlr_tablet_manager_v2;

/**
 * Pen tablets, which belong to one output each, and their pens. A pen over the picture of another
 * guest takes the pointer there first, and so the focus, unless it is held down; it leaves a guest
 * that loses the focus. To a guest without a pen it is its pointer.
 */
struct gp_pen {
	struct gp_focus *focus;
	struct gp_pointer *pointer;
	struct wlr_tablet_manager_v2 *manager;
	struct wl_list tablets; // struct pen_tablet.link
	struct wl_list tools; // struct pen_tool.link

	struct wl_listener focus_changed;
};

/* Returns false if memory is short; it has to be finished in any case. */
bool gp_pen_init(struct gp_pen *pen, struct wl_display *display, struct gp_pointer *pointer);
/* Takes all pens away. */
void gp_pen_finish(struct gp_pen *pen);
/* A tablet, which leaves when it is destroyed. */
void gp_pen_add(struct gp_pen *pen, struct wlr_input_device *device);

#endif
