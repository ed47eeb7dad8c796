#include "compositor/seat/seat.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wlr/backend.h>
#include <wlr/types/wlr_cursor.h>
#include <wlr/types/wlr_input_device.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_tablet_v2.h>
#include <wlr/types/wlr_touch.h>
#include <wlr/types/wlr_virtual_keyboard_v1.h>
#include <wlr/types/wlr_virtual_pointer_v1.h>

#include "common/clock.h"
#include "common/log.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/scanout.h"
#include "compositor/nested/window.h"
#include "compositor/output/output.h"
#include "compositor/seat/transform.h"
#include "compositor/server.h"
#include "compositor/view/view.h"

static struct gp_view *find_view(const struct gp_seat *seat, const struct wlr_surface *surface) {
	struct gp_view *view;
	if (surface == NULL) {
		return NULL;
	}
	wl_list_for_each (view, &seat->server->placement.views, link) {
		if (view->scanout->surface == surface) {
			return view;
		}
	}
	return NULL;
}

struct gp_view *gp_seat_get_focus(const struct gp_seat *seat) {
	return find_view(seat, seat->wlr_seat->keyboard_state.focused_surface);
}

static bool has_place(const struct gp_view *view) {
	return view != NULL && view->is_shown && view->scanout->surface != NULL &&
		view->scanout->guest != NULL && view->box.width > 0 && view->box.height > 0;
}

static bool same_guest(const struct gp_view *a, const struct gp_view *b) {
	return a->scanout->guest == b->scanout->guest;
}

/* What is shown where the pointer is, or NULL. */
static struct gp_view *view_under_cursor(const struct gp_seat *seat) {
	struct wlr_output *wlr_output = wlr_output_layout_output_at(
		seat->server->output_layout, seat->cursor->x, seat->cursor->y);
	const struct gp_output *output = wlr_output != NULL ? wlr_output->data : NULL;
	return output != NULL && has_place(output->view) ? output->view : NULL;
}

/* A guest keeps the pointer while a button is held, though not all of its heads. */
static struct gp_view *pick_view(const struct gp_seat *seat) {
	struct gp_view *under = view_under_cursor(seat);
	struct gp_view *old = find_view(seat, seat->wlr_seat->pointer_state.focused_surface);
	bool held = seat->wlr_seat->pointer_state.button_count > 0 || seat->lock != NULL;
	if (held && has_place(old) && (under == NULL || !same_guest(under, old))) {
		return old;
	}
	return under;
}

/* Of a point of the layout, on the view's surface: its nearest point. */
static void find_point(const struct gp_seat *seat, const struct gp_view *view, double layout_x,
	double layout_y, double *x, double *y) {
	struct wlr_box output;
	wlr_output_layout_get_box(seat->server->output_layout, view->output->wlr_output, &output);
	*x = gp_scale_clamp(
		layout_x - output.x - view->box.x, view->box.width, view->scanout->width);
	*y = gp_scale_clamp(
		layout_y - output.y - view->box.y, view->box.height, view->scanout->height);
}

bool gp_seat_find_point(const struct gp_seat *seat, const struct wlr_surface *surface,
	const struct gp_touch_point *place, double *x, double *y) {
	const struct gp_view *view = find_view(seat, surface);
	if (!has_place(view)) {
		return false;
	}
	find_point(seat, view, place->layout_x, place->layout_y, x, y);
	return true;
}

static const struct gp_output *find_output(
	const struct gp_seat *seat, const char *device, const char *claimed) {
	const struct gp_settings *settings = &seat->server->settings;
	const char *pin = gp_settings_get_input_pin(settings, device);
	const struct gp_output *output, *found = NULL;
	wl_list_for_each (output, &seat->server->placement.outputs, link) {
		if (pin != NULL && gp_settings_pin_matches(pin, output->wlr_output)) {
			return output;
		}
		if (found == NULL && output->wlr_output->enabled) {
			found = output;
		}
	}
	wl_list_for_each (output, &seat->server->placement.outputs, link) {
		if (claimed != NULL && strcmp(output->wlr_output->name, claimed) == 0) {
			return output;
		}
	}
	return found;
}

void gp_seat_locate(const struct gp_seat *seat, const char *device, const char *claimed, double x,
	double y, struct gp_touch_point *place) {
	const struct gp_output *output = find_output(seat, device, claimed);
	struct wlr_box box = {0};
	*place = (struct gp_touch_point){0};
	if (output == NULL) {
		return;
	}
	place->transform = output->wlr_output->transform;
	gp_transform_point(place->transform, &x, &y);
	wlr_output_layout_get_box(seat->server->output_layout, output->wlr_output, &box);
	place->layout_x = box.x + x * box.width;
	place->layout_y = box.y + y * box.height;
	const struct gp_view *view = output->view;
	if (!has_place(view)) {
		return;
	}
	place->surface = view->scanout->surface;
	find_point(seat, view, place->layout_x, place->layout_y, &place->x, &place->y);
	box.x += view->box.x;
	box.y += view->box.y;
	box.width = view->box.width;
	box.height = view->box.height;
	place->is_inside = wlr_box_contains_point(&box, place->layout_x, place->layout_y);
}

bool gp_seat_has_focus(const struct gp_seat *seat, const struct wlr_surface *surface) {
	const struct gp_view *view = find_view(seat, surface);
	const struct gp_view *focus = gp_seat_get_focus(seat);
	return has_place(view) && focus != NULL && same_guest(view, focus);
}

bool gp_seat_focus_at(struct gp_seat *seat, uint32_t time_ms, const struct gp_touch_point *place) {
	if (!gp_seat_has_focus(seat, place->surface)) {
		gp_pointer_warp(seat, time_ms, place->layout_x, place->layout_y);
		wlr_seat_pointer_notify_frame(seat->wlr_seat);
	}
	return gp_seat_has_focus(seat, place->surface);
}

/* Tells guests who has the keyboard, and shows the LEDs of that one. */
static void send_focus(struct gp_seat *seat) {
	const struct gp_view *view = gp_seat_get_focus(seat);
	struct gp_guest *focused = view != NULL ? view->scanout->guest : NULL;
	struct gp_guest *guest;
	wl_list_for_each (guest, &seat->server->guest_manager.guests, link) {
		gp_guest_send_focus(guest, guest == focused);
	}
	gp_keyboard_set_leds(seat, focused != NULL ? focused->leds : 0);
}

static void focus_keyboard(struct gp_seat *seat, struct gp_view *view) {
	const struct gp_view *old = gp_seat_get_focus(seat);
	if (view != NULL && has_place(old) && same_guest(old, view)) {
		return; // whichever of its heads it is
	}
	if (view == NULL) {
		wlr_seat_keyboard_notify_clear_focus(seat->wlr_seat);
	} else {
		wlr_seat_keyboard_notify_enter(seat->wlr_seat, view->scanout->surface,
			seat->keyboard.keycodes, seat->keyboard.num_keycodes, NULL);
	}
	send_focus(seat);
}

void gp_seat_update_grab(struct gp_seat *seat) {
	const struct gp_server *server = seat->server;
	const struct gp_view *focus = gp_seat_get_focus(seat);
	/* Without a hotkey there would be no way out. */
	bool may_grab = !seat->is_released && gp_settings_get_hotkey(&server->settings)->n > 0;
	struct gp_output *output;
	wl_list_for_each (output, &server->placement.outputs, link) {
		if (output->window != NULL) {
			gp_window_inhibit(output->window,
				may_grab && has_place(focus) && has_place(output->view) &&
					same_guest(focus, output->view));
		}
	}
}

void gp_seat_update_focus(struct gp_seat *seat, uint32_t time_ms) {
	struct gp_view *view = pick_view(seat);
	struct wlr_surface *surface = view != NULL ? view->scanout->surface : NULL;
	if (surface != seat->wlr_seat->pointer_state.focused_surface) {
		gp_pointer_unlock(seat);
	}
	if (view == NULL) {
		wlr_seat_pointer_notify_clear_focus(seat->wlr_seat);
	} else {
		double x, y;
		find_point(seat, view, seat->cursor->x, seat->cursor->y, &x, &y);
		/* Not by its notify_enter, which forgets the buttons: one may be held across. */
		wlr_seat_pointer_enter(seat->wlr_seat, surface, x, y);
		wlr_seat_pointer_notify_motion(seat->wlr_seat, time_ms, x, y);
	}
	focus_keyboard(seat, view);
	gp_touch_update_focus(seat);
	gp_pen_update_focus(seat);
	gp_seat_update_grab(seat);
}

static void handle_refresh(void *data) {
	struct gp_seat *seat = data;
	seat->refresh = NULL;
	/* The output under it may have gone. */
	wlr_cursor_warp_closest(seat->cursor, NULL, seat->cursor->x, seat->cursor->y);
	gp_seat_update_focus(seat, (uint32_t)(gp_now_ns() / 1000000));
	wlr_seat_pointer_notify_frame(seat->wlr_seat);
}

void gp_seat_schedule_refresh(struct gp_seat *seat) {
	if (seat->wlr_seat != NULL && seat->cursor != NULL && seat->refresh == NULL) {
		seat->refresh = wl_event_loop_add_idle(seat->server->loop, handle_refresh, seat);
	}
}

static void handle_guest_leds(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, guest_leds);
	const struct gp_guest *guest = data;
	const struct gp_view *view = gp_seat_get_focus(seat);
	if (view != NULL && view->scanout->guest == guest) {
		gp_keyboard_set_leds(seat, guest->leds);
	}
}

static void handle_new_input(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, new_input);
	struct wlr_input_device *device = data;
	switch (device->type) {
	case WLR_INPUT_DEVICE_KEYBOARD:
		gp_keyboard_add(seat, wlr_keyboard_from_input_device(device));
		break;
	case WLR_INPUT_DEVICE_POINTER:
		gp_pointer_add(seat, device, NULL);
		break;
	case WLR_INPUT_DEVICE_TOUCH:
		gp_touch_add(seat, wlr_touch_from_input_device(device));
		break;
	case WLR_INPUT_DEVICE_TABLET:
		gp_pen_add(seat, device);
		break;
	default:
		gp_info("input device %s: its kind is not supported", device->name);
	}
}

static void handle_new_virtual_keyboard(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, new_virtual_keyboard);
	struct wlr_virtual_keyboard_v1 *keyboard = data;
	gp_keyboard_add(seat, &keyboard->keyboard);
}

static void handle_new_virtual_pointer(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, new_virtual_pointer);
	struct wlr_virtual_pointer_v1_new_pointer_event *event = data;
	gp_pointer_add(seat, &event->new_pointer->pointer.base, event->suggested_output);
}

int gp_seat_count_devices(const struct gp_seat *seat) {
	return wl_list_length(&seat->keyboards) + wl_list_length(&seat->pointers) +
		wl_list_length(&seat->touch_screens) + wl_list_length(&seat->tablets);
}

/* For remote control and tests: who may connect may type. */
static bool init_virtual_input(struct gp_seat *seat) {
	struct wl_display *display = seat->server->display;
	struct wlr_virtual_keyboard_manager_v1 *keyboards =
		wlr_virtual_keyboard_manager_v1_create(display);
	struct wlr_virtual_pointer_manager_v1 *pointers =
		wlr_virtual_pointer_manager_v1_create(display);
	if (keyboards == NULL || pointers == NULL) {
		return false;
	}
	seat->new_virtual_keyboard.notify = handle_new_virtual_keyboard;
	wl_signal_add(&keyboards->events.new_virtual_keyboard, &seat->new_virtual_keyboard);
	seat->new_virtual_pointer.notify = handle_new_virtual_pointer;
	wl_signal_add(&pointers->events.new_virtual_pointer, &seat->new_virtual_pointer);
	return true;
}

bool gp_seat_init(struct gp_seat *seat, struct gp_server *server) {
	seat->server = server;
	wl_list_init(&seat->new_virtual_keyboard.link);
	wl_list_init(&seat->new_virtual_pointer.link);
	wl_list_init(&seat->touch_screens);
	wl_list_init(&seat->tablets);
	wl_list_init(&seat->pens);
	seat->wlr_seat = wlr_seat_create(server->display, "seat0");
	if (seat->wlr_seat == NULL) {
		return false;
	}
	/* Devices come and go; that is nothing to tell. */
	wlr_seat_set_capabilities(seat->wlr_seat,
		WL_SEAT_CAPABILITY_KEYBOARD | WL_SEAT_CAPABILITY_POINTER |
			WL_SEAT_CAPABILITY_TOUCH);
	gp_keyboard_init(seat);
	seat->new_input.notify = handle_new_input;
	wl_signal_add(&server->backend->events.new_input, &seat->new_input);
	seat->guest_leds.notify = handle_guest_leds;
	wl_signal_add(&server->guest_manager.events.leds, &seat->guest_leds);
	seat->tablet_manager = wlr_tablet_v2_create(server->display);
	return gp_pointer_init(seat) && seat->tablet_manager != NULL &&
		(!server->options->allow_virtual_input || init_virtual_input(seat));
}

void gp_seat_finish(struct gp_seat *seat) {
	if (seat->wlr_seat == NULL) {
		return;
	}
	wl_list_remove(&seat->new_input.link);
	wl_list_remove(&seat->new_virtual_keyboard.link);
	wl_list_remove(&seat->new_virtual_pointer.link);
	wl_list_remove(&seat->guest_leds.link);
	if (seat->refresh != NULL) {
		wl_event_source_remove(seat->refresh);
		seat->refresh = NULL;
	}
	gp_keyboard_finish(seat);
	gp_touch_finish(seat);
	gp_pen_finish(seat);
	gp_pointer_finish(seat);
	seat->wlr_seat = NULL; // goes with the display
}
