#include "compositor/seat/seat.h"

#include <wlr/backend.h>
#include <wlr/types/wlr_input_device.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_touch.h>
#include <wlr/types/wlr_virtual_keyboard_v1.h>
#include <wlr/types/wlr_virtual_pointer_v1.h>

#include "common/log.h"
#include "compositor/config/settings.h"
#include "compositor/output/outputs.h"

/* Focus follows what is shown, once per turn of the loop. */
static void handle_update(void *data) {
	struct gp_seat *seat = data;
	seat->update = NULL;
	gp_pointer_update(&seat->pointer);
	gp_focus_handle_shown(&seat->focus);
}

static void schedule_update(struct gp_seat *seat) {
	if (seat->update == NULL) {
		seat->update = wl_event_loop_add_idle(seat->loop, handle_update, seat);
	}
}

static void handle_output_shown(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, output_shown);
	schedule_update(seat);
}

static void handle_output_removed(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, output_removed);
	schedule_update(seat);
}

static void handle_new_input(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, new_input);
	struct wlr_input_device *device = data;
	switch (device->type) {
	case WLR_INPUT_DEVICE_KEYBOARD:
		gp_keyboard_add(&seat->keyboard, wlr_keyboard_from_input_device(device));
		break;
	case WLR_INPUT_DEVICE_POINTER:
		gp_pointer_add(&seat->pointer, device, NULL);
		break;
	case WLR_INPUT_DEVICE_TOUCH:
		gp_touch_add(&seat->touch, wlr_touch_from_input_device(device));
		break;
	case WLR_INPUT_DEVICE_TABLET:
		gp_pen_add(&seat->pen, device);
		break;
	default:
		gp_info("input device %s: its kind is not supported", device->name);
	}
	gp_idle_add(&seat->idle, device);
	/* The parent's seat that it is of may be a new one, which grants nothing yet. */
	gp_grab_update(&seat->grab);
}

static void handle_new_virtual_keyboard(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, new_virtual_keyboard);
	struct wlr_virtual_keyboard_v1 *keyboard = data;
	gp_keyboard_add(&seat->keyboard, &keyboard->keyboard);
	gp_idle_add(&seat->idle, &keyboard->keyboard.base);
}

static void handle_new_virtual_pointer(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, new_virtual_pointer);
	struct wlr_virtual_pointer_v1_new_pointer_event *event = data;
	struct wlr_input_device *device = &event->new_pointer->pointer.base;
	gp_pointer_add(&seat->pointer, device, event->suggested_output);
	gp_idle_add(&seat->idle, device);
}

int gp_seat_count_devices(const struct gp_seat *seat) {
	return wl_list_length(&seat->keyboard.devices) + wl_list_length(&seat->pointer.devices) +
		wl_list_length(&seat->touch.screens) + wl_list_length(&seat->pen.tablets);
}

/* For remote control and tests: compositor/system/security.h decides who may type. */
static bool init_virtual_input(struct gp_seat *seat, struct wl_display *display) {
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

bool gp_seat_init(struct gp_seat *seat, struct wl_display *display, struct wlr_backend *backend,
	struct gp_outputs *outputs, struct gp_placement *placement,
	struct gp_guest_manager *guests) {
	seat->loop = wl_display_get_event_loop(display);
	seat->wlr_seat = wlr_seat_create(display, "seat0");
	if (seat->wlr_seat == NULL) {
		return false;
	}
	/* Whatever devices there are: bridges need not know when that changes. */
	wlr_seat_set_capabilities(seat->wlr_seat,
		WL_SEAT_CAPABILITY_KEYBOARD | WL_SEAT_CAPABILITY_POINTER |
			WL_SEAT_CAPABILITY_TOUCH);
	seat->output_shown.notify = handle_output_shown;
	wl_signal_add(&outputs->events.shown, &seat->output_shown);
	seat->output_removed.notify = handle_output_removed;
	wl_signal_add(&outputs->events.removed, &seat->output_removed);
	seat->new_input.notify = handle_new_input;
	wl_signal_add(&backend->events.new_input, &seat->new_input);
	wl_list_init(&seat->new_virtual_keyboard.link);
	wl_list_init(&seat->new_virtual_pointer.link);

	gp_focus_init(&seat->focus, seat->wlr_seat, outputs, guests);
	gp_grab_init(&seat->grab, &seat->focus);
	gp_shortcut_init(&seat->shortcut, &seat->pointer, &seat->grab, placement);
	gp_keyboard_init(&seat->keyboard, &seat->focus, &seat->shortcut);
	bool ok = gp_pointer_init(&seat->pointer, display, &seat->focus);
	gp_touch_init(&seat->touch, &seat->pointer);
	ok = gp_pen_init(&seat->pen, display, &seat->pointer) && ok;
	return gp_idle_init(&seat->idle, display, outputs, seat->wlr_seat, seat->pointer.cursor) &&
		ok && init_virtual_input(seat, display);
}

void gp_seat_finish(struct gp_seat *seat) {
	if (seat->wlr_seat == NULL) {
		return;
	}
	wl_list_remove(&seat->output_shown.link);
	wl_list_remove(&seat->output_removed.link);
	wl_list_remove(&seat->new_input.link);
	wl_list_remove(&seat->new_virtual_keyboard.link);
	wl_list_remove(&seat->new_virtual_pointer.link);
	if (seat->update != NULL) {
		wl_event_source_remove(seat->update);
		seat->update = NULL;
	}
	gp_idle_finish(&seat->idle);
	gp_keyboard_finish(&seat->keyboard);
	gp_touch_finish(&seat->touch);
	gp_pen_finish(&seat->pen);
	gp_pointer_finish(&seat->pointer);
	gp_grab_finish(&seat->grab);
	seat->wlr_seat = NULL; // destroyed with the display
}
