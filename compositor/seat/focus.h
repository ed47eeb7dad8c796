#ifndef GP_COMPOSITOR_SEAT_FOCUS_H
#define GP_COMPOSITOR_SEAT_FOCUS_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_guest;
struct gp_guest_manager;
struct gp_output;
struct gp_outputs;
struct wlr_seat;
struct wlr_surface;

/**
 * Which guest has the keyboard and the pointer: the one in front on the output that the pointer is
 * on, also while its scanout is off. Its bridge gets wl_keyboard and wl_pointer, and nobody else
 * gets anything.
 *
 * The keyboard stays with one of the guest's scanouts, whichever of them the pointer is on.
 */
struct gp_focus {
	struct wlr_seat *wlr_seat;
	struct gp_outputs *outputs;
	struct gp_guest_manager *guests;
	bool given; // to a guest, as of the last event

	struct {
		/* Another guest has the focus, or none, or other surfaces of guests are shown. */
		struct wl_signal changed; // struct gp_focus
	} events;
};

void gp_focus_init(struct gp_focus *focus, struct wlr_seat *wlr_seat, struct gp_outputs *outputs,
	struct gp_guest_manager *guests);

/* The guest that has the focus, or NULL. */
struct gp_guest *gp_focus_get_guest(const struct gp_focus *focus);
/* The output that shows the scanout that has the keyboard, or NULL. */
struct gp_output *gp_focus_get_output(const struct gp_focus *focus);
/* Whether the guest of the surface has the focus, and the surface is shown. */
bool gp_focus_covers(const struct gp_focus *focus, const struct wlr_surface *surface);

/**
 * The output whose guest the pointer belongs to when it is at a layout point, or NULL: the one
 * there, but a guest keeps the pointer while a button is held or the pointer is locked.
 */
struct gp_output *gp_focus_pick(
	const struct gp_focus *focus, double layout_x, double layout_y, bool locked);
/* That rule: under is what is there, old what has the pointer now; both may be NULL. */
struct gp_output *gp_focus_choose(struct gp_output *under, struct gp_output *old, bool held);

/**
 * Moves the pointer to a layout point, over what gp_focus_pick returned, and gives the focus to the
 * guest there.
 */
void gp_focus_move(struct gp_focus *focus, uint32_t time_ms, struct gp_output *output,
	double layout_x, double layout_y);
/* Keys, buttons or fingers were pressed or released: no guest comes to the front meanwhile. */
void gp_focus_update_held(struct gp_focus *focus);
/* Emits changed: other surfaces are shown. */
void gp_focus_handle_shown(struct gp_focus *focus);

#endif
