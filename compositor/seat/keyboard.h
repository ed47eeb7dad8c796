#ifndef GP_COMPOSITOR_SEAT_KEYBOARD_H
#define GP_COMPOSITOR_SEAT_KEYBOARD_H

#include <linux/input-event-codes.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/types/wlr_keyboard.h>

struct gp_focus;
struct gp_shortcut;

/**
 * The keyboard. All keyboards are one to the guest: a key is down from its first press on any of
 * them to its last release, and a keyboard that is removed releases what it held. They show the
 * LEDs of the guest that has the focus.
 *
 * Keys travel as evdev codes and without a keymap: what they mean is the guest's affair.
 */
struct gp_keyboard {
	struct gp_focus *focus;
	struct gp_shortcut *shortcut;
	struct wlr_keyboard wlr_keyboard; // all of them; has no keymap
	struct wl_list devices; // struct keyboard_device.link
	uint8_t held[KEY_CNT]; // by how many keyboards the key is held
	uint32_t leds; // enum wlr_keyboard_led

	struct wl_listener focus_changed;
	struct wl_listener guest_leds;
};

/* Keys that the shortcut takes do not get to guests. */
void gp_keyboard_init(
	struct gp_keyboard *keyboard, struct gp_focus *focus, struct gp_shortcut *shortcut);
/* Releases all keys. */
void gp_keyboard_finish(struct gp_keyboard *keyboard);
/* The keyboard leaves when it is destroyed. */
void gp_keyboard_add(struct gp_keyboard *keyboard, struct wlr_keyboard *wlr_keyboard);

#endif
