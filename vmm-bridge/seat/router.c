#include "vmm-bridge/seat/router.h"

#include <linux/input.h>

#include "common/clock.h"

/* An event that claims to be older has a time of some other clock. */
#define AGE_MAX_MS 10000

void gp_router_init(
	struct gp_router *router, struct gp_inputs *inputs, const struct gp_scanouts *scanouts) {
	*router = (struct gp_router){.inputs = inputs, .scanouts = *scanouts};
}

/* Of a time of the seat, which has the lower 32 bits of milliseconds; 0: it is of another clock. */
static uint64_t full_time(uint32_t time_ms) {
	uint64_t now = gp_now_ns();
	uint32_t age_ms = (uint32_t)(now / 1000000) - time_ms;
	return age_ms <= AGE_MAX_MS ? now - now % 1000000 - (uint64_t)age_ms * 1000000 : 0;
}

static void find_axes(const struct gp_input_port *port, const struct gp_scanout_point *point,
	int32_t *x, int32_t *y) {
	gp_scanout_point_to_axes(point, port->device.scanout == GP_INPUT_ALL_SCANOUTS, x, y);
}

/* Keyboard */

static void handle_key(void *data, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_router *router = data;
	struct gp_input_port *port = gp_inputs_find(router->inputs, GP_INPUT_KEYBOARD, 0);
	if (port != NULL && code < KEY_CNT) {
		const struct gp_input_event event = {EV_KEY, (uint16_t)code, pressed};
		gp_input_device_send(&port->device, &event, 1, full_time(time_ms));
	}
}

static void handle_keyboard_leave(void *data) {
	struct gp_router *router = data;
	struct gp_input_port *port = gp_inputs_find(router->inputs, GP_INPUT_KEYBOARD, 0);
	if (port != NULL) {
		gp_input_device_release_all(&port->device);
	}
}

/* Pointer */

static void handle_pointer_leave(void *data) {
	struct gp_router *router = data;
	if (router->pointer != NULL) {
		gp_input_device_release_all(&router->pointer->device);
	}
	router->n_buttons = 0;
}

static void set_pointer(struct gp_router *router, struct gp_input_port *port) {
	if (port != router->pointer) {
		handle_pointer_leave(router);
		router->pointer = port;
	}
}

static void handle_pointer_motion(
	void *data, uint32_t time_ms, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_router *router = data;
	struct gp_scanout_point point;
	if (router->locked || !gp_scanouts_locate(&router->scanouts, scanout, x, y, &point)) {
		return;
	}
	bool held = router->n_buttons > 0 && router->pointer != NULL &&
		router->pointer->device.scanout != GP_INPUT_ALL_SCANOUTS;
	if (held) {
		router->point = gp_scanout_point_relate(&point, &router->point);
	} else {
		router->point = point;
		set_pointer(router, gp_inputs_find(router->inputs, GP_INPUT_TABLET, scanout));
	}
	if (router->pointer == NULL) {
		return;
	}
	find_axes(router->pointer, &router->point, &x, &y);
	const struct gp_input_event events[] = {{EV_ABS, ABS_X, x}, {EV_ABS, ABS_Y, y}};
	gp_input_device_send(&router->pointer->device, events, 2, full_time(time_ms));
}

static void handle_pointer_button(void *data, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_router *router = data;
	if (router->pointer == NULL || code >= KEY_CNT) {
		return;
	}
	const struct gp_input_event event = {EV_KEY, (uint16_t)code, pressed};
	gp_input_device_send(&router->pointer->device, &event, 1, full_time(time_ms));
	if (pressed) {
		router->n_buttons++;
	} else if (router->n_buttons > 0) {
		router->n_buttons--;
	}
}

static void handle_pointer_axis(void *data, uint32_t time_ms, bool horizontal, int32_t amount) {
	struct gp_router *router = data;
	struct gp_input_port *port = router->pointer;
	struct gp_input_event events[2];
	if (port != NULL) {
		size_t n = gp_evdev_turn(&port->wheels[horizontal], horizontal, amount, events);
		gp_input_device_send(&port->device, events, n, full_time(time_ms));
	}
}

static void handle_pointer_locked(void *data, bool locked) {
	struct gp_router *router = data;
	router->locked = locked;
	set_pointer(router,
		gp_inputs_find(router->inputs, locked ? GP_INPUT_MOUSE : GP_INPUT_TABLET,
			router->point.scanout));
}

static void handle_pointer_relative(void *data, uint32_t time_ms, int32_t dx, int32_t dy) {
	struct gp_router *router = data;
	struct gp_input_port *port = router->pointer;
	if (!router->locked || port == NULL) {
		return;
	}
	struct gp_input_event events[2];
	size_t n = 0;
	int32_t x = gp_evdev_relative(&port->rest_x, dx);
	int32_t y = gp_evdev_relative(&port->rest_y, dy);
	if (x != 0) {
		events[n++] = (struct gp_input_event){EV_REL, REL_X, x};
	}
	if (y != 0) {
		events[n++] = (struct gp_input_event){EV_REL, REL_Y, y};
	}
	gp_input_device_send(&port->device, events, n, full_time(time_ms));
}

/* Touch screens */

/* The screen that has the contact, and its slot; NULL: it is unknown, or there are too many. */
static struct gp_input_port *find_contact(struct gp_router *router, int32_t id, int *slot) {
	for (size_t i = 0; i < router->inputs->n; i++) {
		struct gp_input_port *port = &router->inputs->ports[i];
		*slot = gp_contacts_find(&port->contacts, id);
		if (*slot >= 0) {
			return port;
		}
	}
	return NULL;
}

static void handle_touch_down(
	void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_router *router = data;
	struct gp_input_port *port = gp_inputs_find(router->inputs, GP_INPUT_TOUCH, scanout);
	struct gp_scanout_point point;
	int slot;
	if (port == NULL || find_contact(router, id, &slot) != NULL ||
		!gp_scanouts_locate(&router->scanouts, scanout, x, y, &point)) {
		return;
	}
	find_axes(port, &point, &x, &y);
	gp_contacts_down(&port->contacts, &port->device, id, x, y, full_time(time_ms));
}

static void handle_touch_motion(
	void *data, uint32_t time_ms, int32_t id, uint32_t scanout, int32_t x, int32_t y) {
	struct gp_router *router = data;
	struct gp_scanout_point point;
	int slot;
	struct gp_input_port *port = find_contact(router, id, &slot);
	if (port != NULL && gp_scanouts_locate(&router->scanouts, scanout, x, y, &point)) {
		find_axes(port, &point, &x, &y);
		gp_contacts_motion(&port->contacts, slot, x, y, full_time(time_ms));
	}
}

static void handle_touch_up(void *data, uint32_t time_ms, int32_t id) {
	int slot;
	struct gp_input_port *port = find_contact(data, id, &slot);
	if (port != NULL) {
		gp_contacts_up(&port->contacts, &port->device, slot, full_time(time_ms));
	}
}

static void handle_touch_frame(void *data) {
	struct gp_router *router = data;
	for (size_t i = 0; i < router->inputs->n; i++) {
		struct gp_input_port *port = &router->inputs->ports[i];
		gp_contacts_frame(&port->contacts, &port->device);
	}
}

static void handle_touch_cancel(void *data) {
	struct gp_router *router = data;
	for (size_t i = 0; i < router->inputs->n; i++) {
		struct gp_input_port *port = &router->inputs->ports[i];
		if (port->device.kind == GP_INPUT_TOUCH) {
			gp_contacts_forget(&port->contacts);
			gp_input_device_release_all(&port->device);
		}
	}
}

/* Pens */

static void handle_pen_leave(void *data) {
	struct gp_router *router = data;
	if (router->pen != NULL) {
		gp_input_device_release_all(&router->pen->device);
		router->pen = NULL;
	}
}

/* From 1/256 to 1/100 degree. */
static int32_t scale_tilt(int32_t tilt) {
	int64_t scaled = (int64_t)tilt * 100 / 256;
	return (int32_t)(scaled > GP_PEN_TILT_MAX   ? GP_PEN_TILT_MAX
			: scaled < -GP_PEN_TILT_MAX ? -GP_PEN_TILT_MAX
						    : scaled);
}

static void handle_pen(void *data, uint32_t time_ms, const struct gp_client_pen *pen) {
	struct gp_router *router = data;
	struct gp_scanout_point point;
	if (!gp_scanouts_locate(&router->scanouts, pen->scanout, pen->x, pen->y, &point)) {
		return;
	}
	struct gp_input_port *port = gp_inputs_find(router->inputs, GP_INPUT_PEN, pen->scanout);
	if (port != router->pen) {
		handle_pen_leave(router);
		router->pen = port;
	}
	if (port == NULL) {
		return;
	}
	struct gp_input_state state = {
		.pen =
			{
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
			},
	};
	find_axes(port, &point, &state.pen.axes[GP_PEN_X], &state.pen.axes[GP_PEN_Y]);
	gp_input_device_set_state(&port->device, &state, full_time(time_ms));
}

const struct gp_client_seat_events gp_router_seat_events = {
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
