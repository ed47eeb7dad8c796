#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_tablet_tool.h>
#include <wlr/types/wlr_tablet_v2.h>

#include "common/log.h"
#include "compositor/seat/seat.h"
#include "compositor/seat/spot.h"
#include "compositor/seat/transform.h"
#include "compositor/server.h"

struct tablet {
	struct wl_list link; // gp_seat.tablets
	struct gp_seat *seat;
	struct wlr_tablet *wlr_tablet;
	struct wlr_tablet_v2_tablet *v2;

	struct wl_listener axis;
	struct wl_listener proximity;
	struct wl_listener tip;
	struct wl_listener button;
	struct wl_listener destroy;
};

struct pen {
	struct wl_list link; // gp_seat.pens
	struct gp_seat *seat;
	struct wlr_tablet_v2_tablet_tool *v2;
	const struct tablet *tablet; // that it was seen on last
	double x, y; // on the panel
	double tilt_x, tilt_y; // likewise
	struct gp_spot spot;
	uint32_t pressed; // button of the pointer that stands in for the pen; 0: none

	struct wl_listener tool_destroy;
};

static void release_pointer(struct pen *pen, uint32_t time_ms) {
	if (pen->pressed != 0) {
		gp_pointer_press(pen->seat, time_ms, pen->pressed, false);
		pen->pressed = 0;
	}
}

static void leave(struct pen *pen, uint32_t time_ms) {
	release_pointer(pen, time_ms);
	wlr_tablet_v2_tablet_tool_notify_proximity_out(pen->v2);
}

static void pen_destroy(struct pen *pen) {
	release_pointer(pen, 0);
	wl_list_remove(&pen->tool_destroy.link);
	wl_list_remove(&pen->link);
	free(pen);
}

static void handle_tool_destroy(struct wl_listener *listener, void *data) {
	struct pen *pen = wl_container_of(listener, pen, tool_destroy);
	pen_destroy(pen);
}

static struct pen *get_pen(const struct tablet *tablet, struct wlr_tablet_tool *tool) {
	struct gp_seat *seat = tablet->seat;
	struct pen *pen;
	wl_list_for_each (pen, &seat->pens, link) {
		if (pen->v2->wlr_tool == tool) {
			pen->tablet = tablet;
			return pen;
		}
	}
	pen = calloc(1, sizeof(*pen));
	struct wlr_tablet_v2_tablet_tool *v2 = pen != NULL
		? wlr_tablet_tool_create(seat->tablet_manager, seat->wlr_seat, tool)
		: NULL;
	if (v2 == NULL) {
		gp_error("pen: no memory, or of an unknown kind");
		free(pen);
		return NULL;
	}
	pen->seat = seat;
	pen->v2 = v2;
	pen->tablet = tablet;
	pen->tool_destroy.notify = handle_tool_destroy;
	wl_signal_add(&tool->events.destroy, &pen->tool_destroy);
	wl_list_insert(&seat->pens, &pen->link);
	return pen;
}

static bool is_held(const struct pen *pen) {
	return pen->v2->is_down || pen->v2->num_buttons > 0 || pen->pressed != 0;
}

/* A pen that is not pressed goes over to what is below it. */
static void choose_surface(struct pen *pen, struct tablet *tablet, uint32_t time_ms) {
	struct gp_seat *seat = pen->seat;
	const struct gp_spot *spot = &pen->spot;
	bool is_over = spot->inside && gp_seat_focus_at(seat, time_ms, spot);
	if (is_over && wlr_surface_accepts_tablet_v2(spot->surface, tablet->v2)) {
		wlr_tablet_v2_tablet_tool_notify_proximity_in(pen->v2, tablet->v2, spot->surface);
	} else {
		wlr_tablet_v2_tablet_tool_notify_proximity_out(pen->v2);
	}
}

static void move(struct pen *pen, struct tablet *tablet, uint32_t time_ms) {
	struct gp_seat *seat = pen->seat;
	const struct gp_outputs *outputs = &seat->server->outputs;
	gp_spot_locate(&pen->spot, outputs, tablet->wlr_tablet->base.name, NULL, pen->x, pen->y);
	if (!is_held(pen)) {
		choose_surface(pen, tablet, time_ms);
	}
	struct wlr_surface *surface = pen->v2->focused_surface;
	if (surface == NULL && (pen->spot.inside || pen->pressed != 0)) {
		/* The guest has no pen: it has a pointer instead. */
		gp_pointer_warp(seat, time_ms, pen->spot.layout_x, pen->spot.layout_y);
		wlr_seat_pointer_notify_frame(seat->wlr_seat);
		return;
	}
	const struct gp_output *output = gp_spot_find_surface(outputs, surface);
	if (output != NULL) {
		double x, y;
		gp_spot_project(outputs, output, pen->spot.layout_x, pen->spot.layout_y, &x, &y);
		wlr_tablet_v2_tablet_tool_notify_motion(pen->v2, x, y);
	}
}

static void handle_axis(struct wl_listener *listener, void *data) {
	struct tablet *tablet = wl_container_of(listener, tablet, axis);
	const struct wlr_tablet_tool_axis_event *event = data;
	struct pen *pen = get_pen(tablet, event->tool);
	if (pen == NULL) {
		return;
	}
	uint32_t axes = event->updated_axes;
	pen->x = (axes & WLR_TABLET_TOOL_AXIS_X) != 0 ? event->x : pen->x;
	pen->y = (axes & WLR_TABLET_TOOL_AXIS_Y) != 0 ? event->y : pen->y;
	if ((axes & (WLR_TABLET_TOOL_AXIS_X | WLR_TABLET_TOOL_AXIS_Y)) != 0) {
		move(pen, tablet, event->time_msec);
	}
	if ((axes & WLR_TABLET_TOOL_AXIS_PRESSURE) != 0) {
		wlr_tablet_v2_tablet_tool_notify_pressure(pen->v2, event->pressure);
	}
	pen->tilt_x = (axes & WLR_TABLET_TOOL_AXIS_TILT_X) != 0 ? event->tilt_x : pen->tilt_x;
	pen->tilt_y = (axes & WLR_TABLET_TOOL_AXIS_TILT_Y) != 0 ? event->tilt_y : pen->tilt_y;
	if ((axes & (WLR_TABLET_TOOL_AXIS_TILT_X | WLR_TABLET_TOOL_AXIS_TILT_Y)) != 0) {
		double x = pen->tilt_x, y = pen->tilt_y;
		gp_transform_vector(pen->spot.transform, &x, &y);
		wlr_tablet_v2_tablet_tool_notify_tilt(pen->v2, x, y);
	}
}

static void handle_proximity(struct wl_listener *listener, void *data) {
	struct tablet *tablet = wl_container_of(listener, tablet, proximity);
	const struct wlr_tablet_tool_proximity_event *event = data;
	struct pen *pen = get_pen(tablet, event->tool);
	if (pen == NULL) {
		return;
	}
	if (event->state == WLR_TABLET_TOOL_PROXIMITY_OUT) {
		leave(pen, event->time_msec);
		return;
	}
	pen->x = event->x;
	pen->y = event->y;
	move(pen, tablet, event->time_msec);
}

static void handle_tip(struct wl_listener *listener, void *data) {
	struct tablet *tablet = wl_container_of(listener, tablet, tip);
	const struct wlr_tablet_tool_tip_event *event = data;
	struct pen *pen = get_pen(tablet, event->tool);
	if (pen == NULL) {
		return;
	}
	if (event->state == WLR_TABLET_TOOL_TIP_UP) {
		release_pointer(pen, event->time_msec);
		wlr_tablet_v2_tablet_tool_notify_up(pen->v2);
	} else if (pen->v2->focused_surface != NULL) {
		wlr_tablet_v2_tablet_tool_notify_down(pen->v2);
	} else if (pen->pressed == 0 && pen->spot.inside) {
		pen->pressed = BTN_LEFT;
		gp_pointer_press(pen->seat, event->time_msec, BTN_LEFT, true);
	}
}

static void handle_button(struct wl_listener *listener, void *data) {
	struct tablet *tablet = wl_container_of(listener, tablet, button);
	const struct wlr_tablet_tool_button_event *event = data;
	struct pen *pen = get_pen(tablet, event->tool);
	if (pen != NULL && pen->v2->focused_surface != NULL) {
		wlr_tablet_v2_tablet_tool_notify_button(
			pen->v2, event->button, (enum zwp_tablet_pad_v2_button_state)event->state);
	}
}

void gp_pen_update_focus(struct gp_seat *seat) {
	struct pen *pen;
	wl_list_for_each (pen, &seat->pens, link) {
		struct wlr_surface *surface = pen->v2->focused_surface;
		if (surface != NULL && !gp_seat_has_focus(seat, surface)) {
			wlr_tablet_v2_tablet_tool_notify_proximity_out(pen->v2);
		}
	}
}

/*
 * A tool goes with its tablet. Some backends free it then without saying so, and wlr_tablet_v2 has no
 * other way to end its side of it: so we say it. If it is seen on another tablet, it is a new one.
 */
static void tablet_destroy(struct tablet *tablet) {
	struct pen *pen, *tmp;
	wl_list_for_each_safe (pen, tmp, &tablet->seat->pens, link) {
		if (pen->tablet == tablet) {
			struct wlr_tablet_tool *tool = pen->v2->wlr_tool;
			leave(pen, 0);
			wl_signal_emit_mutable(&tool->events.destroy, tool);
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

static void handle_destroy(struct wl_listener *listener, void *data) {
	struct tablet *tablet = wl_container_of(listener, tablet, destroy);
	tablet_destroy(tablet);
}

void gp_pen_add(struct gp_seat *seat, struct wlr_input_device *device) {
	struct wlr_tablet *wlr_tablet = wlr_tablet_from_input_device(device);
	struct tablet *tablet = calloc(1, sizeof(*tablet));
	struct wlr_tablet_v2_tablet *v2 = tablet != NULL
		? wlr_tablet_create(seat->tablet_manager, seat->wlr_seat, device)
		: NULL;
	if (v2 == NULL) {
		gp_error("pen tablet: no memory");
		free(tablet);
		return;
	}
	tablet->seat = seat;
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
	tablet->destroy.notify = handle_destroy;
	wl_signal_add(&device->events.destroy, &tablet->destroy);
	wl_list_insert(&seat->tablets, &tablet->link);
}

void gp_pen_finish(struct gp_seat *seat) {
	struct tablet *tablet, *next_tablet;
	wl_list_for_each_safe (tablet, next_tablet, &seat->tablets, link) {
		tablet_destroy(tablet);
	}
}
