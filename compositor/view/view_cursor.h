#ifndef GP_COMPOSITOR_VIEW_VIEW_CURSOR_H
#define GP_COMPOSITOR_VIEW_VIEW_CURSOR_H

#include <pixman.h>
#include <stdbool.h>
#include <time.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>

struct gp_cursor_plane;
struct gp_guest_scanout;
struct wlr_scene_buffer;
struct wlr_scene_tree;

/**
 * Where the picture of a scanout is in its output, whose top left corner is at 0, 0.
 */
struct gp_cursor_geometry {
	struct wlr_box box; // of the picture, in pixels of the output; may reach beyond it
	struct wlr_box seen; // the part of the scanout that may be drawn on, in its own pixels
	int width, height; // of the output, transformed
	bool nearest; // how the picture is scaled
	struct gp_cursor_plane *plane; // NULL if the output has none for it
};

/**
 * A guest's cursor: on the cursor plane where that takes it, else in the scene, above the picture
 * of its scanout.
 */
struct gp_view_cursor {
	struct gp_guest_scanout *scanout;
	struct wlr_scene_buffer *node;
	bool on_plane;

	struct wl_listener frame_done;
	struct wl_listener output_sample;
};

/* Returns false if memory is short. */
bool gp_view_cursor_init(struct gp_view_cursor *cursor, struct gp_guest_scanout *scanout,
	struct wlr_scene_tree *tree);
/* The tree destroys the node. */
void gp_view_cursor_finish(struct gp_view_cursor *cursor);

/* Follows the guest. The damage is of the cursor's buffer; NULL: all of it. */
void gp_view_cursor_update(struct gp_view_cursor *cursor, const struct gp_cursor_geometry *place,
	const pixman_region32_t *damage);
/* Whether it is drawn above the picture. */
bool gp_view_cursor_is_composed(const struct gp_view_cursor *cursor);
/* The output that may have it on its plane has made a frame. */
void gp_view_cursor_send_frame_done(struct gp_view_cursor *cursor, const struct timespec *when);
/* Whether the cursor's surface waits for a frame of the output. */
bool gp_view_cursor_wants_frame(const struct gp_view_cursor *cursor);

#endif
