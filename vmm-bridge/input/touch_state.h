#ifndef GP_VMM_BRIDGE_INPUT_TOUCH_STATE_H
#define GP_VMM_BRIDGE_INPUT_TOUCH_STATE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * What touches a screen, in the words of evdev's multi-touch protocol type B (Linux,
 * Documentation/input/multi-touch-protocol.rst). All zeros: nothing does.
 */

struct gp_state_ops;

#define GP_TOUCH_SLOTS 16
#define GP_TOUCH_TRACKING_MAX 65535

struct gp_contact {
	uint32_t tracking; // 0: nothing touches; else the tracking id + 1
	int32_t x, y; // 0 to GP_INPUT_ABS_MAX
};

struct gp_touch_state {
	struct gp_contact contacts[GP_TOUCH_SLOTS];

	/* Of what was sent to a guest. */
	uint8_t slot; // that events are about
	uint32_t lifted; // bits of slots that were lifted in the open packet
	bool touching; // BTN_TOUCH
};

extern const struct gp_state_ops gp_touch_state_ops;

#endif
