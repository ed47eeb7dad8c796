#ifndef GP_COMPOSITOR_SEAT_SEAT_H
#define GP_COMPOSITOR_SEAT_SEAT_H

#include <linux/input-event-codes.h>
#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/types/wlr_keyboard.h>

struct gp_server;
struct gp_spot;
struct gp_view;
struct wlr_cursor;
struct wlr_input_device;
struct wlr_output;
struct wlr_pointer_constraint_v1;
struct wlr_pointer_constraints_v1;
struct wlr_relative_pointer_manager_v1;
struct wlr_seat;
struct wlr_surface;
struct wlr_tablet_manager_v2;
struct wlr_touch;

#define GP_SEAT_TOUCHES_MAX 32

/* A finger; its number is its place in gp_seat.touches. */
struct gp_seat_touch {
	const struct touch_screen *screen; // NULL: there is none
	int32_t id; // the screen's
	bool is_pointer; // it moves the pointer, as the guest has no touch screen
};

/**
 * The seat: keyboards, pointers, touch screens and pens, and which guest has them. That is the one whose picture the
 * pointer is on; its bridge gets wl_keyboard and wl_pointer, and nobody else gets anything.
 *
 * Keys travel as evdev codes and without a keymap: what they mean is the guest's affair. All
 * keyboards are one to the guest: a key is down from its first press on any of them to its last
 * release, and a keyboard that goes releases what it held. The scene is in device pixels, and so
 * is the layout in which the pointer moves.
 *
 * A touch screen or a pen tablet belongs to one output. What touches another guest's picture takes
 * the pointer there first, and so the focus. A guest that has no such device sees its pointer move.
 */
struct gp_seat {
	struct gp_server *server;
	struct wlr_seat *wlr_seat;

	/* keyboard.c */
	struct wlr_keyboard keyboard; // all of them; has no keymap
	struct wl_list keyboards; // struct keyboard.link
	uint8_t held[KEY_CNT]; // by how many keyboards the key is held
	bool swallowed[KEY_CNT]; // the press was for the compositor
	bool is_released; // the user does not want the parent's keys in the guest
	uint32_t leds; // enum wlr_keyboard_led

	/* pointer.c */
	struct wlr_cursor *cursor; // without an image: guests draw their own
	struct wl_list pointers; // struct pointer.link
	double absolute_x, absolute_y; // where an absolute pointer was last, in the layout
	struct wlr_relative_pointer_manager_v1 *relative_manager;
	struct wlr_pointer_constraints_v1 *constraints;
	struct wlr_pointer_constraint_v1 *lock; // that is active; may be NULL

	/* touch.c */
	struct wl_list touch_screens; // struct touch_screen.link
	struct gp_seat_touch touches[GP_SEAT_TOUCHES_MAX];

	/* pen.c */
	struct wlr_tablet_manager_v2 *tablet_manager;
	struct wl_list tablets; // struct tablet.link
	struct wl_list pens; // struct pen.link

	struct wl_event_source *refresh; // pending, or NULL

	struct wl_listener new_input;
	struct wl_listener new_virtual_keyboard;
	struct wl_listener new_virtual_pointer;
	struct wl_listener cursor_motion;
	struct wl_listener cursor_motion_absolute;
	struct wl_listener cursor_button;
	struct wl_listener cursor_axis;
	struct wl_listener cursor_frame;
	struct wl_listener lock_destroy;
	struct wl_listener guest_leds;
};

/**
 * Returns false if memory is short. The backend must not have been started; the output layout, the
 * placement and the guest manager must be there.
 */
bool gp_seat_init(struct gp_seat *seat, struct gp_server *server);
/* A seat that is all zeros is fine. */
void gp_seat_finish(struct gp_seat *seat);

/* What is shown has changed: focus follows, from the event loop. Fine before the seat is made. */
void gp_seat_schedule_refresh(struct gp_seat *seat);
/* The pointer has moved, or what is under it has changed. */
void gp_seat_update_focus(struct gp_seat *seat, uint32_t time_ms);
int gp_seat_count_devices(const struct gp_seat *seat);
/* The guest's view that has the keyboard, or NULL. */
struct gp_view *gp_seat_get_focus(const struct gp_seat *seat);

/* Whether the guest of the surface has the focus, and the surface is shown. */
bool gp_seat_has_focus(const struct gp_seat *seat, const struct wlr_surface *surface);
/* Gives the focus to the guest there. False: another one keeps it, as a button is held. */
bool gp_seat_focus_at(struct gp_seat *seat, uint32_t time_ms, const struct gp_spot *spot);
/* In windows whose guest has the focus, the parent compositor shall leave all keys to us. */
void gp_seat_update_grab(struct gp_seat *seat);

/* keyboard.c */
void gp_keyboard_init(struct gp_seat *seat);
void gp_keyboard_finish(struct gp_seat *seat);
void gp_keyboard_add(struct gp_seat *seat, struct wlr_keyboard *wlr_keyboard);
void gp_keyboard_set_leds(struct gp_seat *seat, uint32_t leds);

/* pointer.c */
bool gp_pointer_init(struct gp_seat *seat);
void gp_pointer_finish(struct gp_seat *seat);
/* Output is where an absolute device belongs, or NULL. */
void gp_pointer_add(
	struct gp_seat *seat, struct wlr_input_device *device, struct wlr_output *output);
/* Locks the pointer to the scanout that it is on, if the guest has a mouse, or unlocks it. */
void gp_pointer_toggle_lock(struct gp_seat *seat);
void gp_pointer_unlock(struct gp_seat *seat);
/* For a device that stands in for a pointer. */
void gp_pointer_warp(struct gp_seat *seat, uint32_t time_ms, double layout_x, double layout_y);
void gp_pointer_press(struct gp_seat *seat, uint32_t time_ms, uint32_t button, bool pressed);

/* touch.c */
void gp_touch_add(struct gp_seat *seat, struct wlr_touch *wlr_touch);
void gp_touch_finish(struct gp_seat *seat);
/* Takes the fingers off guests that have lost the focus. */
void gp_touch_update_focus(struct gp_seat *seat);

/* pen.c */
void gp_pen_add(struct gp_seat *seat, struct wlr_input_device *device);
void gp_pen_finish(struct gp_seat *seat);
/* Takes the pens off guests that have lost the focus. */
void gp_pen_update_focus(struct gp_seat *seat);

#endif
