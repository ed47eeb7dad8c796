#ifndef GP_COMPOSITOR_VIEW_CURSOR_PLANE_H
#define GP_COMPOSITOR_VIEW_CURSOR_PLANE_H

#include <stdbool.h>
#include <stdint.h>
#include <wlr/util/box.h>

struct gp_window_cursor;
struct wlr_buffer;
struct wlr_output;
struct wlr_output_cursor;

/**
 * A picture for the plane. Its hotspot and size are in pixels of the transformed output.
 */
struct gp_cursor_picture {
	struct wlr_buffer *buffer;
	uint64_t stamp; // never 0; another one is another picture
	struct wlr_fbox source; // of the buffer
	int32_t width, height;
	int32_t hotspot_x, hotspot_y;
	bool nearest; // how it is scaled
};

/**
 * The cursor plane of a KMS output, or what does for one in a window: a surface of its own. With
 * the cursor there, the picture below may be scanned out or passed to the parent compositor, and a
 * cursor that moves costs no new frame.
 *
 * What is on the plane is a copy, scaled as the guest's picture is: a plane does not scale. Few are
 * made from frame to frame, however often a guest changes its cursor. On KMS wlroots transforms it,
 * and draws it into the frame while somebody takes screenshots with the cursor; in a window it must
 * be drawn by others then.
 */
struct gp_cursor_plane {
	struct wlr_output *wlr_output;
	struct wlr_output_cursor *wlr_cursor; // NULL if it is not KMS
	struct gp_window_cursor *window_cursor; // NULL if it is not in a window
	struct wlr_buffer *image; // the copy that is shown, locked; NULL: nothing is
	int32_t x, y; // of its corner, in pixels of the transformed output
	struct gp_cursor_picture shown; // of which; the stamp is 0 for none, the buffer is not kept
	int32_t refused_width, refused_height; // what did not fit; 0 if nothing was tried
	uint64_t n_copied; // pixels, since the last frame
	bool stale; // there is a newer picture, for when the next frame was made
	bool captured; // in a window: somebody takes screenshots with the cursor
};

/* For outputs of any kind. The cursor of the output's window, NULL without one, must outlive it. */
void gp_cursor_plane_init(struct gp_cursor_plane *plane, struct wlr_output *wlr_output,
	struct gp_window_cursor *window_cursor);
void gp_cursor_plane_finish(struct gp_cursor_plane *plane);

/**
 * Shows the picture with its top left corner at x, y, in pixels of the transformed output.
 * Returns false, showing nothing, if the plane does not take it or the CPU cannot read it.
 */
bool gp_cursor_plane_show(struct gp_cursor_plane *plane, const struct gp_cursor_picture *picture,
	int32_t x, int32_t y);
void gp_cursor_plane_hide(struct gp_cursor_plane *plane);

/* The mode or the transform has changed: what fits the plane may have changed, too. */
void gp_cursor_plane_reset(struct gp_cursor_plane *plane);
/**
 * Puts a cursor back onto the plane after a screenshot. To be called before each frame. Returns
 * whether the cursor is to be shown again: the plane takes one now that it refused, or the other
 * way round, or it has not got the newest.
 */
bool gp_cursor_plane_restore(struct gp_cursor_plane *plane);

#endif
