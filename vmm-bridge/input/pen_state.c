#include "vmm-bridge/input/pen_state.h"

#include <linux/input.h>
#include <string.h>

#include "vmm-bridge/input/state_queue.h"

static const uint16_t tool_codes[] = {
	[GP_PEN_TIP] = BTN_TOOL_PEN,
	[GP_PEN_RUBBER] = BTN_TOOL_RUBBER,
};
static const uint16_t axis_codes[GP_PEN_AXES] = {
	[GP_PEN_X] = ABS_X,
	[GP_PEN_Y] = ABS_Y,
	[GP_PEN_PRESSURE] = ABS_PRESSURE,
	[GP_PEN_TILT_X] = ABS_TILT_X,
	[GP_PEN_TILT_Y] = ABS_TILT_Y,
};
static const uint16_t button_codes[GP_PEN_BUTTONS] = {
	[GP_PEN_TOUCH] = BTN_TOUCH,
	[GP_PEN_STYLUS] = BTN_STYLUS,
	[GP_PEN_STYLUS2] = BTN_STYLUS2,
	[GP_PEN_STYLUS3] = BTN_STYLUS3,
};

static bool same_contacts(const struct gp_input_state *a, const struct gp_input_state *b) {
	return a->pen.tool == b->pen.tool &&
		memcmp(a->pen.buttons, b->pen.buttons, sizeof(a->pen.buttons)) == 0;
}

static bool make(struct gp_input_event *event, uint16_t type, uint16_t code, int32_t value) {
	*event = (struct gp_input_event){.type = type, .code = code, .value = value};
	return true;
}

static bool step_buttons(bool sent[GP_PEN_BUTTONS], const bool wanted[GP_PEN_BUTTONS],
	struct gp_input_event *event) {
	for (unsigned i = 0; i < GP_PEN_BUTTONS; i++) {
		if (sent[i] != wanted[i]) {
			sent[i] = wanted[i];
			return make(event, EV_KEY, button_codes[i], wanted[i]);
		}
	}
	return false;
}

/* The tool leaves; first what is pressed on it is released. */
static bool leave(struct gp_pen_state *sent, struct gp_input_event *event) {
	static const bool none[GP_PEN_BUTTONS];
	if (step_buttons(sent->buttons, none, event)) {
		return true;
	}
	if (sent->axes[GP_PEN_PRESSURE] != 0) {
		sent->axes[GP_PEN_PRESSURE] = 0;
		return make(event, EV_ABS, ABS_PRESSURE, 0);
	}
	uint16_t code = tool_codes[sent->tool];
	sent->tool = GP_PEN_NONE;
	sent->left = true;
	return make(event, EV_KEY, code, 0);
}

static bool step(struct gp_input_state *sent_state, const struct gp_input_state *wanted_state,
	struct gp_input_event *event) {
	struct gp_pen_state *sent = &sent_state->pen;
	const struct gp_pen_state *wanted = &wanted_state->pen;
	if (sent->tool != GP_PEN_NONE && sent->tool != wanted->tool) {
		return leave(sent, event);
	}
	if (wanted->tool == GP_PEN_NONE) {
		return false;
	}
	if (sent->tool == GP_PEN_NONE && sent->left) {
		/* The guest must see one tool leave before the next one comes. */
		return make(event, EV_SYN, SYN_REPORT, 0);
	}
	for (unsigned i = 0; i < GP_PEN_AXES; i++) {
		if (sent->axes[i] != wanted->axes[i]) {
			sent->axes[i] = wanted->axes[i];
			return make(event, EV_ABS, axis_codes[i], wanted->axes[i]);
		}
	}
	if (sent->tool != wanted->tool) {
		sent->tool = wanted->tool;
		return make(event, EV_KEY, tool_codes[wanted->tool], 1);
	}
	return step_buttons(sent->buttons, wanted->buttons, event);
}

static void close_packet(struct gp_input_state *sent) {
	sent->pen.left = false;
}

static void assume_pressed(struct gp_input_state *sent) {
	sent->pen = (struct gp_pen_state){
		.tool = GP_PEN_TIP,
		.axes = {[GP_PEN_PRESSURE] = 1},
		.buttons = {true, true, true, true},
	};
}

static unsigned lift(struct gp_input_state *state) {
	unsigned n = state->pen.tool != GP_PEN_NONE;
	state->pen = (struct gp_pen_state){0};
	return n;
}

const struct gp_state_ops gp_pen_state_ops = {
	.same_contacts = same_contacts,
	.step = step,
	.close = close_packet,
	.assume_pressed = assume_pressed,
	.lift = lift,
};
