#ifndef GP_VMM_BRIDGE_INPUT_PEN_STATE_H
#define GP_VMM_BRIDGE_INPUT_PEN_STATE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * A pen on a screen, or near it. All zeros: there is none.
 */

struct gp_state_ops;

#define GP_PEN_PRESSURE_MAX 65535
#define GP_PEN_TILT_MAX 9000 // in 1/100 degree, to both sides

enum gp_pen_tool {
	GP_PEN_NONE,
	GP_PEN_TIP,
	GP_PEN_RUBBER,
};

enum gp_pen_axis {
	GP_PEN_X, // 0 to GP_INPUT_ABS_MAX
	GP_PEN_Y,
	GP_PEN_PRESSURE,
	GP_PEN_TILT_X,
	GP_PEN_TILT_Y,
};
#define GP_PEN_AXES 5

enum gp_pen_button {
	GP_PEN_TOUCH, // it touches the screen
	GP_PEN_STYLUS,
	GP_PEN_STYLUS2,
	GP_PEN_STYLUS3,
};
#define GP_PEN_BUTTONS 4

struct gp_pen_state {
	enum gp_pen_tool tool;
	int32_t axes[GP_PEN_AXES];
	bool buttons[GP_PEN_BUTTONS];

	bool left; // of what was sent to a guest: a tool left in the open packet
};

extern const struct gp_state_ops gp_pen_state_ops;

#endif
