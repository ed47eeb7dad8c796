#ifndef GP_COMPOSITOR_CHORD_H
#define GP_COMPOSITOR_CHORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Keys that, held together, make the next key one for the compositor. All other keys are the
 * guest's, and so are these themselves.
 */

#define GP_CHORD_KEYS_MAX 4
#define GP_CHORD_TEXT_MAX 64
#define GP_CHORD_DEFAULT "LeftCtrl+LeftMeta"
/* What gp_chord_parse understands, in words. */
#define GP_CHORD_RULE                                                                              \
	"none, or one to four of Left and Right Ctrl, Shift, Alt and Meta, Menu, ScrollLock and "  \
	"Pause, like " GP_CHORD_DEFAULT

struct gp_chord {
	uint16_t keys[GP_CHORD_KEYS_MAX]; // evdev codes
	size_t n; // 0: there is no chord
};

enum gp_chord_action {
	GP_CHORD_NONE, // the key is the guest's
	GP_CHORD_NEXT_GUEST, // Tab
	GP_CHORD_LOCK_POINTER, // L
	GP_CHORD_GRAB, // G
	GP_CHORD_FULLSCREEN, // F
};

/* Parses names of keys with + between them, or "none". False: it is neither. */
bool gp_chord_parse(struct gp_chord *chord, const char *text);

/* Writes its names; empty if there is no chord. */
void gp_chord_print(const struct gp_chord *chord, char text[GP_CHORD_TEXT_MAX]);

/* What the key is for. held has a number that is not 0 for each key that is down. */
enum gp_chord_action gp_chord_find(
	const struct gp_chord *chord, const uint8_t *held, uint32_t code);

#endif
