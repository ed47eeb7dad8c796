#include "compositor/output/shown.h"

#include <stdio.h>
#include <string.h>
#include <wlr/config.h>
#include <wlr/types/wlr_output.h>
#if WLR_HAS_X11_BACKEND
#include <wlr/backend/x11.h>
#endif

#include "compositor/config/settings.h"
#include "compositor/guest/scanout.h"
#include "compositor/nested/window.h"
#include "compositor/output/monitor.h"
#include "compositor/output/outputs.h"
#include "compositor/output/policy.h"
#include "guest-scanout-v1-protocol.h"

/* How long the label says how to release the keyboard. */
#define HINT_MS 5000

const char *gp_showing_name(enum gp_showing showing) {
	static const char *const names[] = {
		[GP_SHOWING_WAITING] = "waiting",
		[GP_SHOWING_NO_PICTURE] = "no-picture",
		[GP_SHOWING_GUEST] = "guest",
		[GP_SHOWING_PAUSED] = "paused",
		[GP_SHOWING_DISCONNECTED] = "gone",
		[GP_SHOWING_IMPORT_FAILED] = "import-failed",
	};
	return names[showing];
}

struct gp_view *gp_output_get_subject(const struct gp_output *output) {
	return output->view != NULL ? output->view : gp_policy_pick_subject(&output->views);
}

/* The status screen of a guest that has no picture. */
static void show_guest_screen(struct gp_output *output, const struct gp_view *view) {
	const struct gp_guest_scanout *scanout = view->scanout;
	const struct gp_guest *guest = scanout->guest;
	char message[GP_STATUS_SCREEN_TEXT_MAX] = "";

	output->showing = GP_SHOWING_NO_PICTURE;
	if (guest->state == GUEST_V1_STATE_WAITING) {
		output->showing = GP_SHOWING_WAITING;
		strcpy(message, "Waiting for the virtual machine to start");
	} else if (guest->state == GUEST_V1_STATE_GONE) {
		output->showing = GP_SHOWING_DISCONNECTED;
		strcpy(message, "The virtual machine has ended");
	} else if (scanout->failure[0] != '\0') {
		output->showing = GP_SHOWING_IMPORT_FAILED;
		snprintf(message, sizeof(message), "The picture cannot be shown: %s",
			scanout->failure);
	} else if (guest->state == GUEST_V1_STATE_PAUSED) {
		strcpy(message, "Paused, without a picture");
	} else {
		strcpy(message, "Connected, no picture yet");
	}
	gp_status_screen_show_screen(&output->status_screen, guest->name, message);
}

static void show_empty_screen(struct gp_output *output) {
	if (output->removed_guest[0] != '\0') {
		output->showing = GP_SHOWING_DISCONNECTED;
		gp_status_screen_show_screen(&output->status_screen, output->removed_guest,
			"The connection to the virtual machine was lost");
		return;
	}
	char message[GP_STATUS_SCREEN_TEXT_MAX];
	snprintf(message, sizeof(message), "Bridges connect to %s", output->outputs->bridge_socket);
	output->showing = GP_SHOWING_WAITING;
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

static void set_label(struct gp_output *output) {
	char hint[HINT_MAX];
	get_hint(output, hint);
	if (output->showing == GP_SHOWING_PAUSED) {
		gp_status_screen_set_label(&output->status_screen, "Paused");
	} else {
		gp_status_screen_set_label(&output->status_screen, output->hint ? hint : NULL);
	}
}

static void refresh(struct gp_output *output) {
	switch_view(output,
		gp_monitor_is_connected(output) ? gp_policy_pick_front(&output->views) : NULL);

	const struct gp_view *subject = gp_output_get_subject(output);
	if (subject != NULL) {
		output->removed_guest[0] = '\0';
	}
	if (output->view != NULL) {
		bool paused = output->view->scanout->guest->state == GUEST_V1_STATE_PAUSED;
		output->showing = paused ? GP_SHOWING_PAUSED : GP_SHOWING_GUEST;
		gp_status_screen_hide_screen(&output->status_screen);
	} else if (subject != NULL) {
		show_guest_screen(output, subject);
	} else {
		show_empty_screen(output);
	}
	set_label(output);
	set_window_title(output, subject);
	if (output->status_screen.dirty) {
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

void gp_output_add_view(struct gp_output *output, struct gp_view *view) {
	wl_list_insert(output->views.prev, &view->output_link);
	gp_view_set_target(view, &output->target);
	gp_output_set_dirty(output);
}

void gp_output_remove_view(struct gp_output *output, struct gp_view *view) {
	wl_list_remove(&view->output_link);
	wl_list_init(&view->output_link);
	gp_frame_queue_forget_view(&output->frames, view);
	if (output->view == view) {
		switch_view(output, NULL);
		wl_signal_emit_mutable(&output->outputs->events.shown, output);
	}
	gp_output_set_dirty(output);
}

static void handle_view_changed(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, view_changed);
	struct gp_outputs *outputs = output->outputs;
	gp_policy_note_change(data, gp_monitor_is_connected(output) ? &output->views : NULL,
		outputs->settings, ++outputs->stamp);
	gp_output_set_dirty(output);
}

static void handle_view_destroy(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, view_destroy);
	struct gp_view *view = data;
	if (view->scanout->guest_removed) {
		strcpy(output->removed_guest, view->scanout->guest->name);
	}
	gp_output_remove_view(output, view);
}

static int handle_hint_timer(void *data) {
	struct gp_output *output = data;
	output->hint = false;
	gp_output_set_dirty(output);
	return 0;
}

/* The window has all keys now, or not any more. The label says so once for each time that we ask. */
static void handle_window_inhibit(struct wl_listener *listener, void *data) {
	struct gp_output *output = wl_container_of(listener, output, window_inhibit);
	output->hint = output->window->is_inhibiting && !output->window->was_inhibiting;
	wl_event_source_timer_update(output->hint_timer, output->hint ? HINT_MS : 0);
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
	output->hint_timer =
		wl_event_loop_add_timer(output->outputs->loop, handle_hint_timer, output);
	return output->hint_timer != NULL;
}

void gp_output_shown_finish(struct gp_output *output) {
	if (output->window_inhibit.notify != NULL) {
		wl_list_remove(&output->window_inhibit.link);
	}
	if (output->hint_timer != NULL) {
		wl_event_source_remove(output->hint_timer);
		output->hint_timer = NULL;
	}
	if (output->refresh != NULL) {
		wl_event_source_remove(output->refresh);
		output->refresh = NULL;
	}
}
