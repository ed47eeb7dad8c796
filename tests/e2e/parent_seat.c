#include "tests/e2e/parent_seat.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wlr/interfaces/wlr_keyboard.h>
#include <wlr/interfaces/wlr_tablet_tool.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_seat.h>
#include <wlr/types/wlr_tablet_v2.h>

static const struct wlr_keyboard_impl keyboard_impl = {.name = "parent"};
static const struct wlr_tablet_impl tablet_impl = {.name = "parent"};

bool parent_seat_init(struct parent_seat *seat, struct wl_display *display) {
	seat->seat = wlr_seat_create(display, "parent");
	wlr_seat_set_capabilities(seat->seat,
		WL_SEAT_CAPABILITY_KEYBOARD | WL_SEAT_CAPABILITY_POINTER |
			WL_SEAT_CAPABILITY_TOUCH);
	wlr_keyboard_init(&seat->keyboard, &keyboard_impl, "parent");
	wlr_seat_set_keyboard(seat->seat, &seat->keyboard);

	struct wlr_tablet_manager_v2 *manager = wlr_tablet_v2_create(display);
	wlr_tablet_init(&seat->tablet, &tablet_impl, "parent");
	seat->tool = (struct wlr_tablet_tool){
		.type = WLR_TABLET_TOOL_TYPE_PEN, .tilt = true, .pressure = true};
	wl_signal_init(&seat->tool.events.destroy);
	seat->tablet_v2 = wlr_tablet_create(manager, seat->seat, &seat->tablet.base);
	seat->tool_v2 = wlr_tablet_tool_create(manager, seat->seat, &seat->tool);
	return seat->tablet_v2 != NULL && seat->tool_v2 != NULL;
}

static uint32_t now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static bool obey_finger(struct wlr_seat *seat, struct wlr_surface *surface, const char *line) {
	int id;
	double x, y;
	if (sscanf(line, "finger %d down %lf %lf", &id, &x, &y) == 3) {
		wlr_seat_touch_notify_down(seat, surface, now_ms(), id, x, y);
	} else if (sscanf(line, "finger %d move %lf %lf", &id, &x, &y) == 3) {
		wlr_seat_touch_notify_motion(seat, now_ms(), id, x, y);
	} else if (strstr(line, " up") != NULL && sscanf(line, "finger %d", &id) == 1) {
		wlr_seat_touch_notify_up(seat, now_ms(), id);
	} else if (strcmp(line, "fingers end") == 0) {
		wlr_seat_touch_notify_frame(seat);
	} else if (strcmp(line, "fingers cancel") == 0) {
		wlr_seat_touch_notify_cancel(seat,
			wlr_seat_client_for_wl_client(
				seat, wl_resource_get_client(surface->resource)));
	} else {
		return false;
	}
	return true;
}

static bool obey_pen(struct parent_seat *seat, struct wlr_surface *surface, const char *line) {
	struct wlr_tablet_v2_tablet_tool *tool = seat->tool_v2;
	double x, y, pressure, tilt_x, tilt_y;
	unsigned code, state;
	if (sscanf(line, "pen in %lf %lf", &x, &y) == 2) {
		wlr_tablet_v2_tablet_tool_notify_proximity_in(tool, seat->tablet_v2, surface);
		wlr_tablet_v2_tablet_tool_notify_motion(tool, x, y);
	} else if (sscanf(line, "pen move %lf %lf %lf %lf %lf", &x, &y, &pressure, &tilt_x,
			   &tilt_y) == 5) {
		wlr_tablet_v2_tablet_tool_notify_motion(tool, x, y);
		wlr_tablet_v2_tablet_tool_notify_pressure(tool, pressure);
		wlr_tablet_v2_tablet_tool_notify_tilt(tool, tilt_x, tilt_y);
	} else if (strcmp(line, "pen down") == 0) {
		wlr_tablet_v2_tablet_tool_notify_down(tool);
	} else if (strcmp(line, "pen up") == 0) {
		wlr_tablet_v2_tablet_tool_notify_up(tool);
	} else if (strcmp(line, "pen out") == 0) {
		wlr_tablet_v2_tablet_tool_notify_proximity_out(tool);
	} else if (sscanf(line, "pen button %u %u", &code, &state) == 2) {
		wlr_tablet_v2_tablet_tool_notify_button(tool, code, state);
	} else {
		return false;
	}
	return true;
}

static void turn(struct wlr_seat *seat, bool horizontal, int v120) {
	wlr_seat_pointer_notify_axis(seat, now_ms(),
		horizontal ? WL_POINTER_AXIS_HORIZONTAL_SCROLL : WL_POINTER_AXIS_VERTICAL_SCROLL,
		v120 / 8.0, v120, WL_POINTER_AXIS_SOURCE_WHEEL,
		WL_POINTER_AXIS_RELATIVE_DIRECTION_IDENTICAL);
	wlr_seat_pointer_notify_frame(seat);
}

bool parent_seat_obey(struct parent_seat *seat, struct wlr_surface *surface, const char *line) {
	unsigned code, pressed;
	int v120;
	double x, y;
	if (strcmp(line, "unplug") == 0) {
		wlr_seat_set_capabilities(seat->seat, 0);
		wl_signal_emit_mutable(&seat->tool.events.destroy, &seat->tool);
		wlr_tablet_finish(&seat->tablet);
		return true;
	}
	if (sscanf(line, "key %u %u", &code, &pressed) == 2) {
		wlr_seat_keyboard_notify_enter(seat->seat, surface, NULL, 0, NULL);
		wlr_seat_keyboard_notify_key(seat->seat, now_ms(), code, pressed);
	} else if (sscanf(line, "button %u %u", &code, &pressed) == 2) {
		wlr_seat_pointer_notify_button(seat->seat, now_ms(), code, pressed);
		wlr_seat_pointer_notify_frame(seat->seat);
	} else if (sscanf(line, "point %lf %lf", &x, &y) == 2) {
		/* Not there yet, or the motion would be no news. */
		wlr_seat_pointer_notify_enter(seat->seat, surface, -1, -1);
		wlr_seat_pointer_notify_motion(seat->seat, now_ms(), x, y);
		wlr_seat_pointer_notify_frame(seat->seat);
	} else if (sscanf(line, "wheel %u %d", &code, &v120) == 2) {
		turn(seat->seat, code != 0, v120);
	} else {
		return obey_finger(seat->seat, surface, line) || obey_pen(seat, surface, line);
	}
	return true;
}
