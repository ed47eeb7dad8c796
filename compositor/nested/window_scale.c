#include "compositor/nested/window_scale.h"

#include <string.h>
#include <wayland-client-protocol.h>

#include "compositor/nested/parent.h"
#include "fractional-scale-v1-client-protocol.h"
#include "viewporter-client-protocol.h"

int32_t gp_scale_pixels(uint32_t scale_120, int32_t length) {
	int64_t pixels = ((int64_t)length * scale_120 + GP_SCALE_ONE / 2) / GP_SCALE_ONE;
	return pixels < 1 ? 1 : pixels > INT32_MAX ? INT32_MAX : (int32_t)pixels;
}

static int32_t get_output_scale(struct wl_output *wl_output) {
	const struct gp_parent_output *output = wl_output_get_user_data(wl_output);
	return output->scale;
}

/* The largest, so that it is sharp on each. Before the window is on one, it may get on any. */
static int32_t find_output_scale(const struct gp_window_scale *scale) {
	int32_t max = 1;
	for (size_t i = 0; i < scale->n_outputs; i++) {
		int32_t value = get_output_scale(scale->outputs[i]);
		max = value > max ? value : max;
	}
	const struct gp_parent_output *output;
	wl_list_for_each (output, &scale->parent->outputs, link) {
		if (scale->n_outputs == 0 && output->scale > max) {
			max = output->scale;
		}
	}
	return max;
}

void gp_window_scale_update(struct gp_window_scale *scale) {
	uint32_t scale_120 = GP_SCALE_ONE;
	if (scale->viewport != NULL) {
		int32_t whole =
			scale->buffer_scale > 0 ? scale->buffer_scale : find_output_scale(scale);
		scale_120 = scale->fractional_120 > 0 ? scale->fractional_120
						      : (uint32_t)whole * GP_SCALE_ONE;
	}
	if (scale_120 != scale->scale_120) {
		scale->scale_120 = scale_120;
		wl_signal_emit_mutable(&scale->events.changed, scale);
	}
}

static void remove_output(struct gp_window_scale *scale, const struct wl_output *wl_output) {
	for (size_t i = 0; i < scale->n_outputs; i++) {
		if (scale->outputs[i] == wl_output) {
			scale->outputs[i] = scale->outputs[--scale->n_outputs];
			return;
		}
	}
}

void gp_window_scale_forget_output(struct gp_window_scale *scale, struct wl_output *wl_output) {
	remove_output(scale, wl_output);
	gp_window_scale_update(scale);
}

/* A dispatcher, because wlroots takes the user data of the surface, which a listener would get. */
static int dispatch_surface(const void *implementation, void *target, uint32_t opcode,
	const struct wl_message *message, union wl_argument *args) {
	struct gp_window_scale *scale = (struct gp_window_scale *)implementation;
	/* The name is older than the output's end if it is NULL. */
	struct wl_output *wl_output = (struct wl_output *)args[0].o;
	if (strcmp(message->name, "enter") == 0 && wl_output != NULL) {
		if (scale->n_outputs < GP_WINDOW_SCALE_OUTPUTS_MAX) {
			scale->outputs[scale->n_outputs++] = wl_output;
		}
	} else if (strcmp(message->name, "leave") == 0 && wl_output != NULL) {
		remove_output(scale, wl_output);
	} else if (strcmp(message->name, "preferred_buffer_scale") == 0) {
		scale->buffer_scale = args[0].i;
	}
	gp_window_scale_update(scale);
	return 0;
}

static void handle_preferred_scale(
	void *data, struct wp_fractional_scale_v1 *fractional, uint32_t scale_120) {
	struct gp_window_scale *scale = data;
	scale->fractional_120 = scale_120;
	gp_window_scale_update(scale);
}

static const struct wp_fractional_scale_v1_listener fractional_listener = {
	.preferred_scale = handle_preferred_scale,
};

void gp_window_scale_init(
	struct gp_window_scale *scale, struct gp_parent *parent, struct wl_surface *surface) {
	*scale = (struct gp_window_scale){.parent = parent};
	wl_signal_init(&scale->events.changed);
	wl_proxy_add_dispatcher((struct wl_proxy *)surface, dispatch_surface, scale, NULL);
	if (parent->viewporter != NULL) {
		scale->viewport = wp_viewporter_get_viewport(parent->viewporter, surface);
	}
	if (parent->fractional_scales != NULL) {
		scale->fractional = wp_fractional_scale_manager_v1_get_fractional_scale(
			parent->fractional_scales, surface);
		wp_fractional_scale_v1_add_listener(scale->fractional, &fractional_listener, scale);
	}
	gp_window_scale_update(scale);
}

void gp_window_scale_finish(struct gp_window_scale *scale) {
	if (scale->fractional != NULL) {
		wp_fractional_scale_v1_destroy(scale->fractional);
	}
	if (scale->viewport != NULL) {
		wp_viewport_destroy(scale->viewport);
	}
}
