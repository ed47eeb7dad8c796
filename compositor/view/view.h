#ifndef GP_COMPOSITOR_VIEW_VIEW_H
#define GP_COMPOSITOR_VIEW_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>

#include "compositor/output/frame_path.h"
#include "compositor/view/view_cursor.h"

struct gp_guest_scanout;
struct gp_output;
struct gp_placement;
struct wlr_scene_buffer;
struct wlr_scene_tree;

/**
 * A scanout in the scene: its picture, scaled to the output it is placed on, and its cursor.
 *
 * The picture is the guest's buffer itself, so that wlr_scene may scan it out. wlr_scene's own
 * helper for surfaces is not used, as it sets the size to the surface's on each commit, which
 * would damage all of a scaled picture; what it does for frame callbacks and presentation feedback
 * is done here.
 */
struct gp_view {
	struct wl_list link; // gp_placement.views
	struct gp_placement *placement;
	struct gp_guest_scanout *scanout;
	struct gp_output *output; // NULL: there is none for it

	struct wlr_scene_tree *tree; // in the output's scene, or in the placement's hidden one
	struct wlr_scene_buffer *node;
	struct gp_cursor cursor;
	struct wlr_box box; // of the picture in the output, in pixels; may reach beyond it
	struct wlr_box seen; // the part of the scanout that is inside the output, in its pixels
	struct wlr_fbox shape_source; // of the scanout, as arranged last
	int32_t shape_width, shape_height;
	bool is_nearest; // scaled by a whole number, or not at all

	bool has_picture, is_shown;
	uint64_t picture_stamp; // when it last came to the front
	uint64_t change_stamp; // when it last had news for the status screen

	/* Of the frame that is being made. */
	uint64_t n_counted; // scanout.n_commits at the last frame that was counted
	bool is_sampled, is_direct;

	uint64_t frames[GP_PATHS];

	struct wl_listener scanout_commit;
	struct wl_listener scanout_guest;
	struct wl_listener scanout_cursor;
	struct wl_listener scanout_destroy;
	struct wl_listener output_sample;
	struct wl_listener frame_done;
};

/* Lives until its scanout is destroyed. Returns NULL after logging if memory is short. */
struct gp_view *gp_view_create(struct gp_placement *placement, struct gp_guest_scanout *scanout);

/* NULL for none. The picture stays hidden. */
void gp_view_set_output(struct gp_view *view, struct gp_output *output);
void gp_view_set_shown(struct gp_view *view, bool shown);
/* Fits the picture into the output. */
void gp_view_arrange(struct gp_view *view);

/* Describes a frame of it that was committed to its output. */
void gp_view_describe_frame(const struct gp_view *view, struct gp_frame_facts *facts);

#endif
