#include "compositor/seat/shortcut.h"

#include <wlr/backend/session.h>
#include <wlr/types/wlr_cursor.h>

#include "compositor/config/hotkeys.h"
#include "compositor/config/options.h"
#include "compositor/config/settings.h"
#include "compositor/nested/window.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/placement.h"
#include "compositor/seat/focus.h"
#include "compositor/seat/grab.h"
#include "compositor/seat/pointer.h"
#include "compositor/seat/spot.h"

/* The one that the user works with: of the guest that has the keyboard, or under the pointer. */
static struct gp_output *find_output(const struct gp_shortcut *shortcut) {
	const struct gp_focus *focus = shortcut->pointer->focus;
	const struct wlr_cursor *cursor = shortcut->pointer->cursor;
	struct gp_output *output = gp_focus_get_output(focus);
	return output != NULL ? output : gp_spot_find_output(focus->outputs, cursor->x, cursor->y);
}

static void do_action(struct gp_shortcut *shortcut, enum gp_hotkey_action action) {
	struct gp_output *output = find_output(shortcut);
	switch (action) {
	case GP_HOTKEY_LOCK_POINTER:
		gp_pointer_toggle_lock(shortcut->pointer);
		break;
	case GP_HOTKEY_NEXT_GUEST:
		if (output != NULL) {
			gp_placement_next_guest(shortcut->placement, output);
		}
		break;
	case GP_HOTKEY_GRAB:
		gp_grab_toggle(shortcut->grab);
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

bool gp_shortcut_handle_key(
	struct gp_shortcut *shortcut, const uint8_t *held, uint32_t code, bool pressed) {
	const struct gp_outputs *outputs = shortcut->pointer->focus->outputs;
	const struct gp_settings *settings = outputs->settings;
	struct wlr_session *session = outputs->session;
	if (!pressed) {
		bool was_taken = shortcut->taken[code];
		shortcut->taken[code] = false;
		return was_taken;
	}
	enum gp_hotkey_action action = gp_hotkey_find(gp_settings_get_hotkey(settings), held, code);
	unsigned vt =
		settings->options->vt_switch && session != NULL ? gp_hotkey_find_vt(held, code) : 0;
	if (action == GP_HOTKEY_NONE && vt == 0) {
		return false;
	}
	shortcut->taken[code] = true;
	if (vt != 0) {
		wlr_session_change_vt(session, vt);
	} else {
		do_action(shortcut, action);
	}
	return true;
}

void gp_shortcut_init(struct gp_shortcut *shortcut, struct gp_pointer *pointer,
	struct gp_grab *grab, struct gp_placement *placement) {
	shortcut->pointer = pointer;
	shortcut->grab = grab;
	shortcut->placement = placement;
}
