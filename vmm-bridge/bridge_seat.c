#include "vmm-bridge/bridge_internal.h"

/* gp_seat_ops: what the user does, for the guest's input devices. */

static void handle_key(void *data, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_bridge *bridge = data;
	gp_inputs_key(bridge->inputs, time_ms, code, pressed);
}

static void handle_keyboard_leave(void *data) {
	struct gp_bridge *bridge = data;
	gp_inputs_release_keys(bridge->inputs);
}

/**
 * Where the heads lie is the guest's choice, which nobody tells. They are taken to lie in a row in
 * their order, as the device proposes it (GET_DISPLAY_INFO).
 */
static bool find_place(struct gp_bridge *bridge, uint32_t scanout, struct gp_input_place *place) {
	*place = (struct gp_input_place){.head = scanout};
	for (uint32_t i = 0; i < bridge->options->n_scanouts; i++) {
		struct gp_gpu_scanout_info info;
		gp_gpu_get_scanout_info(bridge->gpu, i, &info);
		if (!info.enabled) {
			continue;
		}
		if (i == scanout) {
			place->offset = place->desktop_width;
			place->width = info.width;
			place->height = info.height;
		}
		place->desktop_width += info.width;
		if (info.height > place->desktop_height) {
			place->desktop_height = info.height;
		}
	}
	return place->width > 0 && place->height > 0;
}

static void handle_pointer_motion(
	void *data, uint32_t time_ms, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_bridge *bridge = data;
	struct gp_input_place place;
	if (find_place(bridge, scanout, &place)) {
		place.x = x;
		place.y = y;
		gp_inputs_point(bridge->inputs, time_ms, &place);
	}
}

static void handle_pointer_button(void *data, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_bridge *bridge = data;
	gp_inputs_button(bridge->inputs, time_ms, code, pressed);
}

static void handle_pointer_axis(void *data, uint32_t time_ms, bool horizontal, int32_t amount) {
	struct gp_bridge *bridge = data;
	gp_inputs_turn(bridge->inputs, time_ms, horizontal, amount);
}

static void handle_pointer_leave(void *data) {
	struct gp_bridge *bridge = data;
	gp_inputs_release_buttons(bridge->inputs);
}

static void handle_pointer_locked(void *data, bool locked) {
	struct gp_bridge *bridge = data;
	gp_inputs_set_locked(bridge->inputs, locked);
}

static void handle_pointer_relative(void *data, uint32_t time_ms, int32_t dx, int32_t dy) {
	struct gp_bridge *bridge = data;
	gp_inputs_move(bridge->inputs, time_ms, dx, dy);
}

const struct gp_seat_ops gp_bridge_seat_ops = {
	.key = handle_key,
	.keyboard_leave = handle_keyboard_leave,
	.pointer_motion = handle_pointer_motion,
	.pointer_button = handle_pointer_button,
	.pointer_axis = handle_pointer_axis,
	.pointer_leave = handle_pointer_leave,
	.pointer_locked = handle_pointer_locked,
	.pointer_relative = handle_pointer_relative,
};
