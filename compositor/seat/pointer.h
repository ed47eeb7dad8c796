#ifndef GP_COMPOSITOR_SEAT_POINTER_H
#define GP_COMPOSITOR_SEAT_POINTER_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_focus;
struct gp_spot;
struct wlr_cursor;
struct wlr_input_device;
struct wlr_output;
struct wlr_pointer_constraint_v1;
struct wlr_pointer_constraints_v1;
struct wlr_relative_pointer_manager_v1;

/**
 * The pointer, which all mice, touch pads and absolute pointers move, and which takes the focus
 * along. For a guest with a mouse the user can lock it: then the mouse moves, and the pointer
 * stays.
 */
struct gp_pointer {
	struct gp_focus *focus;
	struct wlr_cursor *cursor; // without an image: guests draw their own
	struct wl_list devices; // struct pointer_device.link
	double absolute_x, absolute_y; // layout point of the last absolute motion
	struct wlr_relative_pointer_manager_v1 *relative_manager;
	struct wlr_pointer_constraints_v1 *constraints;
	struct wlr_pointer_constraint_v1 *lock; // that is active; may be NULL

	struct wl_listener cursor_motion;
	struct wl_listener cursor_motion_absolute;
	struct wl_listener cursor_button;
	struct wl_listener cursor_axis;
	struct wl_listener cursor_frame;
	struct wl_listener lock_destroy;
};

/* Returns false if memory is short; the pointer has to be finished in any case. */
bool gp_pointer_init(
	struct gp_pointer *pointer, struct wl_display *display, struct gp_focus *focus);
/* Releases all buttons. */
void gp_pointer_finish(struct gp_pointer *pointer);
/* Output is where an absolute device belongs, or NULL. The device leaves when it is destroyed. */
void gp_pointer_add(
	struct gp_pointer *pointer, struct wlr_input_device *device, struct wlr_output *output);

/* Follows what is shown: another guest may be under the pointer, or no output any more. */
void gp_pointer_update(struct gp_pointer *pointer);
/* Locks the pointer to the scanout that it is on, if the guest has a mouse, or unlocks it. */
void gp_pointer_toggle_lock(struct gp_pointer *pointer);

/* For a device that stands in for a pointer. A pointer that is locked stays. */
void gp_pointer_warp(
	struct gp_pointer *pointer, uint32_t time_ms, double layout_x, double layout_y);
/* With a frame. */
void gp_pointer_press(struct gp_pointer *pointer, uint32_t time_ms, uint32_t button, bool pressed);
/**
 * Gives the focus to the guest at the spot, by taking the pointer there. False: another one keeps
 * it, as a button is held.
 */
bool gp_pointer_take_focus(
	struct gp_pointer *pointer, uint32_t time_ms, const struct gp_spot *spot);

#endif
