#ifndef GP_VMM_BRIDGE_SEAT_INPUTS_H
#define GP_VMM_BRIDGE_SEAT_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "vmm-bridge/input/config.h"
#include "vmm-bridge/input/evdev.h"
#include "vmm-bridge/input/pen_state.h"
#include "vmm-bridge/vhost/device.h"

/**
 * The input devices of the VM: each is a virtio-input device with a vhost-user socket of its own.
 * What the seat sends is given to the one that it is for; where there is none it is nobody's.
 *
 * The pointer is absolute on the tablet of its scanout, or on the one for all scanouts, and relative on
 * the mouse while it is locked. A button that is held stays with the device that it was pressed on,
 * and so does a finger.
 */

/* A keyboard and a mouse; of the others one for all scanouts, and one for each. */
#define GP_INPUTS_MAX (2 + 3 * (1 + GP_SCANOUTS_MAX))

struct gp_inputs;
struct gp_keeper;
struct json_object;
struct wl_event_loop;

struct gp_input_spec {
	enum gp_input_kind kind;
	int scanout; // that it belongs to, or GP_INPUT_ALL_SCANOUTS
	const char *path; // of the socket
};

/* Where something is. Lengths are in pixels, and scanouts lie in a row from the left. */
struct gp_scanout_point {
	uint32_t scanout;
	int32_t x, y; // in the scanout, in 1/256 pixel
	uint32_t offset; // of the scanout
	uint32_t width, height; // of the scanout; not 0
	uint32_t desktop_width, desktop_height;
};

/* leds is called when the guest sets those of its keyboard. NULL after logging. */
struct gp_inputs *gp_inputs_create(struct wl_event_loop *loop, const struct gp_input_spec *specs,
	size_t n, struct gp_keeper *keeper, void (*leds)(void *data, uint32_t leds), void *data);
/* As gp_bridge_resume. The keeper is the one above. */
bool gp_inputs_resume(struct gp_inputs *inputs, struct gp_keeper *keeper);
/* NULL is fine. */
void gp_inputs_destroy(struct gp_inputs *inputs);
/* Sends the interrupts that are due. */
void gp_inputs_flush(struct gp_inputs *inputs);

/* time_ms is that of the seat's event: CLOCK_MONOTONIC, lower 32 bits. */
void gp_inputs_key(struct gp_inputs *inputs, uint32_t time_ms, uint32_t code, bool pressed);
void gp_inputs_release_keys(struct gp_inputs *inputs);

void gp_inputs_pointer_absolute(
	struct gp_inputs *inputs, uint32_t time_ms, const struct gp_scanout_point *place);
/* dx, dy are in 1/256 of a unit of the mouse. */
void gp_inputs_pointer_relative(struct gp_inputs *inputs, uint32_t time_ms, int32_t dx, int32_t dy);
void gp_inputs_button(struct gp_inputs *inputs, uint32_t time_ms, uint32_t code, bool pressed);
/* See gp_evdev_turn. */
void gp_inputs_scroll(struct gp_inputs *inputs, uint32_t time_ms, bool horizontal, int32_t amount);
void gp_inputs_release_buttons(struct gp_inputs *inputs);
/* Whether the pointer is locked. */
void gp_inputs_set_locked(struct gp_inputs *inputs, bool locked);

/**
 * Fingers. The numbers are the seat's; those of fingers that no device has are ignored, and so are
 * more than GP_TOUCH_SLOTS of a device. The guest sees changes at the end of a frame.
 */
void gp_inputs_touch_down(struct gp_inputs *inputs, uint32_t time_ms, int32_t id,
	const struct gp_scanout_point *place);
void gp_inputs_touch_motion(struct gp_inputs *inputs, uint32_t time_ms, int32_t id,
	const struct gp_scanout_point *place);
void gp_inputs_touch_up(struct gp_inputs *inputs, uint32_t time_ms, int32_t id);
void gp_inputs_touch_frame(struct gp_inputs *inputs);
/* Lifts all. */
void gp_inputs_touch_cancel(struct gp_inputs *inputs);

/* The pen is there; its place is taken from place. */
void gp_inputs_pen(struct gp_inputs *inputs, uint32_t time_ms, const struct gp_scanout_point *place,
	const struct gp_pen_state *pen);
void gp_inputs_pen_leave(struct gp_inputs *inputs);

/* Whether there is a device of that kind. */
bool gp_inputs_has(const struct gp_inputs *inputs, enum gp_input_kind kind);

/* An array with an object for each device. */
struct json_object *gp_inputs_status(const struct gp_inputs *inputs);

#endif
