#ifndef GP_COMPOSITOR_NESTED_WINDOW_CURSOR_H
#define GP_COMPOSITOR_NESTED_WINDOW_CURSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_shm_buffer;
struct gp_window;
struct wl_callback;
struct wl_subsurface;
struct wl_surface;
struct wlr_buffer;
struct wp_viewport;

#define GP_WINDOW_CURSOR_BUFFERS 3

/**
 * A guest's cursor in a surface of its own above a window's picture, which so may stay the guest's
 * buffer. It does not reach beyond the window, and is right to a pixel of the screen, though the
 * parent places surfaces by units: what remains is drawn as a margin.
 *
 * The parent moves a subsurface with the next commit of the surface below it. A commit of the
 * window for that would discard the presentation feedback that wlroots waits for, so an anchor lies
 * in between: one transparent pixel in the corner of the window. The parent gets one change at a
 * time: a guest may move its cursor faster than the parent reads.
 */
struct gp_window_cursor {
	const struct gp_window *window;
	struct wl_surface *anchor, *surface; // NULL: the parent lacks what it takes
	struct wl_subsurface *anchor_subsurface, *subsurface;
	struct wp_viewport *viewport; // of the surface
	struct gp_shm_buffer *pixel; // of the anchor

	/* Of the surface. */
	struct gp_window_cursor_slot {
		struct gp_window_cursor *cursor;
		struct gp_shm_buffer *buffer; // may be NULL
		struct wl_listener release;
	} slots[GP_WINDOW_CURSOR_BUFFERS];

	struct wlr_buffer *image; // locked; NULL: hidden
	int32_t x, y; // of its corner, in pixels of the output
	int32_t drawn_x, drawn_y; // where in the surface it was drawn; -1: it was not
	uint32_t drawn_scale_120;
	bool mapped;
	struct wl_callback *sync; // the parent has not seen the last change; NULL: it has
	bool stale; // there is a newer one, for when it has, and does not read all buffers
};

/* For a new window, whose surface has its role. */
void gp_window_cursor_init(struct gp_window_cursor *cursor, const struct gp_window *window);
/* Before the window's surface is destroyed. */
void gp_window_cursor_finish(struct gp_window_cursor *cursor);

/**
 * Shows the image, ARGB8888 in pixels of the output, with its corner at x, y; it is kept, and must
 * not change. Returns false, showing nothing, if it cannot be shown so.
 */
bool gp_window_cursor_show(
	struct gp_window_cursor *cursor, struct wlr_buffer *image, int32_t x, int32_t y);
void gp_window_cursor_hide(struct gp_window_cursor *cursor);

#endif
