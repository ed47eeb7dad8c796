#ifndef GP_COMPOSITOR_NESTED_PARENT_H
#define GP_COMPOSITOR_NESTED_PARENT_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct wl_compositor;
struct wl_display;
struct wl_output;
struct wl_registry;
struct wl_seat;
struct wl_shm;
struct wl_subcompositor;
struct wlr_backend;
struct wlr_output;
struct wlr_session;
struct wp_fractional_scale_manager_v1;
struct wp_viewporter;
struct xdg_wm_base;
struct zwp_keyboard_shortcuts_inhibit_manager_v1;
struct zxdg_decoration_manager_v1;

/**
 * The Wayland compositor that our windows are in. wlroots owns the connection and reads it; the
 * windows are ours, because those of wlroots cannot be fullscreen. All zeros: there is none.
 */
struct gp_parent {
	struct wlr_backend *backend; // the Wayland backend; NULL: there is no parent
	struct wl_display *display; // of the backend
	struct wl_registry *registry;
	struct wl_compositor *compositor;
	struct xdg_wm_base *wm_base;
	struct zxdg_decoration_manager_v1 *decorations; // may be NULL
	struct zwp_keyboard_shortcuts_inhibit_manager_v1 *inhibitors; // may be NULL
	struct wl_subcompositor *subcompositor; // may be NULL
	struct wl_shm *shm; // may be NULL
	struct wp_viewporter *viewporter; // may be NULL
	struct wp_fractional_scale_manager_v1 *fractional_scales; // may be NULL
	struct wl_list outputs; // gp_parent_output.link
	struct wl_seat *seat; // the first; may be NULL
	uint32_t seat_name; // of the global
	struct wl_list windows; // gp_window.link

	struct wl_listener backend_destroy;
};

/* An output of the parent. */
struct gp_parent_output {
	struct wl_list link; // gp_parent.outputs
	struct gp_parent *parent;
	struct wl_output *wl_output; // its user data is this
	uint32_t name; // of the global
	int32_t scale;
};

/* Like wlr_backend_autocreate, but without windows in a Wayland compositor. */
struct wlr_backend *gp_parent_create_backend(
	struct wl_event_loop *loop, struct wlr_session **session);

/**
 * Finds the Wayland backend, if there is one, and binds the parent's globals. Returns false after
 * logging if the parent lacks one.
 */
bool gp_parent_init(struct gp_parent *parent, struct wlr_backend *backend);
/**
 * Destroys the windows, whose outputs were destroyed before. Done when the backend is destroyed;
 * one that is all zeros is fine.
 */
void gp_parent_finish(struct gp_parent *parent);
/* Makes WLR_WL_OUTPUTS windows; the backend was started. Returns false after logging. */
bool gp_parent_open_windows(struct gp_parent *parent, int width, int height, bool fullscreen);

#endif
