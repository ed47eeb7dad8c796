#include "compositor/nested/window.h"

#include <stdlib.h>
#include <wayland-client-protocol.h>
#include <wlr/backend/wayland.h>
#include <wlr/interfaces/wlr_output.h>

#include "common/log.h"
#include "compositor/nested/parent.h"
#include "compositor/nested/window_cursor.h"
#include "compositor/nested/window_scale.h"
#include "keyboard-shortcuts-inhibit-unstable-v1-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define APP_ID "guestpane"

void gp_window_get_mode(const struct gp_window *window, int32_t *width, int32_t *height) {
	*width = gp_scale_pixels(window->scale.scale_120, window->width);
	*height = gp_scale_pixels(window->scale.scale_120, window->height);
}

void gp_window_correct_position(const struct gp_window *window, double *x, double *y) {
	*x *= (double)window->output->width / window->width;
	*y *= (double)window->output->height / window->height;
}

/* The output follows the window's size. */
static void send_size(struct gp_window *window) {
	struct wlr_output_state state;
	int32_t width, height;
	gp_window_get_mode(window, &width, &height);
	wlr_output_state_init(&state);
	wlr_output_state_set_custom_mode(&state, width, height, 0);
	wlr_output_send_request_state(window->output, &state);
	wlr_output_state_finish(&state);
}

static void handle_surface_configure(void *data, struct xdg_surface *xdg_surface, uint32_t serial) {
	struct gp_window *window = data;
	bool is_free = window->next_width <= 0 || window->next_height <= 0;
	window->width = is_free ? window->own_width : window->next_width;
	window->height = is_free ? window->own_height : window->next_height;
	window->configured = true;
	xdg_surface_ack_configure(xdg_surface, serial);
	/* Without this the cursor would count, which may reach beyond a window that shrinks. */
	xdg_surface_set_window_geometry(xdg_surface, 0, 0, window->width, window->height);
	if (window->scale.viewport != NULL) {
		wp_viewport_set_destination(window->scale.viewport, window->width, window->height);
	}
	if (window->output != NULL) {
		send_size(window);
	}
}

static void handle_scale_changed(struct wl_listener *listener, void *data) {
	struct gp_window *window = wl_container_of(listener, window, scale_changed);
	if (window->output != NULL) {
		send_size(window);
	}
}

static const struct xdg_surface_listener surface_listener = {
	.configure = handle_surface_configure,
};

static void handle_toplevel_configure(void *data, struct xdg_toplevel *toplevel, int32_t width,
	int32_t height, struct wl_array *states) {
	struct gp_window *window = data;
	bool is_floating = true;
	const uint32_t *state;
	window->is_fullscreen = false;
	wl_array_for_each (state, states) {
		if (*state == XDG_TOPLEVEL_STATE_FULLSCREEN) {
			window->is_fullscreen = true;
			is_floating = false;
		} else if (*state == XDG_TOPLEVEL_STATE_MAXIMIZED) {
			is_floating = false;
		}
	}
	window->next_width = width;
	window->next_height = height;
	if (is_floating && width > 0 && height > 0) {
		window->own_width = width;
		window->own_height = height;
	}
}

static void handle_toplevel_close(void *data, struct xdg_toplevel *toplevel) {
	struct gp_window *window = data;
	if (window->output != NULL) {
		wlr_output_destroy(window->output); // with the window
	}
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = handle_toplevel_configure,
	.close = handle_toplevel_close,
};

static void set_inhibiting(struct gp_window *window, bool inhibiting) {
	if (window->is_inhibiting != inhibiting) {
		window->was_inhibiting = window->was_inhibiting || window->is_inhibiting;
		window->is_inhibiting = inhibiting;
		wl_signal_emit_mutable(&window->events.inhibit, window);
	}
}

static void handle_inhibitor_active(
	void *data, struct zwp_keyboard_shortcuts_inhibitor_v1 *inhibitor) {
	set_inhibiting(data, true);
}

static void handle_inhibitor_inactive(
	void *data, struct zwp_keyboard_shortcuts_inhibitor_v1 *inhibitor) {
	set_inhibiting(data, false);
}

static const struct zwp_keyboard_shortcuts_inhibitor_v1_listener inhibitor_listener = {
	.active = handle_inhibitor_active,
	.inactive = handle_inhibitor_inactive,
};

void gp_window_inhibit(struct gp_window *window, bool inhibit) {
	struct gp_parent *parent = window->parent;
	if (inhibit == (window->inhibitor != NULL) || parent->inhibitors == NULL ||
		parent->seat == NULL) {
		return;
	}
	if (inhibit) {
		window->was_inhibiting = false;
		window->inhibitor = zwp_keyboard_shortcuts_inhibit_manager_v1_inhibit_shortcuts(
			parent->inhibitors, window->surface, parent->seat);
		zwp_keyboard_shortcuts_inhibitor_v1_add_listener(
			window->inhibitor, &inhibitor_listener, window);
	} else {
		zwp_keyboard_shortcuts_inhibitor_v1_destroy(window->inhibitor);
		window->inhibitor = NULL;
		set_inhibiting(window, false);
	}
	wl_display_flush(parent->display);
}

void gp_window_set_title(struct gp_window *window, const char *title) {
	xdg_toplevel_set_title(window->toplevel, title);
	wl_display_flush(window->parent->display);
}

void gp_window_set_fullscreen(struct gp_window *window, bool fullscreen) {
	if (fullscreen) {
		xdg_toplevel_set_fullscreen(window->toplevel, NULL);
	} else {
		xdg_toplevel_unset_fullscreen(window->toplevel);
	}
	wl_display_flush(window->parent->display);
}

struct gp_window *gp_window_from_output(struct gp_parent *parent, struct wlr_output *output) {
	struct gp_window *window;
	if (parent->backend == NULL || !wlr_output_is_wl(output)) {
		return NULL;
	}
	wl_list_for_each (window, &parent->windows, link) {
		if (window->surface == wlr_wl_output_get_surface(output)) {
			return window;
		}
	}
	return NULL;
}

static void handle_output_destroy(struct wl_listener *listener, void *data) {
	struct gp_window *window = wl_container_of(listener, window, output_destroy);
	wl_list_remove(&window->output_destroy.link);
	window->output = NULL;
	gp_window_destroy(window);
}

void gp_window_destroy(struct gp_window *window) {
	if (window->inhibitor != NULL) {
		zwp_keyboard_shortcuts_inhibitor_v1_destroy(window->inhibitor);
	}
	if (window->decoration != NULL) {
		zxdg_toplevel_decoration_v1_destroy(window->decoration);
	}
	gp_window_cursor_finish(&window->cursor);
	wl_list_remove(&window->scale_changed.link);
	gp_window_scale_finish(&window->scale);
	xdg_toplevel_destroy(window->toplevel);
	xdg_surface_destroy(window->xdg_surface);
	wl_surface_destroy(window->surface);
	wl_list_remove(&window->link);
	free(window);
}

static void set_role(struct gp_window *window) {
	struct gp_parent *parent = window->parent;
	window->surface = wl_compositor_create_surface(parent->compositor);
	gp_window_scale_init(&window->scale, parent, window->surface);
	window->scale_changed.notify = handle_scale_changed;
	wl_signal_add(&window->scale.events.changed, &window->scale_changed);
	window->xdg_surface = xdg_wm_base_get_xdg_surface(parent->wm_base, window->surface);
	xdg_surface_add_listener(window->xdg_surface, &surface_listener, window);
	window->toplevel = xdg_surface_get_toplevel(window->xdg_surface);
	xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, window);
	xdg_toplevel_set_app_id(window->toplevel, APP_ID);
	if (parent->decorations != NULL) {
		window->decoration = zxdg_decoration_manager_v1_get_toplevel_decoration(
			parent->decorations, window->toplevel);
		zxdg_toplevel_decoration_v1_set_mode(
			window->decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	}
	gp_window_cursor_init(&window->cursor, window);
}

/* xdg_surface wants no buffer before the first configure. */
static bool await_configure(struct gp_window *window) {
	wl_surface_commit(window->surface);
	while (!window->configured) {
		if (wl_display_dispatch(window->parent->display) < 0) {
			gp_error_errno("the parent compositor");
			return false;
		}
	}
	return true;
}

struct gp_window *gp_window_create(
	struct gp_parent *parent, int width, int height, bool fullscreen) {
	struct gp_window *window = calloc(1, sizeof(*window));
	if (window == NULL) {
		gp_error("window: no memory");
		return NULL;
	}
	window->parent = parent;
	window->own_width = width;
	window->own_height = height;
	wl_signal_init(&window->events.inhibit);
	wl_list_insert(&parent->windows, &window->link);
	set_role(window);
	if (fullscreen) {
		xdg_toplevel_set_fullscreen(window->toplevel, NULL);
	}
	if (!await_configure(window)) {
		gp_window_destroy(window);
		return NULL;
	}

	struct wlr_output *output =
		wlr_wl_output_create_from_surface(parent->backend, window->surface);
	if (output == NULL) {
		gp_window_cursor_finish(&window->cursor);
		gp_window_scale_finish(&window->scale);
		wl_list_remove(&window->link);
		window->surface = NULL;
		free(window);
		return NULL;
	}
	window->output = output;
	window->output_destroy.notify = handle_output_destroy;
	wl_signal_add(&output->events.destroy, &window->output_destroy);
	send_size(window); // the first commit follows
	return window;
}
