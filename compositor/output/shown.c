#include "compositor/output/shown.h"

#include <stdio.h>
#include <string.h>
#include <wlr/config.h>
#include <wlr/types/wlr_output.h>
#if WLR_HAS_X11_BACKEND
#include <wlr/backend/x11.h>
#endif

#include "common/clock.h"
#include "compositor/config/settings.h"
#include "compositor/guest/scanout.h"
#include "compositor/guest/scanout_events.h"
#include "compositor/nested/window.h"
#include "compositor/output/hud.h"
#include "compositor/output/monitor.h"
#include "compositor/output/outputs.h"
#include "compositor/output/policy.h"
#include "guest-scanout-v1-protocol.h"

#define NS_PER_MS UINT64_C(1000000)
/* How long the label says how to release the keyboard. */
#define HINT_NS (5000 * NS_PER_MS)
/* How long the output says that a scanout is off, before it is black. */
#define OFF_WORDS_NS (2000 * NS_PER_MS)
/*
 * A driver that is loaded or unloaded, a boot loader that hands over and a reset look like a pause for
 * as long as they take.
 */
#define PAUSED_DELAY_NS (2000 * NS_PER_MS)

const char *gp_showing_name(enum gp_showing showing) {
	static const char *const names[] = {
		[GP_SHOWING_WAITING] = "waiting",
		[GP_SHOWING_NO_PICTURE] = "no-picture",
		[GP_SHOWING_OFF] = "off",
		[GP_SHOWING_GUEST] = "guest",
		[GP_SHOWING_PAUSED] = "paused",
		[GP_SHOWING_DISCONNECTED] = "disconnected",
		[GP_SHOWING_IMPORT_FAILED] = "import-failed",
	};
	return names[showing];
}

bool gp_output_shows_guest(const struct gp_output *output) {
	return output->showing == GP_SHOWING_GUEST || output->showing == GP_SHOWING_PAUSED ||
		output->showing == GP_SHOWING_OFF;
}

struct gp_view *gp_output_get_subject(const struct gp_output *output) {
	if (output->front != NULL) {
		return output->front;
	}
	return output->place.guest[0] == '\0' ? gp_policy_pick_subject(&output->views) : NULL;
}

static enum gp_showing find_showing(const struct gp_view *subject) {
	const struct gp_guest_scanout *scanout = subject->scanout;
	if (scanout->guest->state == GUEST_V1_STATE_WAITING) {
		return GP_SHOWING_WAITING;
	}
	if (scanout->guest->state == GUEST_V1_STATE_DISCONNECTED) {
		return GP_SHOWING_DISCONNECTED;
	}
	if (scanout->failure[0] != '\0') {
		return GP_SHOWING_IMPORT_FAILED;
	}
	if (!subject->has_picture) {
		return gp_view_had_picture(subject) && !scanout->content_lost
			? GP_SHOWING_OFF
			: GP_SHOWING_NO_PICTURE;
	}
	return scanout->guest->state == GUEST_V1_STATE_PAUSED ? GP_SHOWING_PAUSED
							      : GP_SHOWING_GUEST;
}

/* The status screen of a guest, if what it shows needs one. */
static void show_guest_screen(
	struct gp_output *output, const struct gp_view *subject, uint64_t now_ns) {
	char message[GP_STATUS_SCREEN_TEXT_MAX] = "";
	switch (output->showing) {
	case GP_SHOWING_WAITING:
		strcpy(message, "Waiting for the virtual machine to start");
		break;
	case GP_SHOWING_DISCONNECTED:
		strcpy(message, "The virtual machine has ended");
		break;
	case GP_SHOWING_IMPORT_FAILED:
		snprintf(message, sizeof(message), "The picture cannot be shown: %s",
			subject->scanout->failure);
		break;
	case GP_SHOWING_NO_PICTURE:
		strcpy(message,
			gp_view_had_picture(subject) ? "No picture at the moment"
						     : "Started, no picture yet");
		break;
	case GP_SHOWING_OFF:
		if (now_ns < output->showing_ns + OFF_WORDS_NS) {
			strcpy(message, "The screen is off");
		}
		break;
	case GP_SHOWING_GUEST:
	case GP_SHOWING_PAUSED:
		break;
	}
	if (message[0] != '\0') {
		gp_status_screen_show_screen(
			&output->status_screen, subject->scanout->guest->name, message);
	} else {
		gp_status_screen_hide_screen(&output->status_screen);
	}
}

/* How to get away from a status screen. */
static void set_foot(struct gp_output *output) {
	const struct gp_outputs *outputs = output->outputs;
	char keys[GP_HOTKEY_TEXT_MAX], foot[GP_STATUS_SCREEN_TEXT_MAX];
	gp_hotkey_print(gp_settings_get_hotkey(outputs->settings), keys);
	FILE *out = fmemopen(foot, sizeof(foot), "w");
	if (out == NULL) {
		return;
	}
	fputs("Guestpane", out);
	if (keys[0] != '\0') {
		fprintf(out, "  ·  %s+Tab: next guest", keys);
	}
	if (gp_settings_can_quit(outputs->settings)) {
		fprintf(out, "  ·  %s+Q: quit", keys);
	}
	if (outputs->session != NULL) {
		fputs("  ·  Ctrl+Alt+F2: terminal", out);
	}
	fclose(out);
	foot[sizeof(foot) - 1] = '\0';
	gp_status_screen_set_foot(&output->status_screen, foot);
}

static void show_empty_screen(struct gp_output *output) {
	if (output->removed_guest[0] != '\0') {
		gp_status_screen_show_screen(&output->status_screen, output->removed_guest,
			"The connection to the virtual machine was lost");
		return;
	}
	char message[GP_STATUS_SCREEN_TEXT_MAX] = "Each has a bridge socket of its own";
	if (output->outputs->bridge_socket != NULL) {
		snprintf(message, sizeof(message), "Bridges connect to %s",
			output->outputs->bridge_socket);
	}
	gp_status_screen_show_screen(
		&output->status_screen, "Waiting for a virtual machine", message);
}

#define HINT_MAX (GP_HOTKEY_TEXT_MAX + 32)

/* How to release the keyboard, while the window has all keys; empty otherwise. */
static void get_hint(const struct gp_output *output, char hint[HINT_MAX]) {
	char hotkey[GP_HOTKEY_TEXT_MAX];
	hint[0] = '\0';
	if (output->window != NULL && output->window->is_inhibiting) {
		gp_hotkey_print(gp_settings_get_hotkey(output->outputs->settings), hotkey);
		snprintf(hint, HINT_MAX, "%s+G releases the keyboard", hotkey);
	}
}

static void set_window_title(struct gp_output *output, const struct gp_view *subject) {
	char title[sizeof(output->title)], hint[HINT_MAX];
	get_hint(output, hint);
	snprintf(title, sizeof(title), "%s%sGuestpane%s%s",
		subject != NULL ? subject->scanout->guest->title : "", subject != NULL ? " – " : "",
		hint[0] != '\0' ? " – " : "", hint);
	if (strcmp(title, output->title) == 0) {
		return;
	}
	strcpy(output->title, title);
	if (output->window != NULL) {
		gp_window_set_title(output->window, title);
	}
#if WLR_HAS_X11_BACKEND
	if (wlr_output_is_x11(output->wlr_output)) {
		wlr_x11_output_set_title(output->wlr_output, title);
	}
#endif
}

static void switch_view(struct gp_output *output, struct gp_view *view) {
	struct gp_view *old = output->view;
	output->view = view;
	if (old != NULL && old != view) {
		gp_view_set_shown(old, false);
	}
	if (view != NULL) {
		gp_view_set_shown(view, output->power == GP_POWER_ON);
	}
}

static bool is_of_guest(const struct gp_view *view, const char *name) {
	return strcmp(view->scanout->guest->name, name) == 0;
}

/* Whether the user could take the guest in front for another one. */
static bool has_others(const struct gp_output *output) {
	const char *name = output->front->scanout->guest->name;
	const struct gp_view *view;
	wl_list_for_each (view, &output->views, output_link) {
		if (!is_of_guest(view, name)) {
			return true;
		}
	}
	return output->last_guest[0] != '\0' && strcmp(output->last_guest, name) != 0;
}

static void update_front(struct gp_output *output, uint64_t now_ns) {
	struct gp_outputs *outputs = output->outputs;
	const struct gp_policy_place *place =
		gp_policy_is_kept(&output->place, now_ns) ? &output->place : NULL;
	struct gp_view *wanted =
		gp_policy_pick_front(&output->views, output->last_guest, false, place);
	output->front = outputs->held
		? gp_policy_pick_front(&output->views, output->last_guest, true, place)
		: wanted;
	if (output->front != NULL || place == NULL) {
		output->place.guest[0] = '\0';
	}
	output->front_waits = output->front != wanted;
	if (output->front == NULL) {
		output->name_end_ns = 0;
		return;
	}
	if (!output->front->front) {
		gp_policy_set_front(&output->views, output->front, ++outputs->stamp);
	}
	const char *name = output->front->scanout->guest->name;
	if (strcmp(output->last_guest, name) != 0) {
		uint64_t label_ns = gp_settings_get_label_ms(outputs->settings) * NS_PER_MS;
		output->name_end_ns = has_others(output) ? now_ns + label_ns : 0;
		strcpy(output->last_guest, name);
	}
}

/* Over a picture only: a status screen says all. */
static bool has_hud(const struct gp_output *output) {
	return output->outputs->has_hud && output->view != NULL && output->view->has_picture &&
		output->power == GP_POWER_ON;
}

static void set_label(struct gp_output *output, uint64_t now_ns) {
	const struct gp_view *front = output->front;
	char hint[HINT_MAX], hud[GP_HUD_TEXT_MAX];
	const char *text = NULL;
	get_hint(output, hint);
	if (has_hud(output)) {
		gp_hud_print(&output->hud, output->view, now_ns, hud);
		text = hud;
	}
	if (now_ns < output->hint_end_ns) {
		text = hint;
	}
	if (output->showing == GP_SHOWING_PAUSED &&
		now_ns >= output->showing_ns + PAUSED_DELAY_NS) {
		text = "Paused";
	}
	if (front != NULL && front->has_picture && now_ns < output->name_end_ns) {
		text = front->scanout->guest->name;
	}
	if (now_ns < output->outputs->notice_end_ns) {
		text = output->outputs->notice;
	}
	bool had_label = output->status_screen.label_text[0] != '\0';
	gp_status_screen_set_label(&output->status_screen, text);
	bool has_label = output->status_screen.label_text[0] != '\0';
	output->label_changed |= had_label != has_label;
}

/* Refreshes again when the next of the words is due. */
static void arm_words_timer(const struct gp_output *output, uint64_t now_ns) {
	const uint64_t ends_ns[] = {
		output->hint_end_ns,
		output->name_end_ns,
		output->outputs->notice_end_ns,
		has_hud(output) ? output->hud.start_ns + GP_HUD_PERIOD_NS : 0,
		output->place.guest[0] != '\0' ? output->place.end_ns : 0,
		output->showing == GP_SHOWING_OFF ? output->showing_ns + OFF_WORDS_NS : 0,
		output->showing == GP_SHOWING_PAUSED ? output->showing_ns + PAUSED_DELAY_NS : 0,
		gp_status_screen_due_ns(&output->status_screen),
	};
	uint64_t next_ns = UINT64_MAX;
	for (size_t i = 0; i < sizeof(ends_ns) / sizeof(ends_ns[0]); i++) {
		if (ends_ns[i] > now_ns && ends_ns[i] < next_ns) {
			next_ns = ends_ns[i];
		}
	}
	int ms = next_ns != UINT64_MAX ? (int)((next_ns - now_ns) / NS_PER_MS) + 1 : 0;
	wl_event_source_timer_update(output->words_timer, ms);
}

static void refresh(struct gp_output *output) {
	uint64_t now_ns = gp_now_ns();
	const struct gp_view *old_view = output->view;
	enum gp_showing old_showing = output->showing;
	update_front(output, now_ns);
	switch_view(output, gp_monitor_is_connected(output) ? output->front : NULL);
	if (output->view != NULL && !output->view->has_picture) {
		struct gp_guest_scanout *scanout = output->view->scanout;
		gp_guest_scanout_send_path(scanout, GUEST_SCANOUT_V1_PATH_NONE,
			scanout->failure[0] != '\0' ? scanout->failure
						    : "the scanout has no picture");
	}

	const struct gp_view *subject = gp_output_get_subject(output);
	if (subject != NULL) {
		output->removed_guest[0] = '\0';
		output->showing = find_showing(subject);
	} else {
		output->showing = output->removed_guest[0] != '\0' ? GP_SHOWING_DISCONNECTED
								   : GP_SHOWING_WAITING;
	}
	if (output->showing != old_showing || output->view != old_view) {
		output->showing_ns = now_ns;
	}
	if (subject != NULL) {
		show_guest_screen(output, subject, now_ns);
	} else {
		show_empty_screen(output);
	}
	set_foot(output);
	set_label(output, now_ns);
	arm_words_timer(output, now_ns);
	set_window_title(output, subject);
	if (output->status_screen.dirty &&
		gp_status_screen_due_ns(&output->status_screen) <= now_ns) {
		wlr_output_schedule_frame(output->wlr_output);
	}
	wl_signal_emit_mutable(&output->outputs->events.shown, output);
}

static void handle_refresh(void *data) {
	struct gp_output *output = data;
	output->refresh = NULL;
	refresh(output);
}

void gp_output_set_dirty(struct gp_output *output) {
	if (output->destroying || output->refresh != NULL) {
		return;
	}
	output->refresh = wl_event_loop_add_idle(output->outputs->loop, handle_refresh, output);
	if (output->refresh == NULL) {
		refresh(output);
	}
}

void gp_output_refresh(struct gp_output *output) {
	if (output->refresh != NULL) {
		wl_event_source_remove(output->refresh);
		handle_refresh(output);
	}
}

void gp_output_set_front(struct gp_output *output, struct gp_view *view) {
	gp_policy_set_front(&output->views, view, ++output->outputs->stamp);
	output->place.guest[0] = '\0';
	gp_output_set_dirty(output);
}

void gp_output_add_view(struct gp_output *output, struct gp_view *view) {
	wl_list_insert(output->views.prev, &view->output_link);
	gp_view_set_target(view, &output->target);
	gp_output_set_dirty(output);
}

void gp_output_remove_view(struct gp_output *output, struct gp_view *view) {
	wl_list_remove(&view->output_link);
	wl_list_init(&view->output_link);
	gp_frame_queue_forget_view(&output->frames, view);
	if (output->front == view) {
		output->front = NULL;
	}
	if (output->view == view) {
		switch_view(output, NULL);
		wl_signal_emit_mutable(&output->outputs->events.shown, output);
	}
	gp_output_set_dirty(output);
}

void gp_outputs_show_notice(struct gp_outputs *outputs, const char *text, uint64_t end_ns) {
	struct gp_output *output;
	snprintf(outputs->notice, sizeof(outputs->notice), "%s", text);
	outputs->notice_end_ns = end_ns;
	wl_list_for_each (output, &outputs->list, link) {
		gp_output_set_dirty(output);
	}
}

void gp_outputs_set_hud(struct gp_outputs *outputs, bool shown) {
	struct gp_output *output;
	outputs->has_hud = shown;
	wl_list_for_each (output, &outputs->list, link) {
		gp_output_set_dirty(output);
	}
}

static void handle_view_changed(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, view_changed);
	struct gp_outputs *outputs = output->outputs;
	gp_policy_note_change(data, outputs->settings, ++outputs->stamp);
	gp_output_set_dirty(output);
}

static void handle_view_destroy(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, view_destroy);
	struct gp_view *view = data;
	if (view->scanout->guest_removed) {
		/* Not of one behind, while the place is kept for another one. */
		if (view->front || output->place.guest[0] == '\0') {
			strcpy(output->removed_guest, view->scanout->guest->name);
		}
		gp_policy_keep_place(&output->place, view, gp_now_ns());
	}
	gp_output_remove_view(output, view);
}

static int handle_words_timer(void *data) {
	gp_output_set_dirty(data);
	return 0;
}

/* The window has all keys now, or not any more. The label says so once for each time that we ask. */
static void handle_window_inhibit(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, window_inhibit);
	bool hint = output->window->is_inhibiting && !output->window->was_inhibiting;
	output->hint_end_ns = hint ? gp_now_ns() + HINT_NS : 0;
	gp_output_set_dirty(output);
}

bool gp_output_shown_init(struct gp_output *output) {
	output->view_changed.notify = handle_view_changed;
	wl_signal_add(&output->target.events.changed, &output->view_changed);
	output->view_destroy.notify = handle_view_destroy;
	wl_signal_add(&output->target.events.destroy, &output->view_destroy);
	if (output->window != NULL) {
		output->window_inhibit.notify = handle_window_inhibit;
		wl_signal_add(&output->window->events.inhibit, &output->window_inhibit);
	}
	output->words_timer =
		wl_event_loop_add_timer(output->outputs->loop, handle_words_timer, output);
	return output->words_timer != NULL;
}

void gp_output_shown_finish(struct gp_output *output) {
	if (output->window_inhibit.notify != NULL) {
		wl_list_remove(&output->window_inhibit.link);
	}
	if (output->words_timer != NULL) {
		wl_event_source_remove(output->words_timer);
		output->words_timer = NULL;
	}
	if (output->refresh != NULL) {
		wl_event_source_remove(output->refresh);
		output->refresh = NULL;
	}
}
