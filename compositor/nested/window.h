#ifndef GP_COMPOSITOR_NESTED_WINDOW_H
#define GP_COMPOSITOR_NESTED_WINDOW_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct gp_parent;
struct wl_surface;
struct wlr_output;
struct xdg_surface;
struct xdg_toplevel;
struct zwp_keyboard_shortcuts_inhibitor_v1;
struct zxdg_toplevel_decoration_v1;

/**
 * A window in the parent compositor, and the output that shows itself in it. It goes with the
 * output; when the user closes it, the output goes.
 */
struct gp_window {
	struct wl_list link; // gp_parent.windows
	struct gp_parent *parent;
	struct wlr_output *output; // NULL while it is made

	struct wl_surface *surface;
	struct xdg_surface *xdg_surface;
	struct xdg_toplevel *toplevel;
	struct zxdg_toplevel_decoration_v1 *decoration; // may be NULL
	struct zwp_keyboard_shortcuts_inhibitor_v1 *inhibitor; // NULL: not asked for
	bool is_inhibiting; // the parent grants it
	bool was_inhibiting; // before, for the same inhibitor: some grant it with each focus anew

	/* As the parent wants it. */
	bool is_configured; // it has said so at least once
	bool is_fullscreen;
	int width, height;
	int next_width, next_height; // of what it is just saying; 0: we may choose
	int own_width, own_height; // that we choose

	struct {
		struct wl_signal inhibit; // is_inhibiting has changed
	} events;

	struct wl_listener output_destroy;
};

/**
 * Makes the window and then its output, of which the backend tells as of others. Waits for the
 * parent's first word. Returns NULL after logging.
 */
struct gp_window *gp_window_create(
	struct gp_parent *parent, int width, int height, bool fullscreen);
/* The output must have gone. */
void gp_window_destroy(struct gp_window *window);
/* NULL if the output is not in a window of the parent. Works while the output is being made. */
struct gp_window *gp_window_from_output(struct gp_parent *parent, struct wlr_output *output);

void gp_window_set_title(struct gp_window *window, const char *title);
/* Asks for it; the parent may not obey. */
void gp_window_set_fullscreen(struct gp_window *window, bool fullscreen);
/**
 * Asks the parent to leave its key combinations to the window when it has the keyboard
 * (keyboard-shortcuts-inhibit-unstable-v1), or not to do so any more.
 */
void gp_window_inhibit(struct gp_window *window, bool inhibit);

#endif
