#ifndef GP_COMPOSITOR_SEAT_SEAT_H
#define GP_COMPOSITOR_SEAT_SEAT_H

#include <stdbool.h>
#include <wayland-server-core.h>

#include "compositor/seat/focus.h"
#include "compositor/seat/grab.h"
#include "compositor/seat/idle.h"
#include "compositor/seat/keyboard.h"
#include "compositor/seat/pen.h"
#include "compositor/seat/pointer.h"
#include "compositor/seat/shortcut.h"
#include "compositor/seat/touch.h"

struct gp_guest_manager;
struct gp_outputs;
struct gp_placement;
struct wlr_backend;
struct wlr_seat;

/**
 * The seat: its devices, which of them a guest gets, and which guest.
 */
struct gp_seat {
	struct wlr_seat *wlr_seat; // NULL before init and after finish
	struct wl_event_loop *loop;
	struct gp_focus focus;
	struct gp_pointer pointer;
	struct gp_grab grab;
	struct gp_shortcut shortcut;
	struct gp_keyboard keyboard;
	struct gp_touch touch;
	struct gp_pen pen;
	struct gp_idle idle;
	struct wl_event_source *update; // of the focus, pending; or NULL

	struct wl_listener output_shown;
	struct wl_listener output_removed;
	struct wl_listener new_input;
	struct wl_listener new_virtual_keyboard;
	struct wl_listener new_virtual_pointer;
};

/**
 * Returns false if memory is short. The seat must be all zeros, and finished in any case. The
 * backend must not have been started; all else must have been made and has to stay longer than the
 * seat.
 */
bool gp_seat_init(struct gp_seat *seat, struct wl_display *display, struct wlr_backend *backend,
	struct gp_outputs *outputs, struct gp_placement *placement,
	struct gp_guest_manager *guests);
/* Before the backend is destroyed. A seat that is all zeros is fine. */
void gp_seat_finish(struct gp_seat *seat);

int gp_seat_count_devices(const struct gp_seat *seat);

#endif
