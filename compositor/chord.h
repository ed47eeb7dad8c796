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

struct gp_chord {
	uint16_t keys[GP_CHORD_KEYS_MAX]; // evdev codes
	size_t n; // 0: there is no chord
};

enum gp_chord_action {
	GP_CHORD_NONE, // the key is the guest's
	GP_CHORD_NEXT_GUEST, // Tab
	GP_CHORD_LOCK_POINTER, // L
};

/* Parses names of keys with + between them, or "none". False: it is neither. */
bool gp_chord_parse(struct gp_chord *chord, const char *text);

/* What the key is for. held has a number that is not 0 for each key that is down. */
enum gp_chord_action gp_chord_find(
	const struct gp_chord *chord, const uint8_t *held, uint32_t code);

#endif
