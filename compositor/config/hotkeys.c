#include "compositor/config/hotkeys.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	uint16_t code;
} keys[] = {
	{"LeftCtrl", KEY_LEFTCTRL},
	{"RightCtrl", KEY_RIGHTCTRL},
	{"LeftShift", KEY_LEFTSHIFT},
	{"RightShift", KEY_RIGHTSHIFT},
	{"LeftAlt", KEY_LEFTALT},
	{"RightAlt", KEY_RIGHTALT},
	{"LeftMeta", KEY_LEFTMETA},
	{"RightMeta", KEY_RIGHTMETA},
	{"Menu", KEY_COMPOSE},
	{"ScrollLock", KEY_SCROLLLOCK},
	{"Pause", KEY_PAUSE},
};

static uint16_t find_key(const char *name, size_t length) {
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].name) == length && strncmp(keys[i].name, name, length) == 0) {
			return keys[i].code;
		}
	}
	return KEY_RESERVED;
}

bool gp_hotkey_parse(struct gp_hotkey *hotkey, const char *text) {
	*hotkey = (struct gp_hotkey){0};
	if (strcmp(text, "none") == 0) {
		return true;
	}
	for (;;) {
		size_t length = strcspn(text, "+");
		uint16_t code = find_key(text, length);
		if (code == KEY_RESERVED || hotkey->n == GP_HOTKEY_KEYS_MAX) {
			return false;
		}
		hotkey->keys[hotkey->n++] = code;
		if (text[length] == '\0') {
			return true;
		}
		text += length + 1;
	}
}

static const char *find_name(uint16_t code) {
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].code == code) {
			return keys[i].name;
		}
	}
	return "";
}

void gp_hotkey_print(const struct gp_hotkey *hotkey, char text[GP_HOTKEY_TEXT_MAX]) {
	size_t length = 0;
	text[0] = '\0';
	for (size_t i = 0; i < hotkey->n && length < GP_HOTKEY_TEXT_MAX; i++) {
		length += snprintf(text + length, GP_HOTKEY_TEXT_MAX - length, "%s%s",
			i > 0 ? "+" : "", find_name(hotkey->keys[i]));
	}
}

enum gp_hotkey_action gp_hotkey_find(
	const struct gp_hotkey *hotkey, const uint8_t *held, uint32_t code) {
	for (size_t i = 0; i < hotkey->n; i++) {
		if (held[hotkey->keys[i]] == 0) {
			return GP_HOTKEY_NONE;
		}
	}
	if (hotkey->n == 0) {
		return GP_HOTKEY_NONE;
	}
	switch (code) {
	case KEY_TAB:
		return GP_HOTKEY_NEXT_GUEST;
	case KEY_L:
		return GP_HOTKEY_LOCK_POINTER;
	case KEY_G:
		return GP_HOTKEY_GRAB;
	case KEY_F:
		return GP_HOTKEY_FULLSCREEN;
	case KEY_H:
		return GP_HOTKEY_HUD;
	case KEY_Q:
		return GP_HOTKEY_QUIT;
	default:
		return GP_HOTKEY_NONE;
	}
}

unsigned gp_hotkey_find_vt(const uint8_t *held, uint32_t code) {
	bool ctrl = held[KEY_LEFTCTRL] != 0 || held[KEY_RIGHTCTRL] != 0;
	bool alt = held[KEY_LEFTALT] != 0 || held[KEY_RIGHTALT] != 0;
	if (!ctrl || !alt) {
		return 0;
	}
	if (code >= KEY_F1 && code <= KEY_F10) {
		return code - KEY_F1 + 1;
	}
	return code == KEY_F11 ? 11 : code == KEY_F12 ? 12 : 0;
}
