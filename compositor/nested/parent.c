#include "compositor/nested/parent.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-client-protocol.h>
#include <wlr/backend.h>
#include <wlr/backend/multi.h>
#include <wlr/backend/wayland.h>

#include "common/log.h"
#include "compositor/nested/window.h"
#include "compositor/nested/window_scale.h"
#include "fractional-scale-v1-client-protocol.h"
#include "keyboard-shortcuts-inhibit-unstable-v1-client-protocol.h"
#include "viewporter-client-protocol.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define COUNT_VARIABLE "WLR_WL_OUTPUTS"

static void set_variable(const char *value) {
	if (value != NULL) {
		setenv(COUNT_VARIABLE, value, true);
	} else {
		unsetenv(COUNT_VARIABLE);
	}
}

struct wlr_backend *gp_parent_create_backend(
	struct wl_event_loop *loop, struct wlr_session **session) {
	const char *value = getenv(COUNT_VARIABLE);
	char *before = value != NULL ? strdup(value) : NULL;
	set_variable("0");
	struct wlr_backend *backend = wlr_backend_autocreate(loop, session);
	set_variable(before);
	free(before);
	return backend;
}

static void handle_ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial) {
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = {
	.ping = handle_ping,
};

static void handle_output_geometry(void *data, struct wl_output *wl_output, int32_t x, int32_t y,
	int32_t width_mm, int32_t height_mm, int32_t subpixel, const char *make, const char *model,
	int32_t transform) {
	/* Not needed. */
}

static void handle_output_mode(void *data, struct wl_output *wl_output, uint32_t flags,
	int32_t width, int32_t height, int32_t refresh) {
	/* Not needed. */
}

static void handle_output_scale(void *data, struct wl_output *wl_output, int32_t scale) {
	struct gp_parent_output *output = data;
	output->scale = scale;
}

static void handle_output_done(void *data, struct wl_output *wl_output) {
	struct gp_parent_output *output = data;
	struct gp_window *window;
	wl_list_for_each (window, &output->parent->windows, link) {
		gp_window_scale_update(&window->scale);
	}
}

static const struct wl_output_listener output_listener = {
	.geometry = handle_output_geometry,
	.mode = handle_output_mode,
	.scale = handle_output_scale,
	.done = handle_output_done,
};

static void add_output(struct gp_parent *parent, struct wl_registry *registry, uint32_t name) {
	struct gp_parent_output *output = calloc(1, sizeof(*output));
	if (output == NULL) {
		gp_error("output of the parent compositor: no memory");
		return;
	}
	output->parent = parent;
	output->name = name;
	output->scale = 1;
	output->wl_output = wl_registry_bind(
		registry, name, &wl_output_interface, WL_OUTPUT_SCALE_SINCE_VERSION);
	wl_output_add_listener(output->wl_output, &output_listener, output);
	wl_list_insert(&parent->outputs, &output->link);
}

static void remove_output(struct gp_parent_output *output) {
	struct gp_window *window;
	wl_list_remove(&output->link);
	wl_list_for_each (window, &output->parent->windows, link) {
		gp_window_scale_forget_output(&window->scale, output->wl_output);
	}
	wl_output_destroy(output->wl_output);
	free(output);
}

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	struct gp_parent *parent = data;
	if (strcmp(interface, wl_compositor_interface.name) == 0) {
		/* The backend needs less: version 4. */
		parent->compositor = wl_registry_bind(registry, name, &wl_compositor_interface,
			version < WL_SURFACE_PREFERRED_BUFFER_SCALE_SINCE_VERSION
				? version
				: WL_SURFACE_PREFERRED_BUFFER_SCALE_SINCE_VERSION);
	} else if (strcmp(interface, xdg_wm_base_interface.name) == 0) {
		parent->wm_base = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
		xdg_wm_base_add_listener(parent->wm_base, &wm_base_listener, parent);
	} else if (strcmp(interface, zxdg_decoration_manager_v1_interface.name) == 0) {
		parent->decorations =
			wl_registry_bind(registry, name, &zxdg_decoration_manager_v1_interface, 1);
	} else if (strcmp(interface, zwp_keyboard_shortcuts_inhibit_manager_v1_interface.name) ==
		0) {
		parent->inhibitors = wl_registry_bind(
			registry, name, &zwp_keyboard_shortcuts_inhibit_manager_v1_interface, 1);
	} else if (strcmp(interface, wl_subcompositor_interface.name) == 0) {
		parent->subcompositor =
			wl_registry_bind(registry, name, &wl_subcompositor_interface, 1);
	} else if (strcmp(interface, wl_shm_interface.name) == 0) {
		parent->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	} else if (strcmp(interface, wp_viewporter_interface.name) == 0) {
		parent->viewporter = wl_registry_bind(registry, name, &wp_viewporter_interface, 1);
	} else if (strcmp(interface, wp_fractional_scale_manager_v1_interface.name) == 0) {
		parent->fractional_scales = wl_registry_bind(
			registry, name, &wp_fractional_scale_manager_v1_interface, 1);
	} else if (strcmp(interface, wl_output_interface.name) == 0 &&
		version >= WL_OUTPUT_SCALE_SINCE_VERSION) {
		add_output(parent, registry, name);
	} else if (strcmp(interface, wl_seat_interface.name) == 0 && parent->seat == NULL) {
		parent->seat = wl_registry_bind(registry, name, &wl_seat_interface, 1);
		parent->seat_name = name;
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {
	struct gp_parent *parent = data;
	struct gp_parent_output *output, *tmp;
	wl_list_for_each_safe (output, tmp, &parent->outputs, link) {
		if (output->name == name) {
			remove_output(output);
		}
	}
	if (parent->seat == NULL || name != parent->seat_name) {
		return;
	}
	struct gp_window *window;
	wl_list_for_each (window, &parent->windows, link) {
		gp_window_inhibit(window, false);
	}
	wl_seat_destroy(parent->seat);
	parent->seat = NULL;
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void handle_backend_destroy(struct wl_listener *listener, void *data) {
	struct gp_parent *parent = wl_container_of(listener, parent, backend_destroy);
	gp_parent_finish(parent);
}

static void find_backend(struct wlr_backend *backend, void *data) {
	struct gp_parent *parent = data;
	if (parent->backend == NULL && wlr_backend_is_wl(backend)) {
		parent->backend = backend;
	}
}

bool gp_parent_init(struct gp_parent *parent, struct wlr_backend *backend) {
	find_backend(backend, parent);
	if (wlr_backend_is_multi(backend)) {
		wlr_multi_for_each_backend(backend, find_backend, parent);
	}
	if (parent->backend == NULL) {
		return true;
	}

	wl_list_init(&parent->windows);
	wl_list_init(&parent->outputs);
	parent->backend_destroy.notify = handle_backend_destroy;
	wl_signal_add(&parent->backend->events.destroy, &parent->backend_destroy);
	parent->display = wlr_wl_backend_get_remote_display(parent->backend);
	/* Its objects use the queue that the backend dispatches. */
	parent->registry = wl_display_get_registry(parent->display);
	if (parent->registry == NULL) {
		gp_error_errno("registry of the parent compositor");
		return false;
	}
	wl_registry_add_listener(parent->registry, &registry_listener, parent);
	if (wl_display_roundtrip(parent->display) < 0 || parent->compositor == NULL ||
		parent->wm_base == NULL) {
		gp_error("the parent compositor lacks wl_compositor or xdg_wm_base");
		return false;
	}
	return true;
}

void gp_parent_finish(struct gp_parent *parent) {
	if (parent->backend == NULL) {
		return;
	}
	struct gp_window *window, *tmp;
	wl_list_for_each_safe (window, tmp, &parent->windows, link) {
		gp_window_destroy(window);
	}
	struct gp_parent_output *output, *tmp_output;
	wl_list_for_each_safe (output, tmp_output, &parent->outputs, link) {
		remove_output(output);
	}
	if (parent->fractional_scales != NULL) {
		wp_fractional_scale_manager_v1_destroy(parent->fractional_scales);
	}
	if (parent->shm != NULL) {
		wl_shm_destroy(parent->shm);
	}
	if (parent->subcompositor != NULL) {
		wl_subcompositor_destroy(parent->subcompositor);
	}
	if (parent->viewporter != NULL) {
		wp_viewporter_destroy(parent->viewporter);
	}
	if (parent->inhibitors != NULL) {
		zwp_keyboard_shortcuts_inhibit_manager_v1_destroy(parent->inhibitors);
	}
	if (parent->decorations != NULL) {
		zxdg_decoration_manager_v1_destroy(parent->decorations);
	}
	if (parent->seat != NULL) {
		wl_seat_destroy(parent->seat);
	}
	if (parent->wm_base != NULL) {
		xdg_wm_base_destroy(parent->wm_base);
	}
	if (parent->compositor != NULL) {
		wl_compositor_destroy(parent->compositor);
	}
	if (parent->registry != NULL) {
		wl_registry_destroy(parent->registry);
	}
	wl_list_remove(&parent->backend_destroy.link);
	*parent = (struct gp_parent){0};
}

static unsigned count_windows(void) {
	const char *text = getenv(COUNT_VARIABLE);
	char *end;
	long count = text != NULL ? strtol(text, &end, 10) : 1;
	if (text != NULL && (*end != '\0' || count < 0 || count > UINT8_MAX)) {
		gp_warn(COUNT_VARIABLE ": %s is not a number of windows", text);
		return 1;
	}
	return count;
}

bool gp_parent_open_windows(struct gp_parent *parent, int width, int height, bool fullscreen) {
	unsigned count = parent->backend != NULL ? count_windows() : 0;
	for (unsigned i = 0; i < count; i++) {
		if (gp_window_create(parent, width, height, fullscreen) == NULL) {
			gp_error("cannot make a window in the parent compositor");
			return false;
		}
	}
	return true;
}
