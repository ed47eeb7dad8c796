#ifndef GP_COMPOSITOR_CONFIG_HOTKEYS_H
#define GP_COMPOSITOR_CONFIG_HOTKEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * While all keys of the hotkey are held, some others are the compositor's. All other keys are the
 * guest's, those of the hotkey included.
 */

#define GP_HOTKEY_KEYS_MAX 4
#define GP_HOTKEY_TEXT_MAX 64
#define GP_HOTKEY_DEFAULT "LeftCtrl+LeftMeta"
/* What gp_hotkey_parse takes, for error messages. */
#define GP_HOTKEY_RULE                                                                             \
	"none, or one to four of Left and Right Ctrl, Shift, Alt and Meta, Menu, ScrollLock and "  \
	"Pause, like " GP_HOTKEY_DEFAULT

struct gp_hotkey {
	uint16_t keys[GP_HOTKEY_KEYS_MAX]; // evdev codes
	size_t n; // 0: there is no hotkey
};

enum gp_hotkey_action {
	GP_HOTKEY_NONE, // the key is the guest's
	GP_HOTKEY_NEXT_GUEST, // Tab
	GP_HOTKEY_LOCK_POINTER, // L
	GP_HOTKEY_GRAB, // G
	GP_HOTKEY_FULLSCREEN, // F
	GP_HOTKEY_QUIT, // Q
	GP_HOTKEY_HUD, // H
};

/* Parses names of keys with + between them, or "none". Returns false if the text is neither. */
bool gp_hotkey_parse(struct gp_hotkey *hotkey, const char *text);

/* Writes the names of the keys; empty if there is no hotkey. */
void gp_hotkey_print(const struct gp_hotkey *hotkey, char text[GP_HOTKEY_TEXT_MAX]);

/* Returns what pressing the key does. held has one number per key code: 0 if the key is up. */
enum gp_hotkey_action gp_hotkey_find(
	const struct gp_hotkey *hotkey, const uint8_t *held, uint32_t code);
/* The virtual terminal that Ctrl, Alt and a function key ask for; 0: none. */
unsigned gp_hotkey_find_vt(const uint8_t *held, uint32_t code);

#endif
