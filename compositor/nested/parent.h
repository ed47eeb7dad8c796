#ifndef GP_COMPOSITOR_NESTED_PARENT_H
#define GP_COMPOSITOR_NESTED_PARENT_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct wl_compositor;
struct wl_display;
struct wl_registry;
struct wl_seat;
struct wlr_backend;
struct wlr_output;
struct wlr_session;
struct xdg_wm_base;
struct zwp_keyboard_shortcuts_inhibit_manager_v1;
struct zxdg_decoration_manager_v1;

/**
 * The Wayland compositor that our windows are in. wlroots has the connection and reads it; the
 * windows are ours, as those of wlroots cannot be fullscreen. All zeros: there is no such
 * compositor.
 */
struct gp_parent {
	struct wlr_backend *backend; // wlroots' for Wayland; NULL if there is none
	struct wl_display *display; // the backend's
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct xdg_wm_base *wm_base;
	struct zxdg_decoration_manager_v1 *decorations; // may be NULL
	struct zwp_keyboard_shortcuts_inhibit_manager_v1 *inhibitors; // may be NULL
	struct wl_seat *seat; // the first one; may be NULL
	uint32_t seat_name; // of the global
	struct wl_list windows; // gp_window.link

	struct wl_listener backend_destroy;
};

/* As wlr_backend_autocreate, without windows in a Wayland compositor. */
struct wlr_backend *gp_parent_create_backend(
	struct wl_event_loop *loop, struct wlr_session **session);

/**
 * Finds the Wayland backend in another one and learns what its compositor has. Returns true also if
 * there is no such backend.
 */
bool gp_parent_init(struct gp_parent *parent, struct wlr_backend *backend);
/* With the windows, whose outputs must have gone. Done by itself when the backend goes. */
void gp_parent_finish(struct gp_parent *parent);
/* As many windows as WLR_WL_OUTPUTS says; the backend must run. False: one could not be made. */
bool gp_parent_open_windows(struct gp_parent *parent, int width, int height, bool fullscreen);

#endif
