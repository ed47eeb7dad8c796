#include "compositor/seat/pen.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_tablet_tool.h>
#include <wlr/types/wlr_tablet_v2.h>

#include "common/log.h"
#include "compositor/seat/focus.h"
#include "compositor/seat/pointer.h"
#include "compositor/seat/spot.h"
#include "compositor/seat/transform.h"

struct pen_tablet {
	struct wl_list link; // gp_pen.tablets
	struct gp_pen *pen;
	struct wlr_tablet *wlr_tablet;
	struct wlr_tablet_v2_tablet *v2;

	struct wl_listener axis;
	struct wl_listener proximity;
	struct wl_listener tip;
	struct wl_listener button;
	struct wl_listener destroy;
};

struct pen_tool {
	struct wl_list link; // gp_pen.tools
	struct gp_pen *pen;
	struct wlr_tablet_v2_tablet_tool *v2;
	const struct pen_tablet *tablet; // that it was seen on last
	double x, y; // on the panel
	double tilt_x, tilt_y; // likewise
	struct gp_spot spot;
	uint32_t pressed; // button of the pointer that stands in for the pen; 0: none

	struct wl_listener destroy;
};

static void release_pointer(struct pen_tool *tool, uint32_t time_ms) {
	if (tool->pressed != 0) {
		gp_pointer_press(tool->pen->pointer, time_ms, tool->pressed, false);
		tool->pressed = 0;
	}
}

static void leave(struct pen_tool *tool, uint32_t time_ms) {
	release_pointer(tool, time_ms);
	wlr_tablet_v2_tablet_tool_notify_proximity_out(tool->v2);
}

static void handle_tool_destroy(struct wl_listener *listener, void *data) {
	struct pen_tool *tool = wl_container_of(listener, tool, destroy);
	release_pointer(tool, 0);
	wl_list_remove(&tool->destroy.link);
	wl_list_remove(&tool->link);
	free(tool);
}

static struct pen_tool *get_tool(
	const struct pen_tablet *tablet, struct wlr_tablet_tool *wlr_tool) {
	struct gp_pen *pen = tablet->pen;
	struct pen_tool *tool;
	wl_list_for_each (tool, &pen->tools, link) {
		if (tool->v2->wlr_tool == wlr_tool) {
			tool->tablet = tablet;
			return tool;
		}
	}
	tool = calloc(1, sizeof(*tool));
	struct wlr_tablet_v2_tablet_tool *v2 = tool != NULL
		? wlr_tablet_tool_create(pen->manager, pen->focus->wlr_seat, wlr_tool)
		: NULL;
	if (v2 == NULL) {
		gp_error("pen: no memory, or of an unknown kind");
		free(tool);
		return NULL;
	}
	tool->pen = pen;
	tool->v2 = v2;
	tool->tablet = tablet;
	tool->destroy.notify = handle_tool_destroy;
	wl_signal_add(&wlr_tool->events.destroy, &tool->destroy);
	wl_list_insert(&pen->tools, &tool->link);
	return tool;
}

/* A pen that is not pressed moves over to what is below it. */
static void choose_surface(struct pen_tool *tool, struct pen_tablet *tablet, uint32_t time_ms) {
	const struct gp_spot *spot = &tool->spot;
	if (spot->inside && gp_pointer_take_focus(tool->pen->pointer, time_ms, spot) &&
		wlr_surface_accepts_tablet_v2(spot->surface, tablet->v2)) {
		wlr_tablet_v2_tablet_tool_notify_proximity_in(tool->v2, tablet->v2, spot->surface);
	} else {
		wlr_tablet_v2_tablet_tool_notify_proximity_out(tool->v2);
	}
}

static void move(struct pen_tool *tool, struct pen_tablet *tablet, uint32_t time_ms) {
	struct gp_pen *pen = tool->pen;
	struct gp_focus *focus = pen->focus;
	struct gp_spot *spot = &tool->spot;
	gp_spot_locate(spot, focus->outputs, tablet->wlr_tablet->base.name, NULL, tool->x, tool->y);
	if (!tool->v2->is_down && tool->v2->num_buttons == 0 && tool->pressed == 0) {
		choose_surface(tool, tablet, time_ms);
	}
	struct wlr_surface *surface = tool->v2->focused_surface;
	if (surface == NULL && (spot->inside || tool->pressed != 0)) {
		/* The guest has no pen: it has a pointer instead. */
		gp_pointer_warp(pen->pointer, time_ms, spot->layout_x, spot->layout_y);
		wlr_seat_pointer_notify_frame(focus->wlr_seat);
		return;
	}
	const struct gp_output *output = gp_spot_find_surface(focus->outputs, surface);
	if (output != NULL) {
		double x, y;
		gp_spot_project(focus->outputs, output, spot->layout_x, spot->layout_y, &x, &y);
		wlr_tablet_v2_tablet_tool_notify_motion(tool->v2, x, y);
	}
}

static void handle_axis(struct wl_listener *listener, void *data) {
	struct pen_tablet *tablet = wl_container_of(listener, tablet, axis);
	const struct wlr_tablet_tool_axis_event *event = data;
	struct pen_tool *tool = get_tool(tablet, event->tool);
	if (tool == NULL) {
		return;
	}
	uint32_t axes = event->updated_axes;
	tool->x = (axes & WLR_TABLET_TOOL_AXIS_X) != 0 ? event->x : tool->x;
	tool->y = (axes & WLR_TABLET_TOOL_AXIS_Y) != 0 ? event->y : tool->y;
	if ((axes & (WLR_TABLET_TOOL_AXIS_X | WLR_TABLET_TOOL_AXIS_Y)) != 0) {
		move(tool, tablet, event->time_msec);
	}
	if ((axes & WLR_TABLET_TOOL_AXIS_PRESSURE) != 0) {
		wlr_tablet_v2_tablet_tool_notify_pressure(tool->v2, event->pressure);
	}
	tool->tilt_x = (axes & WLR_TABLET_TOOL_AXIS_TILT_X) != 0 ? event->tilt_x : tool->tilt_x;
	tool->tilt_y = (axes & WLR_TABLET_TOOL_AXIS_TILT_Y) != 0 ? event->tilt_y : tool->tilt_y;
	if ((axes & (WLR_TABLET_TOOL_AXIS_TILT_X | WLR_TABLET_TOOL_AXIS_TILT_Y)) != 0) {
		double x = tool->tilt_x, y = tool->tilt_y;
		gp_transform_vector(tool->spot.transform, &x, &y);
		wlr_tablet_v2_tablet_tool_notify_tilt(tool->v2, x, y);
	}
}

static void handle_proximity(struct wl_listener *listener, void *data) {
	struct pen_tablet *tablet = wl_container_of(listener, tablet, proximity);
	const struct wlr_tablet_tool_proximity_event *event = data;
	struct pen_tool *tool = get_tool(tablet, event->tool);
	if (tool == NULL) {
		return;
	}
	if (event->state == WLR_TABLET_TOOL_PROXIMITY_OUT) {
		leave(tool, event->time_msec);
		return;
	}
	tool->x = event->x;
	tool->y = event->y;
	move(tool, tablet, event->time_msec);
}

static void handle_tip(struct wl_listener *listener, void *data) {
	struct pen_tablet *tablet = wl_container_of(listener, tablet, tip);
	const struct wlr_tablet_tool_tip_event *event = data;
	struct pen_tool *tool = get_tool(tablet, event->tool);
	if (tool == NULL) {
		return;
	}
	if (event->state == WLR_TABLET_TOOL_TIP_UP) {
		release_pointer(tool, event->time_msec);
		wlr_tablet_v2_tablet_tool_notify_up(tool->v2);
	} else if (tool->v2->focused_surface != NULL) {
		wlr_tablet_v2_tablet_tool_notify_down(tool->v2);
	} else if (tool->pressed == 0 && tool->spot.inside) {
		tool->pressed = BTN_LEFT;
		gp_pointer_press(tool->pen->pointer, event->time_msec, BTN_LEFT, true);
	}
}

static void handle_button(struct wl_listener *listener, void *data) {
	struct pen_tablet *tablet = wl_container_of(listener, tablet, button);
	const struct wlr_tablet_tool_button_event *event = data;
	struct pen_tool *tool = get_tool(tablet, event->tool);
	if (tool != NULL && tool->v2->focused_surface != NULL) {
		wlr_tablet_v2_tablet_tool_notify_button(
			tool->v2, event->button, (enum zwp_tablet_pad_v2_button_state)event->state);
	}
}

/*
 * A tool is destroyed with its tablet. Some backends free it then without its event, and
 * wlr_tablet_v2 has no other way to end its side of it: so we emit it. Seen on another tablet, it
 * is a new tool.
 */
static void tablet_destroy(struct pen_tablet *tablet) {
	struct pen_tool *tool, *tmp;
	wl_list_for_each_safe (tool, tmp, &tablet->pen->tools, link) {
		if (tool->tablet == tablet) {
			struct wlr_tablet_tool *wlr_tool = tool->v2->wlr_tool;
			leave(tool, 0);
			wl_signal_emit_mutable(&wlr_tool->events.destroy, wlr_tool);
		}
	}
	wl_list_remove(&tablet->axis.link);
	wl_list_remove(&tablet->proximity.link);
	wl_list_remove(&tablet->tip.link);
	wl_list_remove(&tablet->button.link);
	wl_list_remove(&tablet->destroy.link);
	wl_list_remove(&tablet->link);
	free(tablet);
}

static void handle_tablet_destroy(struct wl_listener *listener, void *data) {
	struct pen_tablet *tablet = wl_container_of(listener, tablet, destroy);
	tablet_destroy(tablet);
}

void gp_pen_add(struct gp_pen *pen, struct wlr_input_device *device) {
	struct wlr_tablet *wlr_tablet = wlr_tablet_from_input_device(device);
	struct pen_tablet *tablet = calloc(1, sizeof(*tablet));
	struct wlr_tablet_v2_tablet *v2 = tablet != NULL
		? wlr_tablet_create(pen->manager, pen->focus->wlr_seat, device)
		: NULL;
	if (v2 == NULL) {
		gp_error("pen tablet: no memory");
		free(tablet);
		return;
	}
	tablet->pen = pen;
	tablet->wlr_tablet = wlr_tablet;
	tablet->v2 = v2;
	tablet->axis.notify = handle_axis;
	wl_signal_add(&wlr_tablet->events.axis, &tablet->axis);
	tablet->proximity.notify = handle_proximity;
	wl_signal_add(&wlr_tablet->events.proximity, &tablet->proximity);
	tablet->tip.notify = handle_tip;
	wl_signal_add(&wlr_tablet->events.tip, &tablet->tip);
	tablet->button.notify = handle_button;
	wl_signal_add(&wlr_tablet->events.button, &tablet->button);
	tablet->destroy.notify = handle_tablet_destroy;
	wl_signal_add(&device->events.destroy, &tablet->destroy);
	wl_list_insert(&pen->tablets, &tablet->link);
}

static void handle_focus_changed(struct wl_listener *listener, void *data) {
	struct gp_pen *pen = wl_container_of(listener, pen, focus_changed);
	struct pen_tool *tool;
	wl_list_for_each (tool, &pen->tools, link) {
		struct wlr_surface *surface = tool->v2->focused_surface;
		if (surface != NULL && !gp_focus_covers(pen->focus, surface)) {
			wlr_tablet_v2_tablet_tool_notify_proximity_out(tool->v2);
		}
	}
}

bool gp_pen_init(struct gp_pen *pen, struct wl_display *display, struct gp_pointer *pointer) {
	pen->focus = pointer->focus;
	pen->pointer = pointer;
	wl_list_init(&pen->tablets);
	wl_list_init(&pen->tools);
	pen->focus_changed.notify = handle_focus_changed;
	wl_signal_add(&pen->focus->events.changed, &pen->focus_changed);
	pen->manager = wlr_tablet_v2_create(display);
	return pen->manager != NULL;
}

void gp_pen_finish(struct gp_pen *pen) {
	struct pen_tablet *tablet, *tmp;
	wl_list_for_each_safe (tablet, tmp, &pen->tablets, link) {
		tablet_destroy(tablet);
	}
	wl_list_remove(&pen->focus_changed.link);
}
