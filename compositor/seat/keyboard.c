#include "compositor/seat/keyboard.h"

#include <stdlib.h>
#include <wlr/interfaces/wlr_keyboard.h>
#include <wlr/types/wlr_seat.h>

#include "common/log.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/seat/focus.h"
#include "compositor/seat/shortcut.h"

struct keyboard_device {
	struct wl_list link; // gp_keyboard.devices
	struct gp_keyboard *keyboard;
	struct wlr_keyboard *wlr_keyboard;
	bool down[KEY_CNT];

	struct wl_listener key;
	struct wl_listener destroy;
};

static const struct wlr_keyboard_impl keyboard_impl = {
	.name = "guestpane",
};

static void send_key(struct gp_keyboard *keyboard, uint32_t time_ms, uint32_t code, bool pressed) {
	struct wlr_keyboard_key_event event = {
		.time_msec = time_ms,
		.keycode = code,
		.state = pressed ? WL_KEYBOARD_KEY_STATE_PRESSED : WL_KEYBOARD_KEY_STATE_RELEASED,
	};
	wlr_keyboard_notify_key(&keyboard->wlr_keyboard, &event);
	wlr_seat_keyboard_notify_key(keyboard->focus->wlr_seat, time_ms, code, event.state);
	gp_focus_update_held(keyboard->focus);
}

static void set_key(struct keyboard_device *device, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_keyboard *keyboard = device->keyboard;
	if (code >= KEY_CNT || device->down[code] == pressed) {
		return;
	}
	device->down[code] = pressed;
	keyboard->held[code] += pressed ? 1 : -1;
	if (keyboard->held[code] == (pressed ? 1 : 0) &&
		!gp_shortcut_handle_key(keyboard->shortcut, keyboard->held, code, pressed)) {
		send_key(keyboard, time_ms, code, pressed);
	}
}

static void handle_device_key(struct wl_listener *listener, void *data) {
	struct keyboard_device *device = wl_container_of(listener, device, key);
	const struct wlr_keyboard_key_event *event = data;
	set_key(device, event->time_msec, event->keycode,
		event->state == WL_KEYBOARD_KEY_STATE_PRESSED);
}

static void device_destroy(struct keyboard_device *device) {
	for (uint32_t code = 0; code < KEY_CNT; code++) {
		set_key(device, 0, code, false);
	}
	wl_list_remove(&device->key.link);
	wl_list_remove(&device->destroy.link);
	wl_list_remove(&device->link);
	free(device);
}

static void handle_device_destroy(struct wl_listener *listener, void *data) {
	struct keyboard_device *device = wl_container_of(listener, device, destroy);
	device_destroy(device);
}

void gp_keyboard_add(struct gp_keyboard *keyboard, struct wlr_keyboard *wlr_keyboard) {
	struct keyboard_device *device = calloc(1, sizeof(*device));
	if (device == NULL || wl_list_length(&keyboard->devices) >= UINT8_MAX) {
		gp_error("keyboard: no memory, or too many");
		free(device);
		return;
	}
	device->keyboard = keyboard;
	device->wlr_keyboard = wlr_keyboard;
	device->key.notify = handle_device_key;
	wl_signal_add(&wlr_keyboard->events.key, &device->key);
	device->destroy.notify = handle_device_destroy;
	wl_signal_add(&wlr_keyboard->base.events.destroy, &device->destroy);
	wl_list_insert(&keyboard->devices, &device->link);
	wlr_keyboard_led_update(wlr_keyboard, keyboard->leds);
}

static void update_leds(struct gp_keyboard *keyboard) {
	const struct gp_guest *guest = gp_focus_get_guest(keyboard->focus);
	uint32_t leds = guest != NULL ? guest->leds : 0;
	struct keyboard_device *device;
	if (leds == keyboard->leds) {
		return;
	}
	keyboard->leds = leds;
	wl_list_for_each (device, &keyboard->devices, link) {
		wlr_keyboard_led_update(device->wlr_keyboard, leds);
	}
}

static void handle_focus_changed(struct wl_listener *listener, void *data) {
	struct gp_keyboard *keyboard = wl_container_of(listener, keyboard, focus_changed);
	update_leds(keyboard);
}

static void handle_guest_leds(struct wl_listener *listener, void *data) {
	struct gp_keyboard *keyboard = wl_container_of(listener, keyboard, guest_leds);
	if (data == gp_focus_get_guest(keyboard->focus)) {
		update_leds(keyboard);
	}
}

void gp_keyboard_init(
	struct gp_keyboard *keyboard, struct gp_focus *focus, struct gp_shortcut *shortcut) {
	keyboard->focus = focus;
	keyboard->shortcut = shortcut;
	wl_list_init(&keyboard->devices);
	wlr_keyboard_init(&keyboard->wlr_keyboard, &keyboard_impl, "guestpane");
	wlr_keyboard_set_repeat_info(&keyboard->wlr_keyboard, 0, 0); // guests do that
	wlr_seat_set_keyboard(focus->wlr_seat, &keyboard->wlr_keyboard);
	keyboard->focus_changed.notify = handle_focus_changed;
	wl_signal_add(&focus->events.changed, &keyboard->focus_changed);
	keyboard->guest_leds.notify = handle_guest_leds;
	wl_signal_add(&focus->guests->events.leds, &keyboard->guest_leds);
}

void gp_keyboard_finish(struct gp_keyboard *keyboard) {
	struct keyboard_device *device, *tmp;
	wl_list_for_each_safe (device, tmp, &keyboard->devices, link) {
		device_destroy(device);
	}
	wl_list_remove(&keyboard->focus_changed.link);
	wl_list_remove(&keyboard->guest_leds.link);
	wlr_keyboard_finish(&keyboard->wlr_keyboard);
}
