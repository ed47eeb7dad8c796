#ifndef GP_COMPOSITOR_OUTPUT_OUTPUT_H
#define GP_COMPOSITOR_OUTPUT_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "compositor/guest/guest.h"
#include "compositor/output/frame_queue.h"
#include "compositor/output/hud.h"
#include "compositor/output/policy.h"
#include "compositor/output/refusals.h"
#include "compositor/output/status_screen.h"
#include "compositor/view/cursor_plane.h"
#include "compositor/view/view.h"

struct gp_outputs;
struct gp_window;
struct wlr_output;
struct wlr_scene;
struct wlr_scene_output;

enum gp_showing {
	GP_SHOWING_WAITING, // for a VM
	GP_SHOWING_NO_PICTURE, // in this life of the guest, or its memory was taken back
	GP_SHOWING_OFF, // the guest has switched its scanout off
	GP_SHOWING_GUEST,
	GP_SHOWING_PAUSED,
	GP_SHOWING_DISCONNECTED,
	GP_SHOWING_IMPORT_FAILED,
};

enum gp_power {
	GP_POWER_ON,
	GP_POWER_ASLEEP, // by itself; wakes up by itself
	GP_POWER_OFF, // it was switched off
};

/**
 * An output. It shows the picture of one guest, or a status screen, and black only after it has
 * said whose scanout is off. Each output has a scene of its own, in device pixels: its scale and
 * position are sent to guests and clients and change nothing here. Outputs that overlap in the
 * layout do not show each other's pictures, and a frame of one costs the same however many others
 * there are.
 *
 * What it does is in files by that: shown.h, frame.h, apply.h, monitor.h, power.h.
 */
struct gp_output {
	struct wl_list link; // gp_outputs.list
	struct gp_outputs *outputs;
	struct wlr_output *wlr_output;
	uint32_t slot;
	uint32_t scale_120;

	struct wlr_scene *scene; // the views and the status screen
	struct wlr_scene_output *scene_output;
	struct gp_status_screen status_screen;
	struct gp_cursor_plane cursor_plane;

	struct gp_view_target target; // of the views
	struct wl_list views; // gp_view.output_link: all that are placed here, as they came
	struct gp_view *front; // of them; has the focus, also without a picture; may be NULL
	struct gp_view *view; // the front if the output has a monitor (monitor.h), else NULL
	enum gp_showing showing;
	uint64_t showing_ns; // since when it shows that of that view
	struct wl_event_source *refresh; // pending: the above may be out of date; or NULL
	struct wl_event_source *words_timer; // the words on it are to change
	char last_guest[GP_GUEST_NAME_MAX + 1]; // that was in front last; empty if none was
	bool front_waits; // for keys and buttons to be released
	char removed_guest[GP_GUEST_NAME_MAX + 1]; // whose bridge disconnected; empty if none
	struct gp_policy_place place; // that is kept for it

	struct gp_window *window; // in a Wayland compositor, or NULL
	bool windowed; // in that window, or in one of an X server
	char title[GP_GUEST_TITLE_MAX + 128]; // of the window, if nested
	uint64_t hint_end_ns; // until when the label says how to release the keyboard
	uint64_t name_end_ns; // until when the label says whose picture it is
	bool label_changed; // it is there or not since the last frame whose path was reported
	bool destroying; // nothing is shown any more
	bool configuring; // a commit of settings is made: wlr_scene tries no scan-out

	struct gp_frame_queue frames;
	struct gp_hud hud;
	uint64_t n_frames[GP_PATHS];
	struct gp_refusals refusals;
	bool composited; // always: the picture was refused, or has an alpha channel
	uint64_t latch_ns; // when the frame that is being made was begun, for the trace

	struct wl_event_source *monitor_timer;

	/* Of power.c. */
	enum gp_power power; // GP_POWER_ON also if it is disabled, and no output for guests
	bool had_picture; // the view, when it was looked at last
	uint64_t input_ns; // when there was input here last
	uint64_t scanout_off_ns; // since when the guest's scanout is off, or 0
	struct wl_event_source *sleep_timer; // when to sleep because of that; may be NULL

	struct wl_listener view_changed;
	struct wl_listener view_destroy;
	struct wl_listener frame;
	struct wl_listener commit;
	struct wl_listener present;
	struct wl_listener request_state;
	struct wl_listener destroy;
	struct wl_listener window_inhibit;
};

/**
 * Takes the backend's new output and a slot, the lowest that is free. Returns NULL after logging if
 * it cannot be used.
 */
struct gp_output *gp_output_create(struct gp_outputs *outputs, struct wlr_output *wlr_output);
/* The wlr_output stays. */
void gp_output_destroy(struct gp_output *output);

/* Where the view is placed, or NULL. */
struct gp_output *gp_output_from_view(const struct gp_view *view);

#endif
