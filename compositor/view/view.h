#ifndef GP_COMPOSITOR_VIEW_VIEW_H
#define GP_COMPOSITOR_VIEW_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>

#include "compositor/guest/scanout.h"
#include "compositor/view/upload.h"
#include "compositor/view/view_cursor.h"

struct gp_cursor_plane;
struct gp_settings;
struct wlr_output;
struct wlr_scene_buffer;
struct wlr_scene_tree;

/* What about a view has changed: bits of gp_view_change.changes. */
enum gp_view_changes {
	GP_VIEW_PICTURE = 1 << 0, // it has a picture now, or none any more
	GP_VIEW_GUEST = 1 << 1, // its guest's state, title or generation
	GP_VIEW_FAILURE = 1 << 2, // why it has no picture
	GP_VIEW_FIRST_PICTURE = 1 << 3, // of its guest's life
};

struct gp_view_change {
	struct gp_view *view;
	uint32_t changes; // enum gp_view_changes
};

/**
 * Where views go: the scene of an output, or one that no output shows. Its owner keeps it until no
 * view points to it, and listens.
 */
struct gp_view_target {
	struct wlr_scene_tree *tree; // parent of the views' nodes
	struct wlr_output *wlr_output; // NULL: views are not seen here
	struct gp_cursor_plane *cursor_plane; // of the output
	const struct gp_settings *settings; // how guests are scaled on it

	struct {
		struct wl_signal changed; // struct gp_view_change
		/* struct gp_view, which is in no list any more; its guest and scanout are there. */
		struct wl_signal destroy;
	} events;
};

/**
 * A scanout in the scene: its picture, scaled to the output it is placed on, and its cursor.
 *
 * The picture is the guest's buffer itself, so that wlr_scene may scan it out, or a texture of it.
 * wlr_scene's own helper for surfaces is not used, as it sets the size to the surface's on each
 * commit, which would damage all of a scaled picture; what it does for frame callbacks and
 * presentation feedback is done here.
 */
struct gp_view {
	struct wl_list link; // gp_placement.views
	struct wl_list output_link; // gp_output.views, or itself
	struct gp_guest_scanout *scanout;
	struct gp_view_target *target; // never NULL

	struct wlr_scene_tree *tree; // in the target's
	struct wlr_scene_buffer *node;
	struct gp_upload upload; // if the picture is in shared memory
	/* Commits that wait for a frame, as there were too many since the last one. */
	bool late, late_whole;
	pixman_region32_t late_damage; // of them, unless late_whole
	struct gp_view_cursor cursor;
	/**
	 * Of the picture in the output, in pixels; may reach beyond it. It stays while the scanout
	 * is off. A scanout that never had a picture has all of the output.
	 */
	struct wlr_box box;
	struct wlr_box seen; // the part of the scanout that is inside the output, in its pixels
	struct wlr_fbox shape_source; // of the scanout, when it last had a picture
	int32_t shape_width, shape_height; // the same; 0: it never had one
	bool nearest; // scaled by a whole number, or not at all

	bool shown; // what it has is seen, and what it gets will be
	bool has_picture;
	uint32_t life; // of the guest, when it last got a picture; see gp_view_had_picture

	/* Of the policy. Stamps are an order of events, 0 is before all. */
	bool front; // it was made the front of an output and is it still
	bool wants_front; // it will be, when nothing is held
	uint64_t rank; // stamp of when it came to the front; 0: not in this life
	uint64_t change_stamp; // when it last had news for the status screen

	/* Of the frame that is being made. */
	uint64_t n_counted; // scanout.n_commits at the last frame that was counted
	bool sampled, direct;

	uint64_t n_frames[GP_PATHS]; // that were presented

	struct wl_listener scanout_commit;
	struct wl_listener scanout_guest;
	struct wl_listener scanout_cursor;
	struct wl_listener scanout_destroy;
	struct wl_listener output_sample;
	struct wl_listener frame_done;
};

/* The signals; the rest is up to the owner. */
void gp_view_target_init(struct gp_view_target *target);

/**
 * Makes a view that is hidden and in no list. It lives until its scanout is destroyed. Returns NULL
 * after logging if memory is short.
 */
struct gp_view *gp_view_create(struct gp_guest_scanout *scanout, struct gp_view_target *target);

/* Whether it has had a picture since its guest's life began. */
bool gp_view_had_picture(const struct gp_view *view);
/* In pixels of the scanout, which may be off: what points on the view are in. */
void gp_view_get_size(const struct gp_view *view, int *width, int *height);

/* Moves it. It must be hidden. */
void gp_view_set_target(struct gp_view *view, struct gp_view_target *target);
/* The target must have an output. */
void gp_view_set_shown(struct gp_view *view, bool shown);
/* To be called before a frame of its output is made. */
void gp_view_begin_frame(struct gp_view *view);
/* Fits the picture into the output, whose size or settings may have changed. */
void gp_view_arrange(struct gp_view *view);

#endif
