#ifndef GP_COMPOSITOR_SEAT_GRAB_H
#define GP_COMPOSITOR_SEAT_GRAB_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct gp_focus;

/**
 * The grab of the parent compositor's hotkeys: in windows whose guest has the focus it leaves all
 * keys to us. There is no grab if the user does not want it, or has no hotkey to end it with.
 */
struct gp_grab {
	const struct gp_focus *focus;
	bool wanted; // by the user

	struct wl_listener focus_changed;
};

void gp_grab_init(struct gp_grab *grab, struct gp_focus *focus);
void gp_grab_finish(struct gp_grab *grab);

/* The user does not want it any more, or wants it again. */
void gp_grab_toggle(struct gp_grab *grab);
/* The parent may be able to grant now what it was not. */
void gp_grab_update(const struct gp_grab *grab);

#endif
