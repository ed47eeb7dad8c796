#ifndef GP_COMPOSITOR_SEAT_SHORTCUT_H
#define GP_COMPOSITOR_SEAT_SHORTCUT_H

#include <linux/input-event-codes.h>
#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_grab;
struct gp_placement;
struct gp_pointer;

/**
 * Keys that are for the compositor: what the user's hotkeys do, and the keys that ask for a virtual
 * terminal, unless they are for the guest in focus. A guest gets neither their press nor their
 * release.
 */
struct gp_shortcut {
	struct gp_pointer *pointer;
	struct gp_grab *grab;
	struct gp_placement *placement;
	bool taken[KEY_CNT]; // the press was for us, and so is the release
	uint64_t quit_end_ns; // until when the question is asked whether to quit; 0: it is not

	struct {
		struct wl_signal quit; // NULL: the user has confirmed
	} events;
};

/* All must stay valid. */
void gp_shortcut_init(struct gp_shortcut *shortcut, struct gp_pointer *pointer,
	struct gp_grab *grab, struct gp_placement *placement);

/**
 * Returns whether the key, which was pressed or released, is for the compositor, and does what it
 * is for. held is not 0 for each key that is down.
 */
bool gp_shortcut_handle_key(
	struct gp_shortcut *shortcut, const uint8_t *held, uint32_t code, bool pressed);

#endif
