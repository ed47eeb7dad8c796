#include <stdlib.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_touch.h>

#include "common/log.h"
#include "compositor/seat/seat.h"
#include "compositor/seat/spot.h"
#include "compositor/server.h"

struct touch_screen {
	struct wl_list link; // gp_seat.touch_screens
	struct gp_seat *seat;
	struct wlr_touch *wlr_touch;

	struct wl_listener down;
	struct wl_listener up;
	struct wl_listener motion;
	struct wl_listener cancel;
	struct wl_listener frame;
	struct wl_listener destroy;
};

static int find_touch(const struct touch_screen *screen, int32_t id) {
	const struct gp_seat *seat = screen->seat;
	for (int i = 0; i < GP_SEAT_TOUCHES_MAX; i++) {
		if (seat->touches[i].screen == screen && seat->touches[i].id == id) {
			return i;
		}
	}
	return -1;
}

static int find_free(const struct gp_seat *seat) {
	for (int i = 0; i < GP_SEAT_TOUCHES_MAX; i++) {
		if (seat->touches[i].screen == NULL) {
			return i;
		}
	}
	return -1;
}

static void locate(const struct touch_screen *screen, double x, double y, struct gp_spot *spot) {
	const struct wlr_touch *wlr_touch = screen->wlr_touch;
	gp_spot_locate(spot, &screen->seat->server->outputs, wlr_touch->base.name,
		wlr_touch->output_name, x, y);
}

/* A guest without a touch screen has one finger, which is its pointer. */
static bool begin_pointing(struct gp_seat *seat, uint32_t time_ms, const struct gp_spot *spot) {
	for (int i = 0; i < GP_SEAT_TOUCHES_MAX; i++) {
		if (seat->touches[i].screen != NULL && seat->touches[i].is_pointer) {
			return false;
		}
	}
	gp_pointer_warp(seat, time_ms, spot->layout_x, spot->layout_y);
	gp_pointer_press(seat, time_ms, BTN_LEFT, true);
	return true;
}

static void handle_down(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, down);
	const struct wlr_touch_down_event *event = data;
	struct gp_seat *seat = screen->seat;
	struct gp_spot spot;
	int at = find_free(seat);
	locate(screen, event->x, event->y, &spot);
	if (at < 0 || find_touch(screen, event->touch_id) >= 0 || !spot.inside ||
		!gp_seat_focus_at(seat, event->time_msec, &spot)) {
		return;
	}
	struct wlr_surface *surface = spot.surface;
	bool is_pointer = !wlr_surface_accepts_touch(surface, seat->wlr_seat);
	if (is_pointer ? !begin_pointing(seat, event->time_msec, &spot)
		       : wlr_seat_touch_notify_down(seat->wlr_seat, surface, event->time_msec, at,
				 spot.x, spot.y) == 0) {
		return;
	}
	seat->touches[at] = (struct gp_seat_touch){
		.screen = screen, .id = event->touch_id, .is_pointer = is_pointer};
}

static void lift(struct gp_seat *seat, uint32_t time_ms, int at) {
	if (seat->touches[at].is_pointer) {
		gp_pointer_press(seat, time_ms, BTN_LEFT, false);
	} else {
		wlr_seat_touch_notify_up(seat->wlr_seat, time_ms, at);
	}
	seat->touches[at] = (struct gp_seat_touch){0};
}

static void handle_up(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, up);
	const struct wlr_touch_up_event *event = data;
	int at = find_touch(screen, event->touch_id);
	if (at >= 0) {
		lift(screen->seat, event->time_msec, at);
	}
}

static void handle_motion(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, motion);
	const struct wlr_touch_motion_event *event = data;
	struct gp_seat *seat = screen->seat;
	struct gp_spot spot;
	int at = find_touch(screen, event->touch_id);
	if (at < 0) {
		return;
	}
	locate(screen, event->x, event->y, &spot);
	if (seat->touches[at].is_pointer) {
		gp_pointer_warp(seat, event->time_msec, spot.layout_x, spot.layout_y);
		wlr_seat_pointer_notify_frame(seat->wlr_seat);
		return;
	}
	const struct wlr_touch_point *point = wlr_seat_touch_get_point(seat->wlr_seat, at);
	const struct gp_output *output =
		point != NULL ? gp_spot_find_surface(&seat->server->outputs, point->surface) : NULL;
	if (output != NULL) {
		double x, y;
		gp_spot_project(
			&seat->server->outputs, output, spot.layout_x, spot.layout_y, &x, &y);
		wlr_seat_touch_notify_motion(seat->wlr_seat, event->time_msec, at, x, y);
	}
}

static void cancel(struct gp_seat *seat, struct wlr_seat_client *client) {
	struct wlr_touch_point *point;
	wl_list_for_each (point, &seat->wlr_seat->touch_state.touch_points, link) {
		if (point->client == client) {
			seat->touches[point->touch_id] = (struct gp_seat_touch){0};
		}
	}
	wlr_seat_touch_notify_cancel(seat->wlr_seat, client);
}

static void handle_cancel(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, cancel);
	const struct wlr_touch_cancel_event *event = data;
	struct gp_seat *seat = screen->seat;
	int at = find_touch(screen, event->touch_id);
	if (at < 0) {
		return;
	}
	const struct wlr_touch_point *point = wlr_seat_touch_get_point(seat->wlr_seat, at);
	if (point != NULL && !seat->touches[at].is_pointer) {
		cancel(seat, point->client);
	} else {
		lift(seat, event->time_msec, at);
	}
}

static void handle_frame(struct wl_listener *listener, void *data) {
	struct touch_screen *screen = wl_container_of(listener, screen, frame);
	wlr_seat_touch_notify_frame(screen->seat->wlr_seat);
}

void gp_touch_update_focus(struct gp_seat *seat) {
	struct wlr_touch_point *point;
again:
	wl_list_for_each (point, &seat->wlr_seat->touch_state.touch_points, link) {
		if (!gp_seat_has_focus(seat, point->surface)) {
			cancel(seat, point->client); // all points of the client are gone
			goto again;
		}
	}
}

static void screen_destroy(struct touch_screen *screen) {
	struct gp_seat *seat = screen->seat;
	for (int i = 0; i < GP_SEAT_TOUCHES_MAX; i++) {
		if (seat->touches[i].screen == screen) {
			lift(seat, 0, i);
		}
	}
	wlr_seat_touch_notify_frame(seat->wlr_seat);
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

void gp_touch_add(struct gp_seat *seat, struct wlr_touch *wlr_touch) {
	struct touch_screen *screen = calloc(1, sizeof(*screen));
	if (screen == NULL) {
		gp_error("touch screen: no memory");
		return;
	}
	screen->seat = seat;
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
	wl_list_insert(&seat->touch_screens, &screen->link);
}

void gp_touch_finish(struct gp_seat *seat) {
	struct touch_screen *screen, *tmp;
	wl_list_for_each_safe (screen, tmp, &seat->touch_screens, link) {
		screen_destroy(screen);
	}
}
