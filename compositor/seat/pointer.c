#include "compositor/seat/pointer.h"

#include <stdlib.h>
#include <wlr/types/wlr_cursor.h>
#include <wlr/types/wlr_pointer.h>
#include <wlr/types/wlr_pointer_constraints_v1.h>
#include <wlr/types/wlr_relative_pointer_v1.h>
#include <wlr/types/wlr_seat.h>

#include "common/clock.h"
#include "common/log.h"
#include "compositor/config/settings.h"
#include "compositor/guest/scanout.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/seat/focus.h"
#include "compositor/seat/spot.h"
#include "compositor/view/view.h"

struct pointer_device {
	struct wl_list link; // gp_pointer.devices
	struct gp_pointer *pointer;
	/* Buttons that it holds: they are released when it is removed. */
	uint32_t held[WLR_POINTER_BUTTONS_CAP];
	size_t n_held;

	struct wl_listener button;
	struct wl_listener destroy;
};

static void handle_device_button(struct wl_listener *listener, void *data) {
	struct pointer_device *device = wl_container_of(listener, device, button);
	const struct wlr_pointer_button_event *event = data;
	for (size_t i = 0; i < device->n_held; i++) {
		if (device->held[i] == event->button) {
			device->held[i] = device->held[--device->n_held];
			break;
		}
	}
	if (event->state == WL_POINTER_BUTTON_STATE_PRESSED &&
		device->n_held < WLR_POINTER_BUTTONS_CAP) {
		device->held[device->n_held++] = event->button;
	}
}

static void device_destroy(struct pointer_device *device) {
	struct wlr_seat *seat = device->pointer->focus->wlr_seat;
	for (size_t i = 0; i < device->n_held; i++) {
		wlr_seat_pointer_notify_button(
			seat, 0, device->held[i], WL_POINTER_BUTTON_STATE_RELEASED);
	}
	if (device->n_held > 0) {
		wlr_seat_pointer_notify_frame(seat);
		gp_focus_update_held(device->pointer->focus);
	}
	wl_list_remove(&device->button.link);
	wl_list_remove(&device->destroy.link);
	wl_list_remove(&device->link);
	free(device);
}

static void handle_device_destroy(struct wl_listener *listener, void *data) {
	struct pointer_device *device = wl_container_of(listener, device, destroy);
	device_destroy(device);
}

void gp_pointer_add(struct gp_pointer *pointer, struct wlr_input_device *input_device,
	struct wlr_output *output) {
	struct wlr_pointer *wlr_pointer = wlr_pointer_from_input_device(input_device);
	struct pointer_device *device = calloc(1, sizeof(*device));
	if (device == NULL) {
		gp_error("pointer: no memory");
		return;
	}
	device->pointer = pointer;
	device->button.notify = handle_device_button;
	wl_signal_add(&wlr_pointer->events.button, &device->button);
	device->destroy.notify = handle_device_destroy;
	wl_signal_add(&input_device->events.destroy, &device->destroy);
	wl_list_insert(&pointer->devices, &device->link);
	wlr_cursor_attach_input_device(pointer->cursor, input_device);
	wlr_cursor_map_input_to_output(pointer->cursor, input_device, output);
}

/* The lock. */

static void unlock(struct gp_pointer *pointer) {
	struct wlr_pointer_constraint_v1 *lock = pointer->lock;
	if (lock != NULL) {
		pointer->lock = NULL;
		wl_list_remove(&pointer->lock_destroy.link);
		wlr_pointer_constraint_v1_send_deactivated(lock);
		gp_info("the pointer is free");
	}
}

static void handle_lock_destroy(struct wl_listener *listener, void *data) {
	struct gp_pointer *pointer = wl_container_of(listener, pointer, lock_destroy);
	wl_list_remove(&pointer->lock_destroy.link);
	pointer->lock = NULL;
}

void gp_pointer_toggle_lock(struct gp_pointer *pointer) {
	struct wlr_seat *seat = pointer->focus->wlr_seat;
	struct wlr_surface *surface = seat->pointer_state.focused_surface;
	if (pointer->lock != NULL) {
		unlock(pointer);
		return;
	}
	struct wlr_pointer_constraint_v1 *lock = surface != NULL
		? wlr_pointer_constraints_v1_constraint_for_surface(
			  pointer->constraints, surface, seat)
		: NULL;
	if (lock == NULL || lock->type != WLR_POINTER_CONSTRAINT_V1_LOCKED) {
		gp_info("the guest has no mouse to lock the pointer for");
		return;
	}
	pointer->lock = lock;
	pointer->lock_destroy.notify = handle_lock_destroy;
	wl_signal_add(&lock->events.destroy, &pointer->lock_destroy);
	wlr_pointer_constraint_v1_send_activated(lock);
	gp_info("the pointer is locked to a guest");
}

/* Motion. */

/* The pointer has moved, or what is under it has changed. */
static void update_focus(struct gp_pointer *pointer, uint32_t time_ms) {
	const struct wlr_cursor *cursor = pointer->cursor;
	struct gp_output *output =
		gp_focus_pick(pointer->focus, cursor->x, cursor->y, pointer->lock != NULL);
	struct wlr_surface *surface = output != NULL ? output->view->scanout->surface : NULL;
	if (surface != pointer->focus->wlr_seat->pointer_state.focused_surface) {
		unlock(pointer);
	}
	gp_focus_move(pointer->focus, time_ms, output, cursor->x, cursor->y);
}

void gp_pointer_update(struct gp_pointer *pointer) {
	wlr_cursor_warp_closest(pointer->cursor, NULL, pointer->cursor->x, pointer->cursor->y);
	update_focus(pointer, (uint32_t)(gp_now_ns() / 1000000));
	wlr_seat_pointer_notify_frame(pointer->focus->wlr_seat);
}

static void send_relative(struct gp_pointer *pointer, uint32_t time_ms, double dx, double dy,
	double unaccelerated_dx, double unaccelerated_dy) {
	wlr_relative_pointer_manager_v1_send_relative_motion(pointer->relative_manager,
		pointer->focus->wlr_seat, (uint64_t)time_ms * 1000, dx, dy, unaccelerated_dx,
		unaccelerated_dy);
}

static void handle_motion(struct wl_listener *listener, void *data) {
	struct gp_pointer *pointer = wl_container_of(listener, pointer, cursor_motion);
	const struct wlr_pointer_motion_event *event = data;
	if (pointer->lock != NULL) {
		send_relative(pointer, event->time_msec, event->delta_x, event->delta_y,
			event->unaccel_dx, event->unaccel_dy);
		return;
	}
	wlr_cursor_move(pointer->cursor, &event->pointer->base, event->delta_x, event->delta_y);
	update_focus(pointer, event->time_msec);
}

/* Of a device that belongs to an output, as a nested one does to its window; or to all of them. */
static void find_absolute(const struct gp_pointer *pointer,
	const struct wlr_pointer_motion_absolute_event *event, double *x, double *y) {
	struct wlr_input_device *device = &event->pointer->base;
	const struct gp_outputs *outputs = pointer->focus->outputs;
	const char *claimed = event->pointer->output_name;
	if (claimed != NULL || gp_settings_get_input_pin(outputs->settings, device->name) != NULL) {
		struct gp_spot spot;
		gp_spot_locate(&spot, outputs, device->name, claimed, event->x, event->y);
		*x = spot.layout_x;
		*y = spot.layout_y;
	} else {
		wlr_cursor_absolute_to_layout_coords(
			pointer->cursor, device, event->x, event->y, x, y);
	}
}

static void handle_motion_absolute(struct wl_listener *listener, void *data) {
	struct gp_pointer *pointer = wl_container_of(listener, pointer, cursor_motion_absolute);
	const struct wlr_pointer_motion_absolute_event *event = data;
	double x, y;
	find_absolute(pointer, event, &x, &y);
	double dx = x - pointer->absolute_x, dy = y - pointer->absolute_y;
	pointer->absolute_x = x;
	pointer->absolute_y = y;
	if (pointer->lock != NULL) {
		send_relative(pointer, event->time_msec, dx, dy, dx, dy);
		return;
	}
	wlr_cursor_warp_closest(pointer->cursor, &event->pointer->base, x, y);
	update_focus(pointer, event->time_msec);
}

void gp_pointer_warp(
	struct gp_pointer *pointer, uint32_t time_ms, double layout_x, double layout_y) {
	if (pointer->lock == NULL) {
		wlr_cursor_warp_closest(pointer->cursor, NULL, layout_x, layout_y);
		update_focus(pointer, time_ms);
	}
}

bool gp_pointer_take_focus(
	struct gp_pointer *pointer, uint32_t time_ms, const struct gp_spot *spot) {
	if (!gp_focus_covers(pointer->focus, spot->surface)) {
		gp_pointer_warp(pointer, time_ms, spot->layout_x, spot->layout_y);
		wlr_seat_pointer_notify_frame(pointer->focus->wlr_seat);
	}
	return gp_focus_covers(pointer->focus, spot->surface);
}

/* Buttons and wheels. */

static void handle_button(struct wl_listener *listener, void *data) {
	struct gp_pointer *pointer = wl_container_of(listener, pointer, cursor_button);
	const struct wlr_pointer_button_event *event = data;
	wlr_seat_pointer_notify_button(
		pointer->focus->wlr_seat, event->time_msec, event->button, event->state);
	if (event->state == WL_POINTER_BUTTON_STATE_RELEASED) {
		update_focus(pointer, event->time_msec);
	}
	gp_focus_update_held(pointer->focus);
}

void gp_pointer_press(struct gp_pointer *pointer, uint32_t time_ms, uint32_t button, bool pressed) {
	struct wlr_seat *seat = pointer->focus->wlr_seat;
	wlr_seat_pointer_notify_button(seat, time_ms, button,
		pressed ? WL_POINTER_BUTTON_STATE_PRESSED : WL_POINTER_BUTTON_STATE_RELEASED);
	wlr_seat_pointer_notify_frame(seat);
	gp_focus_update_held(pointer->focus);
}

static void handle_axis(struct wl_listener *listener, void *data) {
	struct gp_pointer *pointer = wl_container_of(listener, pointer, cursor_axis);
	const struct wlr_pointer_axis_event *event = data;
	wlr_seat_pointer_notify_axis(pointer->focus->wlr_seat, event->time_msec, event->orientation,
		event->delta, event->delta_discrete, event->source, event->relative_direction);
}

static void handle_frame(struct wl_listener *listener, void *data) {
	struct gp_pointer *pointer = wl_container_of(listener, pointer, cursor_frame);
	wlr_seat_pointer_notify_frame(pointer->focus->wlr_seat);
}

bool gp_pointer_init(
	struct gp_pointer *pointer, struct wl_display *display, struct gp_focus *focus) {
	pointer->focus = focus;
	wl_list_init(&pointer->devices);
	pointer->cursor = wlr_cursor_create();
	if (pointer->cursor == NULL) {
		return false;
	}
	wlr_cursor_attach_output_layout(pointer->cursor, focus->outputs->layout);
	pointer->cursor_motion.notify = handle_motion;
	wl_signal_add(&pointer->cursor->events.motion, &pointer->cursor_motion);
	pointer->cursor_motion_absolute.notify = handle_motion_absolute;
	wl_signal_add(&pointer->cursor->events.motion_absolute, &pointer->cursor_motion_absolute);
	pointer->cursor_button.notify = handle_button;
	wl_signal_add(&pointer->cursor->events.button, &pointer->cursor_button);
	pointer->cursor_axis.notify = handle_axis;
	wl_signal_add(&pointer->cursor->events.axis, &pointer->cursor_axis);
	pointer->cursor_frame.notify = handle_frame;
	wl_signal_add(&pointer->cursor->events.frame, &pointer->cursor_frame);
	pointer->relative_manager = wlr_relative_pointer_manager_v1_create(display);
	pointer->constraints = wlr_pointer_constraints_v1_create(display);
	return pointer->relative_manager != NULL && pointer->constraints != NULL;
}

void gp_pointer_finish(struct gp_pointer *pointer) {
	struct pointer_device *device, *tmp;
	if (pointer->cursor == NULL) {
		return;
	}
	unlock(pointer);
	wl_list_for_each_safe (device, tmp, &pointer->devices, link) {
		device_destroy(device);
	}
	wl_list_remove(&pointer->cursor_motion.link);
	wl_list_remove(&pointer->cursor_motion_absolute.link);
	wl_list_remove(&pointer->cursor_button.link);
	wl_list_remove(&pointer->cursor_axis.link);
	wl_list_remove(&pointer->cursor_frame.link);
	wlr_cursor_destroy(pointer->cursor);
	pointer->cursor = NULL;
}
