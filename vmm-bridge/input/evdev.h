#ifndef GP_VMM_BRIDGE_INPUT_EVDEV_H
#define GP_VMM_BRIDGE_INPUT_EVDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Wayland's input in terms of Linux' evdev, which virtio-input uses. Keys and buttons have the same
 * codes in both.
 */

struct gp_input_event {
	uint16_t type, code;
	int32_t value;
};

/**
 * A point on an axis of a tablet. position is in 1/256 pixel from the edge of the scanout, which
 * lies at offset in a desktop of that length (both in pixels; length is not 0). The guest finds the
 * pixel that it is on again: positions in whole pixels are not rounded to the pixel before. Points
 * outside the desktop come to lie at its edge.
 */
int32_t gp_evdev_absolute(int32_t position, uint32_t offset, uint32_t length);

/* What is left over of one axis of a wheel, until it fills a step. */
struct gp_wheel {
	int64_t fine; // in 1/256 of the unit of the fine axis
	int32_t coarse; // in units of the fine axis, of which 120 are a step
};

/**
 * Turns the wheel by that many 1/256 of a 120th of a step, in Wayland's direction (down and right
 * are positive; evdev has up and right). Returns the number of events: 0, the fine one, or both.
 */
size_t gp_evdev_turn(
	struct gp_wheel *wheel, bool horizontal, int32_t amount, struct gp_input_event events[2]);

/**
 * Whole steps of relative motion of so many 1/256, plus the rest of the last time; keeps the new
 * rest.
 */
int32_t gp_evdev_relative(int32_t *rest, int32_t amount);

#endif
