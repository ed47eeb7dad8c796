#include <stdlib.h>
#include <wlr/types/wlr_cursor.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_output_layout.h>
#include <wlr/types/wlr_pointer.h>
#include <wlr/types/wlr_pointer_constraints_v1.h>
#include <wlr/types/wlr_relative_pointer_v1.h>
#include <wlr/types/wlr_seat.h>

#include "common/log.h"
#include "compositor/output/output.h"
#include "compositor/seat/seat.h"
#include "compositor/seat/spot.h"
#include "compositor/server.h"

struct pointer {
	struct wl_list link; // gp_seat.pointers
	struct gp_seat *seat;
	/* Buttons that it holds: it releases them when it goes. */
	uint32_t held[WLR_POINTER_BUTTONS_CAP];
	size_t n_held;

	struct wl_listener button;
	struct wl_listener destroy;
};

static void note_button(struct pointer *pointer, uint32_t button, bool pressed) {
	for (size_t i = 0; i < pointer->n_held; i++) {
		if (pointer->held[i] == button) {
			pointer->held[i] = pointer->held[--pointer->n_held];
			break;
		}
	}
	if (pressed && pointer->n_held < WLR_POINTER_BUTTONS_CAP) {
		pointer->held[pointer->n_held++] = button;
	}
}

static void handle_device_button(struct wl_listener *listener, void *data) {
	struct pointer *pointer = wl_container_of(listener, pointer, button);
	const struct wlr_pointer_button_event *event = data;
	note_button(pointer, event->button, event->state == WL_POINTER_BUTTON_STATE_PRESSED);
}

static void pointer_destroy(struct pointer *pointer) {
	struct gp_seat *seat = pointer->seat;
	for (size_t i = 0; i < pointer->n_held; i++) {
		wlr_seat_pointer_notify_button(
			seat->wlr_seat, 0, pointer->held[i], WL_POINTER_BUTTON_STATE_RELEASED);
	}
	if (pointer->n_held > 0) {
		wlr_seat_pointer_notify_frame(seat->wlr_seat);
	}
	wl_list_remove(&pointer->button.link);
	wl_list_remove(&pointer->destroy.link);
	wl_list_remove(&pointer->link);
	free(pointer);
}

static void handle_device_destroy(struct wl_listener *listener, void *data) {
	struct pointer *pointer = wl_container_of(listener, pointer, destroy);
	pointer_destroy(pointer);
}

void gp_pointer_add(
	struct gp_seat *seat, struct wlr_input_device *device, struct wlr_output *output) {
	struct wlr_pointer *wlr_pointer = wlr_pointer_from_input_device(device);
	struct pointer *pointer = calloc(1, sizeof(*pointer));
	if (pointer == NULL) {
		gp_error("pointer: no memory");
		return;
	}
	pointer->seat = seat;
	pointer->button.notify = handle_device_button;
	wl_signal_add(&wlr_pointer->events.button, &pointer->button);
	pointer->destroy.notify = handle_device_destroy;
	wl_signal_add(&device->events.destroy, &pointer->destroy);
	wl_list_insert(&seat->pointers, &pointer->link);
	wlr_cursor_attach_input_device(seat->cursor, device);
	wlr_cursor_map_input_to_output(seat->cursor, device, output);
}

/* The lock. */

void gp_pointer_unlock(struct gp_seat *seat) {
	struct wlr_pointer_constraint_v1 *lock = seat->lock;
	if (lock != NULL) {
		seat->lock = NULL;
		wl_list_remove(&seat->lock_destroy.link);
		wlr_pointer_constraint_v1_send_deactivated(lock);
		gp_info("the pointer is free");
	}
}

static void handle_lock_destroy(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, lock_destroy);
	wl_list_remove(&seat->lock_destroy.link);
	seat->lock = NULL;
}

void gp_pointer_toggle_lock(struct gp_seat *seat) {
	struct wlr_surface *surface = seat->wlr_seat->pointer_state.focused_surface;
	if (seat->lock != NULL) {
		gp_pointer_unlock(seat);
		return;
	}
	struct wlr_pointer_constraint_v1 *lock = surface != NULL
		? wlr_pointer_constraints_v1_constraint_for_surface(
			  seat->constraints, surface, seat->wlr_seat)
		: NULL;
	if (lock == NULL || lock->type != WLR_POINTER_CONSTRAINT_V1_LOCKED) {
		gp_info("the guest has no mouse that the pointer could be locked for");
		return;
	}
	seat->lock = lock;
	seat->lock_destroy.notify = handle_lock_destroy;
	wl_signal_add(&lock->events.destroy, &seat->lock_destroy);
	wlr_pointer_constraint_v1_send_activated(lock);
	gp_info("the pointer is locked to a guest");
}

/* Motion. */

static void send_relative(struct gp_seat *seat, uint32_t time_ms, double dx, double dy,
	double unaccelerated_dx, double unaccelerated_dy) {
	wlr_relative_pointer_manager_v1_send_relative_motion(seat->relative_manager, seat->wlr_seat,
		(uint64_t)time_ms * 1000, dx, dy, unaccelerated_dx, unaccelerated_dy);
}

static void handle_motion(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, cursor_motion);
	const struct wlr_pointer_motion_event *event = data;
	if (seat->lock != NULL) {
		send_relative(seat, event->time_msec, event->delta_x, event->delta_y,
			event->unaccel_dx, event->unaccel_dy);
		return;
	}
	wlr_cursor_move(seat->cursor, &event->pointer->base, event->delta_x, event->delta_y);
	gp_seat_update_focus(seat, event->time_msec);
}

/* Of a device that belongs to an output, as a nested one does to its window; or to all of them. */
static void find_absolute(const struct gp_seat *seat,
	const struct wlr_pointer_motion_absolute_event *event, double *x, double *y) {
	struct wlr_input_device *device = &event->pointer->base;
	const char *claimed = event->pointer->output_name;
	if (claimed != NULL ||
		gp_settings_get_input_pin(&seat->server->settings, device->name) != NULL) {
		struct gp_spot spot;
		gp_spot_locate(
			&spot, &seat->server->outputs, device->name, claimed, event->x, event->y);
		*x = spot.layout_x;
		*y = spot.layout_y;
	} else {
		wlr_cursor_absolute_to_layout_coords(
			seat->cursor, device, event->x, event->y, x, y);
	}
}

static void handle_motion_absolute(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, cursor_motion_absolute);
	const struct wlr_pointer_motion_absolute_event *event = data;
	double x, y;
	find_absolute(seat, event, &x, &y);
	double dx = x - seat->absolute_x, dy = y - seat->absolute_y;
	seat->absolute_x = x;
	seat->absolute_y = y;
	if (seat->lock != NULL) {
		send_relative(seat, event->time_msec, dx, dy, dx, dy);
		return;
	}
	wlr_cursor_warp_closest(seat->cursor, &event->pointer->base, x, y);
	gp_seat_update_focus(seat, event->time_msec);
}

static void handle_button(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, cursor_button);
	const struct wlr_pointer_button_event *event = data;
	wlr_seat_pointer_notify_button(
		seat->wlr_seat, event->time_msec, event->button, event->state);
	if (event->state == WL_POINTER_BUTTON_STATE_RELEASED) {
		gp_seat_update_focus(seat, event->time_msec);
	}
}

void gp_pointer_warp(struct gp_seat *seat, uint32_t time_ms, double layout_x, double layout_y) {
	if (seat->lock == NULL) {
		wlr_cursor_warp_closest(seat->cursor, NULL, layout_x, layout_y);
		gp_seat_update_focus(seat, time_ms);
	}
}

void gp_pointer_press(struct gp_seat *seat, uint32_t time_ms, uint32_t button, bool pressed) {
	wlr_seat_pointer_notify_button(seat->wlr_seat, time_ms, button,
		pressed ? WL_POINTER_BUTTON_STATE_PRESSED : WL_POINTER_BUTTON_STATE_RELEASED);
	wlr_seat_pointer_notify_frame(seat->wlr_seat);
}

static void handle_axis(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, cursor_axis);
	const struct wlr_pointer_axis_event *event = data;
	wlr_seat_pointer_notify_axis(seat->wlr_seat, event->time_msec, event->orientation,
		event->delta, event->delta_discrete, event->source, event->relative_direction);
}

static void handle_frame(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, cursor_frame);
	wlr_seat_pointer_notify_frame(seat->wlr_seat);
}

bool gp_pointer_init(struct gp_seat *seat) {
	struct wl_display *display = seat->server->display;
	wl_list_init(&seat->pointers);
	seat->cursor = wlr_cursor_create();
	seat->relative_manager = wlr_relative_pointer_manager_v1_create(display);
	seat->constraints = wlr_pointer_constraints_v1_create(display);
	if (seat->cursor == NULL || seat->relative_manager == NULL || seat->constraints == NULL) {
		return false;
	}
	wlr_cursor_attach_output_layout(seat->cursor, seat->server->outputs.layout);
	seat->cursor_motion.notify = handle_motion;
	wl_signal_add(&seat->cursor->events.motion, &seat->cursor_motion);
	seat->cursor_motion_absolute.notify = handle_motion_absolute;
	wl_signal_add(&seat->cursor->events.motion_absolute, &seat->cursor_motion_absolute);
	seat->cursor_button.notify = handle_button;
	wl_signal_add(&seat->cursor->events.button, &seat->cursor_button);
	seat->cursor_axis.notify = handle_axis;
	wl_signal_add(&seat->cursor->events.axis, &seat->cursor_axis);
	seat->cursor_frame.notify = handle_frame;
	wl_signal_add(&seat->cursor->events.frame, &seat->cursor_frame);
	return true;
}

void gp_pointer_finish(struct gp_seat *seat) {
	if (seat->cursor == NULL) {
		return;
	}
	gp_pointer_unlock(seat);
	struct pointer *pointer, *tmp;
	wl_list_for_each_safe (pointer, tmp, &seat->pointers, link) {
		pointer_destroy(pointer);
	}
	if (seat->cursor_frame.notify != NULL) {
		wl_list_remove(&seat->cursor_motion.link);
		wl_list_remove(&seat->cursor_motion_absolute.link);
		wl_list_remove(&seat->cursor_button.link);
		wl_list_remove(&seat->cursor_axis.link);
		wl_list_remove(&seat->cursor_frame.link);
	}
	wlr_cursor_destroy(seat->cursor);
	seat->cursor = NULL;
}
