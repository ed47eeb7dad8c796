#ifndef GP_COMPOSITOR_CURSOR_H
#define GP_COMPOSITOR_CURSOR_H

#include <pixman.h>
#include <stdbool.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>

struct gp_guest_scanout;
struct wlr_scene_buffer;
struct wlr_scene_tree;

/**
 * A guest's cursor in the scene, above the picture of its scanout.
 */
struct gp_cursor {
	struct gp_guest_scanout *scanout;
	struct wlr_scene_buffer *node;

	struct wl_listener frame_done;
};

/* Returns false if memory is short. */
bool gp_cursor_init(
	struct gp_cursor *cursor, struct gp_guest_scanout *scanout, struct wlr_scene_tree *tree);
/* The node itself goes with its tree. */
void gp_cursor_finish(struct gp_cursor *cursor);

/**
 * Follows the guest. The box is the place of the scanout's picture in the tree, and
 * seen the part of the scanout that may be drawn on, in its own pixels; damage is that of
 * the cursor's buffer, NULL for all of it.
 */
void gp_cursor_update(struct gp_cursor *cursor, const struct wlr_box *box,
	const struct wlr_box *seen, const pixman_region32_t *damage);
/* Whether something is drawn. */
bool gp_cursor_is_shown(const struct gp_cursor *cursor);
/* Whether the cursor's surface waits for a frame of the output. */
bool gp_cursor_wants_frame(const struct gp_cursor *cursor);

#endif
