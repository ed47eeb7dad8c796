#include "compositor/seat/focus.h"

#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_keyboard.h>
#include <wlr/types/wlr_seat.h>

#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/guest/scanout.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/shown.h"
#include "compositor/seat/spot.h"
#include "compositor/view/view.h"

void gp_focus_init(struct gp_focus *focus, struct wlr_seat *wlr_seat, struct gp_outputs *outputs,
	struct gp_guest_manager *guests) {
	focus->wlr_seat = wlr_seat;
	focus->outputs = outputs;
	focus->guests = guests;
	wl_signal_init(&focus->events.changed);
}

struct gp_guest *gp_focus_get_guest(const struct gp_focus *focus) {
	const struct wlr_surface *surface = focus->wlr_seat->keyboard_state.focused_surface;
	const struct gp_guest_scanout *scanout = surface != NULL ? surface->data : NULL;
	return scanout != NULL ? scanout->guest : NULL;
}

struct gp_output *gp_focus_get_output(const struct gp_focus *focus) {
	return gp_spot_find_surface(
		focus->outputs, focus->wlr_seat->keyboard_state.focused_surface);
}

bool gp_focus_covers(const struct gp_focus *focus, const struct wlr_surface *surface) {
	const struct gp_output *output = gp_spot_find_surface(focus->outputs, surface);
	return output != NULL && output->view->scanout->guest == gp_focus_get_guest(focus);
}

static bool same_guest(const struct gp_output *a, const struct gp_output *b) {
	return a->view->scanout->guest == b->view->scanout->guest;
}

struct gp_output *gp_focus_choose(struct gp_output *under, struct gp_output *old, bool held) {
	/* The guest does, but not each of its scanouts. */
	if (held && old != NULL && (under == NULL || !same_guest(under, old))) {
		return old;
	}
	return under;
}

struct gp_output *gp_focus_pick(
	const struct gp_focus *focus, double layout_x, double layout_y, bool locked) {
	const struct wlr_seat_pointer_state *state = &focus->wlr_seat->pointer_state;
	struct gp_output *under = gp_spot_find_output(focus->outputs, layout_x, layout_y);
	return gp_focus_choose(gp_spot_shows_guest(under) ? under : NULL,
		gp_spot_find_surface(focus->outputs, state->focused_surface),
		state->button_count > 0 || locked);
}

static void focus_keyboard(struct gp_focus *focus, const struct gp_output *output) {
	const struct gp_output *old = gp_focus_get_output(focus);
	struct wlr_keyboard *keyboard = wlr_seat_get_keyboard(focus->wlr_seat);
	struct gp_guest *guest;
	if (output != NULL ? old != NULL && same_guest(old, output) : !focus->given) {
		return;
	}
	if (output != NULL) {
		wlr_seat_keyboard_notify_enter(focus->wlr_seat, output->view->scanout->surface,
			keyboard->keycodes, keyboard->num_keycodes, NULL);
	} else {
		wlr_seat_keyboard_notify_clear_focus(focus->wlr_seat);
	}
	focus->given = output != NULL;
	wl_list_for_each (guest, &focus->guests->guests, link) {
		gp_guest_send_focus(guest, guest == gp_focus_get_guest(focus));
	}
	wl_signal_emit_mutable(&focus->events.changed, focus);
}

void gp_focus_move(struct gp_focus *focus, uint32_t time_ms, struct gp_output *output,
	double layout_x, double layout_y) {
	struct wlr_seat *seat = focus->wlr_seat;
	if (output != NULL) {
		double x, y;
		gp_spot_project(focus->outputs, output, layout_x, layout_y, &x, &y);
		/* Not by its notify_enter, which forgets the buttons: one may be held across. */
		wlr_seat_pointer_enter(seat, output->view->scanout->surface, x, y);
		wlr_seat_pointer_notify_motion(seat, time_ms, x, y);
	} else {
		wlr_seat_pointer_notify_clear_focus(seat);
	}
	focus_keyboard(focus, output);
}

void gp_focus_update_held(struct gp_focus *focus) {
	struct wlr_seat *seat = focus->wlr_seat;
	struct gp_outputs *outputs = focus->outputs;
	const struct wlr_keyboard *keyboard = wlr_seat_get_keyboard(seat);
	outputs->held = (keyboard != NULL && keyboard->num_keycodes > 0) ||
		seat->pointer_state.button_count > 0 || wlr_seat_touch_num_points(seat) > 0;
	if (outputs->held) {
		return;
	}
	struct gp_output *output;
	wl_list_for_each (output, &outputs->list, link) {
		if (output->front_waits) {
			gp_output_set_dirty(output);
		}
	}
}

void gp_focus_handle_shown(struct gp_focus *focus) {
	wl_signal_emit_mutable(&focus->events.changed, focus);
}
