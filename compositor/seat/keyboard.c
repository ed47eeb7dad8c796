#include <stdlib.h>
#include <wlr/backend/session.h>
#include <wlr/interfaces/wlr_keyboard.h>
#include <wlr/types/wlr_cursor.h>
#include <wlr/types/wlr_seat.h>

#include "common/log.h"
#include "compositor/config/hotkeys.h"
#include "compositor/nested/window.h"
#include "compositor/output/output.h"
#include "compositor/seat/seat.h"
#include "compositor/seat/spot.h"
#include "compositor/server.h"
#include "compositor/view/view.h"

struct keyboard {
	struct wl_list link; // gp_seat.keyboards
	struct gp_seat *seat;
	struct wlr_keyboard *wlr_keyboard;
	bool down[KEY_CNT];

	struct wl_listener key;
	struct wl_listener destroy;
};

static const struct wlr_keyboard_impl seat_keyboard_impl = {
	.name = "guestpane",
};

/* That the user works with. */
static struct gp_output *find_output(const struct gp_seat *seat) {
	const struct gp_view *view = gp_seat_get_focus(seat);
	if (view != NULL) {
		return gp_output_from_view(view);
	}
	return gp_spot_find_output(&seat->server->outputs, seat->cursor->x, seat->cursor->y);
}

static void do_action(struct gp_seat *seat, enum gp_hotkey_action action) {
	struct gp_output *output = find_output(seat);
	switch (action) {
	case GP_HOTKEY_LOCK_POINTER:
		gp_pointer_toggle_lock(seat);
		break;
	case GP_HOTKEY_NEXT_GUEST:
		if (output != NULL) {
			gp_placement_next_guest(&seat->server->placement, output);
		}
		break;
	case GP_HOTKEY_GRAB:
		seat->is_released = !seat->is_released;
		gp_seat_update_grab(seat);
		break;
	case GP_HOTKEY_FULLSCREEN:
		if (output != NULL && output->window != NULL) {
			gp_window_set_fullscreen(output->window, !output->window->is_fullscreen);
		}
		break;
	case GP_HOTKEY_NONE:
		break;
	}
}

/* Whether the key that was pressed is for the compositor; does what it is for. */
static bool handle_own_key(struct gp_seat *seat, uint32_t code) {
	enum gp_hotkey_action action =
		gp_hotkey_find(gp_settings_get_hotkey(&seat->server->settings), seat->held, code);
	unsigned vt = seat->server->options->vt_switch && seat->server->session != NULL
		? gp_hotkey_find_vt(seat->held, code)
		: 0;
	if (action == GP_HOTKEY_NONE && vt == 0) {
		return false;
	}
	seat->swallowed[code] = true;
	if (vt != 0) {
		wlr_session_change_vt(seat->server->session, vt);
	} else {
		do_action(seat, action);
	}
	return true;
}

/* A key of the seat has changed. */
static void send_key(struct gp_seat *seat, uint32_t time_ms, uint32_t code, bool pressed) {
	if (pressed && handle_own_key(seat, code)) {
		return;
	}
	if (!pressed && seat->swallowed[code]) {
		seat->swallowed[code] = false;
		return;
	}
	struct wlr_keyboard_key_event event = {
		.time_msec = time_ms,
		.keycode = code,
		.state = pressed ? WL_KEYBOARD_KEY_STATE_PRESSED : WL_KEYBOARD_KEY_STATE_RELEASED,
	};
	wlr_keyboard_notify_key(&seat->keyboard, &event);
	wlr_seat_keyboard_notify_key(seat->wlr_seat, time_ms, code, event.state);
}

static void set_key(struct keyboard *keyboard, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_seat *seat = keyboard->seat;
	if (code >= KEY_CNT || keyboard->down[code] == pressed) {
		return;
	}
	keyboard->down[code] = pressed;
	seat->held[code] += pressed ? 1 : -1;
	if (seat->held[code] == (pressed ? 1 : 0)) {
		send_key(seat, time_ms, code, pressed);
	}
}

static void handle_key(struct wl_listener *listener, void *data) {
	struct keyboard *keyboard = wl_container_of(listener, keyboard, key);
	const struct wlr_keyboard_key_event *event = data;
	set_key(keyboard, event->time_msec, event->keycode,
		event->state == WL_KEYBOARD_KEY_STATE_PRESSED);
}

static void keyboard_destroy(struct keyboard *keyboard) {
	for (uint32_t code = 0; code < KEY_CNT; code++) {
		set_key(keyboard, 0, code, false);
	}
	wl_list_remove(&keyboard->key.link);
	wl_list_remove(&keyboard->destroy.link);
	wl_list_remove(&keyboard->link);
	free(keyboard);
}

static void handle_destroy(struct wl_listener *listener, void *data) {
	struct keyboard *keyboard = wl_container_of(listener, keyboard, destroy);
	keyboard_destroy(keyboard);
}

void gp_keyboard_add(struct gp_seat *seat, struct wlr_keyboard *wlr_keyboard) {
	struct keyboard *keyboard = calloc(1, sizeof(*keyboard));
	if (keyboard == NULL || wl_list_length(&seat->keyboards) >= UINT8_MAX) {
		gp_error("keyboard: no memory, or too many");
		free(keyboard);
		return;
	}
	keyboard->seat = seat;
	keyboard->wlr_keyboard = wlr_keyboard;
	keyboard->key.notify = handle_key;
	wl_signal_add(&wlr_keyboard->events.key, &keyboard->key);
	keyboard->destroy.notify = handle_destroy;
	wl_signal_add(&wlr_keyboard->base.events.destroy, &keyboard->destroy);
	wl_list_insert(&seat->keyboards, &keyboard->link);
	wlr_keyboard_led_update(wlr_keyboard, seat->leds);
}

void gp_keyboard_set_leds(struct gp_seat *seat, uint32_t leds) {
	struct keyboard *keyboard;
	seat->leds = leds;
	wl_list_for_each (keyboard, &seat->keyboards, link) {
		wlr_keyboard_led_update(keyboard->wlr_keyboard, leds);
	}
}

void gp_keyboard_init(struct gp_seat *seat) {
	wl_list_init(&seat->keyboards);
	wlr_keyboard_init(&seat->keyboard, &seat_keyboard_impl, "guestpane");
	wlr_keyboard_set_repeat_info(&seat->keyboard, 0, 0); // guests do that
	wlr_seat_set_keyboard(seat->wlr_seat, &seat->keyboard);
}

void gp_keyboard_finish(struct gp_seat *seat) {
	struct keyboard *keyboard, *tmp;
	wl_list_for_each_safe (keyboard, tmp, &seat->keyboards, link) {
		keyboard_destroy(keyboard);
	}
	wlr_keyboard_finish(&seat->keyboard);
}
