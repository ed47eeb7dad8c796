#include "compositor/seat.h"

#include <stdlib.h>
#include <wlr/backend.h>
#include <wlr/backend/session.h>
#include <wlr/types/wlr_keyboard.h>
#include <wlr/types/wlr_seat.h>
#include <xkbcommon/xkbcommon.h>

#include "common/log.h"
#include "compositor/server.h"

/* xkbcommon numbers keys 8 higher than evdev, as X does. */
#define XKB_KEYCODE_OFFSET 8

struct keyboard {
	struct wl_list link; // gp_seat.keyboards
	struct gp_seat *seat;
	struct wlr_keyboard *wlr_keyboard;

	struct wl_listener key;
	struct wl_listener destroy;
};

static void keyboard_destroy(struct keyboard *keyboard) {
	wl_list_remove(&keyboard->key.link);
	wl_list_remove(&keyboard->destroy.link);
	wl_list_remove(&keyboard->link);
	free(keyboard);
}

static void handle_destroy(struct wl_listener *listener, void *data) {
	struct keyboard *keyboard = wl_container_of(listener, keyboard, destroy);
	keyboard_destroy(keyboard);
}

static void switch_vt(struct gp_seat *seat, xkb_keysym_t sym) {
	bool is_switch = sym >= XKB_KEY_XF86Switch_VT_1 && sym <= XKB_KEY_XF86Switch_VT_12;
	if (is_switch && seat->server->session != NULL) {
		wlr_session_change_vt(seat->server->session, sym - XKB_KEY_XF86Switch_VT_1 + 1);
	}
}

static void handle_key(struct wl_listener *listener, void *data) {
	struct keyboard *keyboard = wl_container_of(listener, keyboard, key);
	const struct wlr_keyboard_key_event *event = data;
	if (event->state != WL_KEYBOARD_KEY_STATE_PRESSED) {
		return;
	}
	const xkb_keysym_t *syms;
	int n = xkb_state_key_get_syms(
		keyboard->wlr_keyboard->xkb_state, event->keycode + XKB_KEYCODE_OFFSET, &syms);
	for (int i = 0; i < n; i++) {
		switch_vt(keyboard->seat, syms[i]);
	}
}

static void set_keymap(struct wlr_keyboard *wlr_keyboard) {
	struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
	struct xkb_keymap *keymap = context != NULL
		? xkb_keymap_new_from_names(context, NULL, XKB_KEYMAP_COMPILE_NO_FLAGS)
		: NULL;
	if (keymap != NULL) {
		wlr_keyboard_set_keymap(wlr_keyboard, keymap);
	} else {
		gp_warn("no keymap: keys to switch the virtual terminal do not work");
	}
	xkb_keymap_unref(keymap);
	xkb_context_unref(context);
}

static void handle_new_input(struct wl_listener *listener, void *data) {
	struct gp_seat *seat = wl_container_of(listener, seat, new_input);
	struct wlr_input_device *device = data;
	if (device->type != WLR_INPUT_DEVICE_KEYBOARD) {
		return;
	}
	struct keyboard *keyboard = calloc(1, sizeof(*keyboard));
	if (keyboard == NULL) {
		gp_error("keyboard: no memory");
		return;
	}
	keyboard->seat = seat;
	keyboard->wlr_keyboard = wlr_keyboard_from_input_device(device);
	set_keymap(keyboard->wlr_keyboard);
	if (keyboard->wlr_keyboard->xkb_state == NULL) {
		free(keyboard);
		return;
	}
	keyboard->key.notify = handle_key;
	wl_signal_add(&keyboard->wlr_keyboard->events.key, &keyboard->key);
	keyboard->destroy.notify = handle_destroy;
	wl_signal_add(&device->events.destroy, &keyboard->destroy);
	wl_list_insert(&seat->keyboards, &keyboard->link);
}

bool gp_seat_init(struct gp_seat *seat, struct gp_server *server) {
	seat->server = server;
	wl_list_init(&seat->keyboards);
	seat->wlr_seat = wlr_seat_create(server->display, "seat0");
	if (seat->wlr_seat == NULL) {
		return false;
	}
	seat->new_input.notify = handle_new_input;
	wl_signal_add(&server->backend->events.new_input, &seat->new_input);
	return true;
}

void gp_seat_finish(struct gp_seat *seat) {
	if (seat->wlr_seat == NULL) {
		return;
	}
	wl_list_remove(&seat->new_input.link);
	struct keyboard *keyboard, *tmp;
	wl_list_for_each_safe (keyboard, tmp, &seat->keyboards, link) {
		keyboard_destroy(keyboard);
	}
	seat->wlr_seat = NULL; // goes with the display
}
