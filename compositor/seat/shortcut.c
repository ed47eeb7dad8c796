#include "compositor/seat/shortcut.h"

#include <stdio.h>
#include <wlr/backend/session.h>
#include <wlr/types/wlr_cursor.h>

#include "common/clock.h"
#include "compositor/config/hotkeys.h"
#include "compositor/config/options.h"
#include "compositor/config/settings.h"
#include "compositor/nested/window.h"
#include "compositor/output/output.h"
#include "compositor/output/outputs.h"
#include "compositor/output/placement.h"
#include "compositor/output/shown.h"
#include "compositor/seat/focus.h"
#include "compositor/seat/grab.h"
#include "compositor/seat/pointer.h"
#include "compositor/seat/spot.h"

/* For how long the question stands. */
#define QUESTION_NS UINT64_C(5000000000)

/* The one that the user works with: of the guest that has the keyboard, or under the pointer. */
static struct gp_output *find_output(const struct gp_shortcut *shortcut) {
	const struct gp_focus *focus = shortcut->pointer->focus;
	const struct wlr_cursor *cursor = shortcut->pointer->cursor;
	struct gp_output *output = gp_focus_get_output(focus);
	return output != NULL ? output : gp_spot_find_output(focus->outputs, cursor->x, cursor->y);
}

/* The first time asks on the screen; again while that is to be read, it is the answer. */
static void quit(struct gp_shortcut *shortcut) {
	struct gp_outputs *outputs = shortcut->pointer->focus->outputs;
	char keys[GP_HOTKEY_TEXT_MAX], question[GP_HOTKEY_TEXT_MAX + 64];
	uint64_t now_ns = gp_now_ns();
	if (!gp_settings_can_quit(outputs->settings)) {
		return;
	}
	if (now_ns < shortcut->quit_end_ns) {
		wl_signal_emit_mutable(&shortcut->events.quit, NULL);
		return;
	}
	shortcut->quit_end_ns = now_ns + QUESTION_NS;
	gp_hotkey_print(gp_settings_get_hotkey(outputs->settings), keys);
	snprintf(question, sizeof(question), "%s+Q again quits Guestpane", keys);
	gp_outputs_show_notice(outputs, question, shortcut->quit_end_ns);
}

/* Where a guest's picture is, they are the guest's. */
static bool may_switch_vt(const struct gp_shortcut *shortcut) {
	const struct gp_focus *focus = shortcut->pointer->focus;
	const struct gp_output *output = gp_focus_get_output(focus);
	return focus->outputs->settings->options->vt_switch || output == NULL ||
		!gp_output_shows_guest(output);
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
	case GP_HOTKEY_HUD: {
		struct gp_outputs *outputs = shortcut->pointer->focus->outputs;
		gp_outputs_set_hud(outputs, !outputs->has_hud);
		break;
	}
	case GP_HOTKEY_QUIT:
		quit(shortcut);
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
		session != NULL && may_switch_vt(shortcut) ? gp_hotkey_find_vt(held, code) : 0;
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
	wl_signal_init(&shortcut->events.quit);
}
