#ifndef GP_COMPOSITOR_NESTED_WINDOW_H
#define GP_COMPOSITOR_NESTED_WINDOW_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

#include "compositor/nested/window_cursor.h"
#include "compositor/nested/window_scale.h"

struct gp_parent;
struct wl_surface;
struct wlr_output;
struct xdg_surface;
struct xdg_toplevel;
struct zwp_keyboard_shortcuts_inhibitor_v1;
struct zxdg_toplevel_decoration_v1;

/**
 * A window in the parent compositor, with the output that draws into it. When one is destroyed, so
 * is the other; the user may close the window at any time.
 */
struct gp_window {
	struct wl_list link; // gp_parent.windows
	struct gp_parent *parent;
	struct wlr_output *output; // NULL until it was made

	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	struct zxdg_toplevel_decoration_v1 *decoration; // may be NULL
	struct zwp_keyboard_shortcuts_inhibitor_v1 *inhibitor; // NULL: not wanted
	struct gp_window_cursor cursor; // the guest's
	bool is_inhibiting; // the parent has granted it
	bool was_inhibiting; // the same inhibitor, before: some parents grant it at each focus

	/* As the parent configured it. */
	bool configured; // at least once
	bool is_fullscreen;
	int width, height; // in the parent's units
	struct gp_window_scale scale; // how many pixels these are
	int next_width, next_height; // of the configure sequence under way; 0: ours to choose
	int own_width, own_height; // what we choose

	struct {
		struct wl_signal inhibit; // is_inhibiting has changed
	} events;

	struct wl_listener scale_changed;
	struct wl_listener output_destroy;
};

/**
 * Makes the window, of the size unless the parent chooses one, waits for the first configure, and
 * makes the output, which the backend reports like any other. Returns NULL after logging.
 */
struct gp_window *gp_window_create(
	struct gp_parent *parent, int width, int height, bool fullscreen);
/* To be called after the output was destroyed. */
void gp_window_destroy(struct gp_window *window);
/* Returns NULL if the output has no window here. Works while the output is being made. */
struct gp_window *gp_window_from_output(struct gp_parent *parent, struct wlr_output *output);

/* The mode that the output shall have: each of its pixels is one of the parent's. */
void gp_window_get_mode(const struct gp_window *window, int32_t *width, int32_t *height);
/**
 * Corrects a position that wlroots reports, on a panel with sides of length 1: wlroots takes the
 * parent's units for pixels of the output.
 */
void gp_window_correct_position(const struct gp_window *window, double *x, double *y);

void gp_window_set_title(struct gp_window *window, const char *title);
/* The parent may ignore it. */
void gp_window_set_fullscreen(struct gp_window *window, bool fullscreen);
/**
 * Asks the parent to leave its shortcuts to the window while it has the keyboard
 * (keyboard-shortcuts-inhibit-unstable-v1), or to take them back.
 */
void gp_window_inhibit(struct gp_window *window, bool inhibit);

#endif
