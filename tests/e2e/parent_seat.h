#ifndef GP_TESTS_E2E_PARENT_SEAT_H
#define GP_TESTS_E2E_PARENT_SEAT_H

#include <stdbool.h>
#include <wayland-server-core.h>
#include <wlr/types/wlr_keyboard.h>
#include <wlr/types/wlr_tablet_tool.h>

struct wlr_surface;

/**
 * The seat of a desktop (parent.c): what the user does with a window, in its coordinates. Commands:
 *
 *   key CODE 0|1       button CODE 0|1       point X Y       wheel 0|1 V120 (1: horizontal)
 *   finger ID down|move X Y       finger ID up       fingers end|cancel       (end: of a frame)
 *   pen in X Y      pen move X Y PRESSURE TILT-X TILT-Y (0 to 1; degrees)
 *   pen down|up|out      pen button CODE 0|1
 *   unplug      (all of it)
 */
struct parent_seat {
	struct wlr_seat *seat;
	struct wlr_keyboard keyboard;
	struct wlr_tablet tablet;
	struct wlr_tablet_tool tool;
	struct wlr_tablet_v2_tablet *tablet_v2;
	struct wlr_tablet_v2_tablet_tool *tool_v2;
};

bool parent_seat_init(struct parent_seat *seat, struct wl_display *display);
/* False: it is no command of these. Surface is the window's. */
bool parent_seat_obey(struct parent_seat *seat, struct wlr_surface *surface, const char *line);

#endif
