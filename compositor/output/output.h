#ifndef GP_COMPOSITOR_OUTPUT_OUTPUT_H
#define GP_COMPOSITOR_OUTPUT_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "compositor/guest/guest.h"
#include "compositor/output/frame_queue.h"
#include "compositor/output/refusals.h"
#include "compositor/output/status_screen.h"
#include "compositor/view/cursor_plane.h"
#include "compositor/view/view.h"

struct gp_outputs;
struct gp_window;
struct wlr_output;
struct wlr_scene;
struct wlr_scene_output;
struct wlr_box;
struct wlr_output_event_present;
struct wlr_output_state;

enum gp_showing {
	GP_SHOWING_WAITING, // for a virtual machine
	GP_SHOWING_NO_PICTURE,
	GP_SHOWING_GUEST,
	GP_SHOWING_PAUSED,
	GP_SHOWING_DISCONNECTED,
	GP_SHOWING_IMPORT_FAILED,
};

/**
 * An output. It shows the picture of one guest, or a status screen, but never black without a
 * reason. Each output has a scene of its own, in device pixels: the output's scale and its place in
 * the layout are only told to guests and clients. Outputs that overlap in the layout do not show
 * each other's pictures, and a frame of one costs the same however many others there are.
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
	struct gp_view *view; // that is shown; may be NULL
	enum gp_showing showing;
	char removed_guest[GP_GUEST_NAME_MAX + 1]; // that went without a word; empty if none

	struct gp_window *window; // in a Wayland compositor, or NULL
	char title[GP_GUEST_TITLE_MAX + 128]; // of the window, if nested
	struct wl_event_source *hint_timer;
	bool has_hint; // how to release the keyboard, over the picture
	bool is_leaving; // being destroyed
	bool is_configuring; // a commit of settings is made: wlr_scene tries no scan-out

	struct gp_frame_queue frames;
	uint64_t n_frames[GP_PATHS];
	struct gp_refusals refusals;
	bool is_locked; // composition is: the picture was refused, or has an alpha channel
	uint64_t latch_ns; // when the frame that is being made was begun, for the trace

	struct wl_event_source *info_timer;

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

/* Commits the state together with what is shown, so that there is no black frame. */
bool gp_output_commit_state(struct gp_output *output, struct wlr_output_state *state);
/* Puts it into the layout, or moves it there; NULL for the next free place. */
void gp_output_update_layout(struct gp_output *output, const struct wlr_box *position);
/* The monitor's description has changed. Guests are told after a moment. */
void gp_output_handle_monitor(struct gp_output *output);

/* output_settings.c */

/* Applies what the configuration says. Returns false, after logging, if the output refuses it. */
bool gp_output_apply_settings(struct gp_output *output);

/* output_screen.c */

/* Decides what is shown, after something about a view, its guest or the size has changed. */
void gp_output_refresh(struct gp_output *output);
/* Where the view is placed, or NULL. */
struct gp_output *gp_output_from_view(const struct gp_view *view);
/* Takes a view that is hidden and on no output. */
void gp_output_add_view(struct gp_output *output, struct gp_view *view);
/* Hides the view; it has to get another target. */
void gp_output_remove_view(struct gp_output *output, struct gp_view *view);
/* For the target's events. */
void gp_output_listen_to_views(struct gp_output *output);
/* The view that is shown, or the one that the status screen is about; NULL if there is none. */
struct gp_view *gp_output_get_subject(const struct gp_output *output);

const char *gp_showing_name(enum gp_showing showing);

/* output_frame.c */

/* Commits a frame if there is something new, and tells clients that it is time for the next. */
void gp_output_frame_make(struct gp_output *output);
/* Notes a guest's frame that was committed, to be counted when it is on screen. */
void gp_output_frame_handle_commit(struct gp_output *output);
void gp_output_frame_handle_present(
	struct gp_output *output, const struct wlr_output_event_present *event);
/* Forgets what was refused: something has changed that it may have depended on. */
void gp_output_frame_reset(struct gp_output *output);

#endif
