#include "client/pen.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <wayland-client.h>

#include "common/log.h"
#include "tablet-v2-client-protocol.h"

#define PRESSURE_MAX 65535

struct gp_client_tablet {
	struct wl_list link; // gp_client_pens.tablets
	struct zwp_tablet_v2 *proxy;
};

struct gp_client_tool {
	struct wl_list link; // gp_client_pens.tools
	struct gp_client_pens *pens;
	struct zwp_tablet_tool_v2 *proxy;
	bool has_pressure;
	uint32_t pressure; // as the compositor sent it last

	const struct gp_scanout_surface *over; // NULL: none
	struct gp_client_pen pen; // scanout and pressure are set at the end of a frame
};

static void handle_type(void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t type) {
	struct gp_client_tool *tool = data;
	tool->pen.eraser = type == ZWP_TABLET_TOOL_V2_TYPE_ERASER;
}

static void handle_hardware_serial(
	void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t high, uint32_t low) {
}

static void handle_hardware_id(
	void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t high, uint32_t low) {
}

static void handle_capability(void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t capability) {
	struct gp_client_tool *tool = data;
	if (capability == ZWP_TABLET_TOOL_V2_CAPABILITY_PRESSURE) {
		tool->has_pressure = true;
	}
}

static void handle_tool_done(void *data, struct zwp_tablet_tool_v2 *proxy) {
}

static void leave(struct gp_client_tool *tool) {
	struct gp_client_pens *pens = tool->pens;
	tool->over = NULL;
	tool->pen.down = false;
	for (size_t i = 0; i < 3; i++) {
		tool->pen.buttons[i] = false;
	}
	if (pens->tool == tool) {
		pens->tool = NULL;
		pens->events->pen_leave(pens->data);
	}
}

static void tool_destroy(struct gp_client_tool *tool) {
	leave(tool);
	wl_list_remove(&tool->link);
	zwp_tablet_tool_v2_destroy(tool->proxy);
	free(tool);
}

static void handle_tool_removed(void *data, struct zwp_tablet_tool_v2 *proxy) {
	tool_destroy(data);
}

static void handle_proximity_in(void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t serial,
	struct zwp_tablet_v2 *tablet, struct wl_surface *surface) {
	struct gp_client_tool *tool = data;
	struct gp_client_pens *pens = tool->pens;
	tool->over = gp_scanout_surface_from(surface);
	if (pens->tool != NULL && pens->tool != tool) {
		leave(pens->tool);
	}
	pens->tool = tool->over != NULL ? tool : NULL;
}

static void handle_proximity_out(void *data, struct zwp_tablet_tool_v2 *proxy) {
	leave(data);
}

static void handle_down(void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t serial) {
	struct gp_client_tool *tool = data;
	tool->pen.down = true;
}

static void handle_up(void *data, struct zwp_tablet_tool_v2 *proxy) {
	struct gp_client_tool *tool = data;
	tool->pen.down = false;
}

static void handle_motion(
	void *data, struct zwp_tablet_tool_v2 *proxy, wl_fixed_t x, wl_fixed_t y) {
	struct gp_client_tool *tool = data;
	tool->pen.x = x;
	tool->pen.y = y;
}

static void handle_pressure(void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t pressure) {
	struct gp_client_tool *tool = data;
	tool->pressure = pressure < PRESSURE_MAX ? pressure : PRESSURE_MAX;
}

static void handle_distance(void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t distance) {
}

static void handle_tilt(void *data, struct zwp_tablet_tool_v2 *proxy, wl_fixed_t x, wl_fixed_t y) {
	struct gp_client_tool *tool = data;
	tool->pen.tilt_x = x;
	tool->pen.tilt_y = y;
}

static void handle_rotation(void *data, struct zwp_tablet_tool_v2 *proxy, wl_fixed_t degrees) {
}

static void handle_slider(void *data, struct zwp_tablet_tool_v2 *proxy, int32_t position) {
}

static void handle_wheel(
	void *data, struct zwp_tablet_tool_v2 *proxy, wl_fixed_t degrees, int32_t clicks) {
}

static void handle_button(void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t serial,
	uint32_t button, uint32_t state) {
	static const uint32_t codes[3] = {BTN_STYLUS, BTN_STYLUS2, BTN_STYLUS3};
	struct gp_client_tool *tool = data;
	for (size_t i = 0; i < 3; i++) {
		if (button == codes[i]) {
			tool->pen.buttons[i] = state == ZWP_TABLET_TOOL_V2_BUTTON_STATE_PRESSED;
		}
	}
}

static void handle_frame(void *data, struct zwp_tablet_tool_v2 *proxy, uint32_t time) {
	struct gp_client_tool *tool = data;
	struct gp_client_pens *pens = tool->pens;
	if (pens->tool != tool) {
		return;
	}
	tool->pen.scanout = tool->over->index;
	tool->pen.pressure = !tool->pen.down ? 0
		: tool->has_pressure         ? tool->pressure
					     : PRESSURE_MAX;
	pens->events->pen(pens->data, time, &tool->pen);
}

static const struct zwp_tablet_tool_v2_listener tool_listener = {
	.type = handle_type,
	.hardware_serial = handle_hardware_serial,
	.hardware_id_wacom = handle_hardware_id,
	.capability = handle_capability,
	.done = handle_tool_done,
	.removed = handle_tool_removed,
	.proximity_in = handle_proximity_in,
	.proximity_out = handle_proximity_out,
	.down = handle_down,
	.up = handle_up,
	.motion = handle_motion,
	.pressure = handle_pressure,
	.distance = handle_distance,
	.tilt = handle_tilt,
	.rotation = handle_rotation,
	.slider = handle_slider,
	.wheel = handle_wheel,
	.button = handle_button,
	.frame = handle_frame,
};

/* Tablets are of no interest, but their objects are ours. */

static void tablet_destroy(struct gp_client_tablet *tablet) {
	wl_list_remove(&tablet->link);
	zwp_tablet_v2_destroy(tablet->proxy);
	free(tablet);
}

static void handle_tablet_name(void *data, struct zwp_tablet_v2 *proxy, const char *name) {
}

static void handle_tablet_id(
	void *data, struct zwp_tablet_v2 *proxy, uint32_t vendor, uint32_t product) {
}

static void handle_tablet_path(void *data, struct zwp_tablet_v2 *proxy, const char *path) {
}

static void handle_tablet_done(void *data, struct zwp_tablet_v2 *proxy) {
}

static void handle_tablet_removed(void *data, struct zwp_tablet_v2 *proxy) {
	tablet_destroy(data);
}

static const struct zwp_tablet_v2_listener tablet_listener = {
	.name = handle_tablet_name,
	.id = handle_tablet_id,
	.path = handle_tablet_path,
	.done = handle_tablet_done,
	.removed = handle_tablet_removed,
};

static void handle_tablet_added(
	void *data, struct zwp_tablet_seat_v2 *seat, struct zwp_tablet_v2 *proxy) {
	struct gp_client_pens *pens = data;
	struct gp_client_tablet *tablet = calloc(1, sizeof(*tablet));
	if (tablet == NULL) {
		gp_error_limited("tablet: no memory");
		zwp_tablet_v2_destroy(proxy);
		return;
	}
	tablet->proxy = proxy;
	zwp_tablet_v2_add_listener(proxy, &tablet_listener, tablet);
	wl_list_insert(&pens->tablets, &tablet->link);
}

static void handle_tool_added(
	void *data, struct zwp_tablet_seat_v2 *seat, struct zwp_tablet_tool_v2 *proxy) {
	struct gp_client_pens *pens = data;
	struct gp_client_tool *tool = calloc(1, sizeof(*tool));
	if (tool == NULL) {
		gp_error_limited("pen: no memory");
		zwp_tablet_tool_v2_destroy(proxy);
		return;
	}
	tool->pens = pens;
	tool->proxy = proxy;
	zwp_tablet_tool_v2_add_listener(proxy, &tool_listener, tool);
	wl_list_insert(&pens->tools, &tool->link);
}

static void handle_pad_added(
	void *data, struct zwp_tablet_seat_v2 *seat, struct zwp_tablet_pad_v2 *proxy) {
	/* The groups, rings and strips that follow would need listeners: it is destroyed at once. */
	zwp_tablet_pad_v2_destroy(proxy);
}

static const struct zwp_tablet_seat_v2_listener seat_listener = {
	.tablet_added = handle_tablet_added,
	.tool_added = handle_tool_added,
	.pad_added = handle_pad_added,
};

void gp_client_pens_start(
	struct gp_client_pens *pens, struct zwp_tablet_manager_v2 *manager, struct wl_seat *seat) {
	if (pens->proxy != NULL) {
		return;
	}
	pens->proxy = zwp_tablet_manager_v2_get_tablet_seat(manager, seat);
	if (pens->proxy != NULL) {
		wl_list_init(&pens->tablets);
		wl_list_init(&pens->tools);
		zwp_tablet_seat_v2_add_listener(pens->proxy, &seat_listener, pens);
	}
}

void gp_client_pens_stop(struct gp_client_pens *pens) {
	if (pens->proxy == NULL) {
		return;
	}
	struct gp_client_tool *tool, *next_tool;
	wl_list_for_each_safe (tool, next_tool, &pens->tools, link) {
		tool_destroy(tool);
	}
	struct gp_client_tablet *tablet, *next_tablet;
	wl_list_for_each_safe (tablet, next_tablet, &pens->tablets, link) {
		tablet_destroy(tablet);
	}
	zwp_tablet_seat_v2_destroy(pens->proxy);
	pens->proxy = NULL;
}
