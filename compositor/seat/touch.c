#include "compositor/seat/touch.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_touch.h>

#include "common/log.h"
#include "compositor/seat/focus.h"
#include "compositor/seat/pointer.h"
#include "compositor/seat/spot.h"

struct touch_screen {
	struct wl_list link; // gp_touch.screens
	struct gp_touch *touch;
	struct wlr_touch *wlr_touch;

	struct wl_listener down;
	struct wl_listener up;
	struct wl_listener motion;
	struct wl_listener cancel;
	struct wl_listener frame;
	struct wl_listener destroy;
};

static int find_finger(const struct touch_screen *screen, int32_t id) {
	const struct gp_finger *fingers = screen->touch->fingers;
	for (int i = 0; i < GP_TOUCH_FINGERS_MAX; i++) {
		if (fingers[i].screen == screen && fingers[i].id == id) {
			return i;
		}
	}
	return -1;
}

static int find_free(const struct gp_touch *touch) {
	for (int i = 0; i < GP_TOUCH_FINGERS_MAX; i++) {
		if (touch->fingers[i].screen == NULL) {
			return i;
		}
	}
	return -1;
}

static void locate(const struct touch_screen *screen, double x, double y, struct gp_spot *spot) {
	const struct wlr_touch *wlr_touch = screen->wlr_touch;
	gp_spot_locate(spot, screen->touch->focus->outputs, wlr_touch->base.name,
		wlr_touch->output_name, x, y);
}

/* The guest has one pointer, so one finger at a time. */
static bool begin_pointing(struct gp_touch *touch, uint32_t time_ms, const struct gp_spot *spot) {
	for (int i = 0; i < GP_TOUCH_FINGERS_MAX; i++) {
		if (touch->fingers[i].screen != NULL && touch->fingers[i].pointing) {
			return false;
		}
	}
	gp_pointer_warp(touch->pointer, time_ms, spot->layout_x, spot->layout_y);
	gp_pointer_press(touch->pointer, time_ms, BTN_LEFT, true);
	return true;
}

static void handle_down(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, down);
	const struct wlr_touch_down_event *event = data;
	struct gp_touch *touch = screen->touch;
	struct wlr_seat *seat = touch->focus->wlr_seat;
	struct gp_spot spot;
	int at = find_free(touch);
	locate(screen, event->x, event->y, &spot);
	if (at < 0 || find_finger(screen, event->touch_id) >= 0 || !spot.inside ||
		!gp_pointer_take_focus(touch->pointer, event->time_msec, &spot)) {
		return;
	}
	bool pointing = !wlr_surface_accepts_touch(spot.surface, seat);
	if (pointing ? !begin_pointing(touch, event->time_msec, &spot)
		     : wlr_seat_touch_notify_down(
			       seat, spot.surface, event->time_msec, at, spot.x, spot.y) == 0) {
		return;
	}
	touch->fingers[at] =
		(struct gp_finger){.screen = screen, .id = event->touch_id, .pointing = pointing};
}

static void lift(struct gp_touch *touch, uint32_t time_ms, int at) {
	if (touch->fingers[at].pointing) {
		gp_pointer_press(touch->pointer, time_ms, BTN_LEFT, false);
	} else {
		wlr_seat_touch_notify_up(touch->focus->wlr_seat, time_ms, at);
	}
	touch->fingers[at] = (struct gp_finger){0};
}

static void handle_up(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, up);
	const struct wlr_touch_up_event *event = data;
	int at = find_finger(screen, event->touch_id);
	if (at >= 0) {
		lift(screen->touch, event->time_msec, at);
	}
}

static void handle_motion(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, motion);
	const struct wlr_touch_motion_event *event = data;
	struct gp_touch *touch = screen->touch;
	struct wlr_seat *seat = touch->focus->wlr_seat;
	struct gp_spot spot;
	int at = find_finger(screen, event->touch_id);
	if (at < 0) {
		return;
	}
	locate(screen, event->x, event->y, &spot);
	if (touch->fingers[at].pointing) {
		gp_pointer_warp(touch->pointer, event->time_msec, spot.layout_x, spot.layout_y);
		wlr_seat_pointer_notify_frame(seat);
		return;
	}
	/* The surface that it came down on keeps it, wherever it goes. */
	const struct wlr_touch_point *point = wlr_seat_touch_get_point(seat, at);
	const struct gp_output *output =
		point != NULL ? gp_spot_find_surface(touch->focus->outputs, point->surface) : NULL;
	if (output != NULL) {
		double x, y;
		gp_spot_project(
			touch->focus->outputs, output, spot.layout_x, spot.layout_y, &x, &y);
		wlr_seat_touch_notify_motion(seat, event->time_msec, at, x, y);
	}
}

static void cancel(struct gp_touch *touch, struct wlr_seat_client *client) {
	struct wlr_seat *seat = touch->focus->wlr_seat;
	struct wlr_touch_point *point;
	wl_list_for_each (point, &seat->touch_state.touch_points, link) {
		if (point->client == client) {
			touch->fingers[point->touch_id] = (struct gp_finger){0};
		}
	}
	wlr_seat_touch_notify_cancel(seat, client);
}

static void handle_cancel(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, cancel);
	const struct wlr_touch_cancel_event *event = data;
	struct gp_touch *touch = screen->touch;
	int at = find_finger(screen, event->touch_id);
	if (at < 0) {
		return;
	}
	const struct wlr_touch_point *point = wlr_seat_touch_get_point(touch->focus->wlr_seat, at);
	if (point != NULL && !touch->fingers[at].pointing) {
		cancel(touch, point->client);
	} else {
		lift(touch, event->time_msec, at);
	}
}

static void handle_frame(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, frame);
	wlr_seat_touch_notify_frame(screen->touch->focus->wlr_seat);
	gp_focus_update_held(screen->touch->focus);
}

static void screen_destroy(struct touch_screen *screen) {
	struct gp_touch *touch = screen->touch;
	for (int i = 0; i < GP_TOUCH_FINGERS_MAX; i++) {
		if (touch->fingers[i].screen == screen) {
			lift(touch, 0, i);
		}
	}
	wlr_seat_touch_notify_frame(touch->focus->wlr_seat);
	gp_focus_update_held(touch->focus);
	wl_list_remove(&screen->down.link);
	wl_list_remove(&screen->up.link);
	wl_list_remove(&screen->motion.link);
	wl_list_remove(&screen->cancel.link);
	wl_list_remove(&screen->frame.link);
	wl_list_remove(&screen->destroy.link);
	wl_list_remove(&screen->link);
	free(screen);
}

static void handle_destroy(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, destroy);
	screen_destroy(screen);
}

void gp_touch_add(struct gp_touch *touch, struct wlr_touch *wlr_touch) {
	struct touch_screen *screen = calloc(1, sizeof(*screen));
	if (screen == NULL) {
		gp_error("touch screen: no memory");
		return;
	}
	screen->touch = touch;
	screen->wlr_touch = wlr_touch;
	screen->down.notify = handle_down;
	wl_signal_add(&wlr_touch->events.down, &screen->down);
	screen->up.notify = handle_up;
	wl_signal_add(&wlr_touch->events.up, &screen->up);
	screen->motion.notify = handle_motion;
	wl_signal_add(&wlr_touch->events.motion, &screen->motion);
	screen->cancel.notify = handle_cancel;
	wl_signal_add(&wlr_touch->events.cancel, &screen->cancel);
	screen->frame.notify = handle_frame;
	wl_signal_add(&wlr_touch->events.frame, &screen->frame);
	screen->destroy.notify = handle_destroy;
	wl_signal_add(&wlr_touch->base.events.destroy, &screen->destroy);
	wl_list_insert(&touch->screens, &screen->link);
}

static void handle_focus_changed(struct wl_listener *listener, void *data) {
	struct gp_touch *touch = wl_container_of(listener, touch, focus_changed);
	struct wlr_touch_point *point;
again:
	wl_list_for_each (point, &touch->focus->wlr_seat->touch_state.touch_points, link) {
		if (!gp_focus_covers(touch->focus, point->surface)) {
			cancel(touch, point->client); // and frees all points of the client
			goto again;
		}
	}
	gp_focus_update_held(touch->focus);
}

void gp_touch_init(struct gp_touch *touch, struct gp_pointer *pointer) {
	touch->focus = pointer->focus;
	touch->pointer = pointer;
	wl_list_init(&touch->screens);
	touch->focus_changed.notify = handle_focus_changed;
	wl_signal_add(&touch->focus->events.changed, &touch->focus_changed);
}

void gp_touch_finish(struct gp_touch *touch) {
	struct touch_screen *screen, *tmp;
	wl_list_for_each_safe (screen, tmp, &touch->screens, link) {
		screen_destroy(screen);
	}
	wl_list_remove(&touch->focus_changed.link);
}
