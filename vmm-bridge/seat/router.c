#include "vmm-bridge/bridge_internal.h"

/* gp_client_seat_events: what the user does, for the guest's input devices. */

static void handle_key(void *data, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_bridge *bridge = data;
	gp_inputs_key(bridge->inputs, time_ms, code, pressed);
}

static void handle_keyboard_leave(void *data) {
	struct gp_bridge *bridge = data;
	gp_inputs_release_keys(bridge->inputs);
}

/**
 * Where the scanouts lie is the guest's choice, which nobody tells. They are taken to lie in a row in
 * their order, as the device proposes it (GET_DISPLAY_INFO). Those that are off do not count, unless
 * the user is on one of them, to wake the guest: then all are where they were last.
 */
static bool find_place(struct gp_bridge *bridge, uint32_t scanout, struct gp_scanout_point *place) {
	struct gp_gpu_scanout_info info;
	*place = (struct gp_scanout_point){.scanout = scanout};
	gp_gpu_get_scanout_info(bridge->gpu, scanout, &info);
	bool off = !info.enabled;
	for (uint32_t i = 0; i < bridge->options->n_scanouts; i++) {
		gp_gpu_get_scanout_info(bridge->gpu, i, &info);
		if (!info.enabled && !off) {
			continue;
		}
		uint32_t width = info.last_width, height = info.last_height;
		if (i == scanout && width == 0) {
			/* The compositor takes it to be as large as its monitor. */
			width = info.mode.width;
			height = info.mode.height;
		}
		if (i == scanout) {
			place->offset = place->desktop_width;
			place->width = width;
			place->height = height;
		}
		place->desktop_width += width;
		if (height > place->desktop_height) {
			place->desktop_height = height;
		}
	}
	return place->width > 0 && place->height > 0;
}

static void handle_pointer_motion(
	void *data, uint32_t time_ms, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_bridge *bridge = data;
	struct gp_scanout_point place;
	if (find_place(bridge, scanout, &place)) {
		place.x = x;
		place.y = y;
		gp_inputs_pointer_absolute(bridge->inputs, time_ms, &place);
	}
}

static void handle_pointer_button(void *data, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_bridge *bridge = data;
	gp_inputs_button(bridge->inputs, time_ms, code, pressed);
}

static void handle_pointer_axis(void *data, uint32_t time_ms, bool horizontal, int32_t amount) {
	struct gp_bridge *bridge = data;
	gp_inputs_scroll(bridge->inputs, time_ms, horizontal, amount);
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
	gp_inputs_pointer_relative(bridge->inputs, time_ms, dx, dy);
}

static void handle_touch_down(
	void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_bridge *bridge = data;
	struct gp_scanout_point place;
	if (find_place(bridge, scanout, &place)) {
		place.x = x;
		place.y = y;
		gp_inputs_touch_down(bridge->inputs, time_ms, id, &place);
	}
}

static void handle_touch_motion(
	void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_bridge *bridge = data;
	struct gp_scanout_point place;
	if (find_place(bridge, scanout, &place)) {
		place.x = x;
		place.y = y;
		gp_inputs_touch_motion(bridge->inputs, time_ms, id, &place);
	}
}

static void handle_touch_up(void *data, uint32_t time_ms, int32_t id) {
	struct gp_bridge *bridge = data;
	gp_inputs_touch_up(bridge->inputs, time_ms, id);
}

static void handle_touch_frame(void *data) {
	struct gp_bridge *bridge = data;
	gp_inputs_touch_frame(bridge->inputs);
}

static void handle_touch_cancel(void *data) {
	struct gp_bridge *bridge = data;
	gp_inputs_touch_cancel(bridge->inputs);
}

static int32_t scale_tilt(int32_t tilt) {
	int64_t scaled = (int64_t)tilt * 100 / 256;
	return (int32_t)(scaled > GP_PEN_TILT_MAX   ? GP_PEN_TILT_MAX
			: scaled < -GP_PEN_TILT_MAX ? -GP_PEN_TILT_MAX
						    : scaled);
}

static void handle_pen(void *data, uint32_t time_ms, const struct gp_client_pen *pen) {
	struct gp_bridge *bridge = data;
	struct gp_scanout_point place;
	if (!find_place(bridge, pen->scanout, &place)) {
		return;
	}
	place.x = pen->x;
	place.y = pen->y;
	const struct gp_pen_state state = {
		.tool = pen->eraser ? GP_PEN_RUBBER : GP_PEN_TIP,
		.axes =
			{
				[GP_PEN_PRESSURE] = (int32_t)pen->pressure,
				[GP_PEN_TILT_X] = scale_tilt(pen->tilt_x),
				[GP_PEN_TILT_Y] = scale_tilt(pen->tilt_y),
			},
		.buttons =
			{
				[GP_PEN_TOUCH] = pen->down,
				[GP_PEN_STYLUS] = pen->buttons[0],
				[GP_PEN_STYLUS2] = pen->buttons[1],
				[GP_PEN_STYLUS3] = pen->buttons[2],
			},
	};
	gp_inputs_pen(bridge->inputs, time_ms, &place, &state);
}

static void handle_pen_leave(void *data) {
	struct gp_bridge *bridge = data;
	gp_inputs_pen_leave(bridge->inputs);
}

const struct gp_client_seat_events gp_bridge_seat_ops = {
	.key = handle_key,
	.keyboard_leave = handle_keyboard_leave,
	.pointer_motion = handle_pointer_motion,
	.pointer_button = handle_pointer_button,
	.pointer_axis = handle_pointer_axis,
	.pointer_leave = handle_pointer_leave,
	.pointer_locked = handle_pointer_locked,
	.pointer_relative = handle_pointer_relative,
	.touch_down = handle_touch_down,
	.touch_motion = handle_touch_motion,
	.touch_up = handle_touch_up,
	.touch_frame = handle_touch_frame,
	.touch_cancel = handle_touch_cancel,
	.pen = handle_pen,
	.pen_leave = handle_pen_leave,
};
