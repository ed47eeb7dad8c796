#include <string.h>

#include "vmm-bridge/seat/inputs_internal.h"

/* Touch screens and pens. */

static int find_slot(const struct gp_input_port *port, int32_t id) {
	for (int i = 0; i < GP_TOUCH_SLOTS; i++) {
		if (port->next.contacts[i].tracking != 0 && port->ids[i] == id) {
			return i;
		}
	}
	return -1;
}

/* Touched neither now nor in the frame before: the guest sees a lifted contact in each slot first. */
static int find_free_slot(const struct gp_input_port *port) {
	const struct gp_touch_state *latest = &port->device.states.latest.touch;
	for (int i = 0; i < GP_TOUCH_SLOTS; i++) {
		if (port->next.contacts[i].tracking == 0 && latest->contacts[i].tracking == 0) {
			return i;
		}
	}
	return -1;
}

/* Which screen has the contact; NULL: it is unknown, or too many are there. */
static struct gp_input_port *find_contact(struct gp_inputs *inputs, int32_t id, int *slot) {
	for (size_t i = 0; i < inputs->n; i++) {
		*slot = find_slot(&inputs->ports[i], id);
		if (*slot >= 0) {
			return &inputs->ports[i];
		}
	}
	return NULL;
}

static void end_frame(struct gp_input_port *port) {
	if (port->changed) {
		port->changed = false;
		gp_input_device_set_state(&port->device,
			&(struct gp_input_state){.touch = port->next}, port->time_ns);
	}
}

static void put(struct gp_input_port *port, int slot, uint32_t time_ms,
	const struct gp_scanout_point *place) {
	struct gp_contact *contact = &port->next.contacts[slot];
	gp_inputs_find_axes(port, place, &contact->x, &contact->y);
	port->changed = true;
	port->time_ns = gp_inputs_full_time(time_ms);
}

void gp_inputs_touch_down(struct gp_inputs *inputs, uint32_t time_ms, int32_t id,
	const struct gp_scanout_point *place) {
	struct gp_input_port *port = gp_inputs_find_port(inputs, GP_INPUT_TOUCH, place->scanout);
	int slot;
	if (port == NULL || find_contact(inputs, id, &slot) != NULL) {
		return;
	}
	slot = find_free_slot(port);
	if (slot < 0) {
		return;
	}
	port->ids[slot] = id;
	port->next.contacts[slot].tracking = 1 + inputs->next_tracking;
	inputs->next_tracking = (inputs->next_tracking + 1) % (GP_TOUCH_TRACKING_MAX + 1);
	put(port, slot, time_ms, place);
}

void gp_inputs_touch_motion(struct gp_inputs *inputs, uint32_t time_ms, int32_t id,
	const struct gp_scanout_point *place) {
	int slot;
	struct gp_input_port *port = find_contact(inputs, id, &slot);
	if (port != NULL) {
		put(port, slot, time_ms, place);
	}
}

void gp_inputs_touch_up(struct gp_inputs *inputs, uint32_t time_ms, int32_t id) {
	int slot;
	struct gp_input_port *port = find_contact(inputs, id, &slot);
	if (port == NULL) {
		return;
	}
	const struct gp_contact *known = &port->device.states.latest.touch.contacts[slot];
	if (known->tracking != port->next.contacts[slot].tracking) {
		end_frame(port); // or a tap within a frame would be lost
	}
	port->next.contacts[slot].tracking = 0;
	port->changed = true;
	port->time_ns = gp_inputs_full_time(time_ms);
}

void gp_inputs_touch_frame(struct gp_inputs *inputs) {
	for (size_t i = 0; i < inputs->n; i++) {
		end_frame(&inputs->ports[i]);
	}
}

void gp_inputs_forget_touches(struct gp_input_port *port) {
	memset(&port->next, 0, sizeof(port->next));
	port->changed = false;
}

void gp_inputs_touch_cancel(struct gp_inputs *inputs) {
	for (size_t i = 0; i < inputs->n; i++) {
		struct gp_input_port *port = &inputs->ports[i];
		if (port->device.kind == GP_INPUT_TOUCH) {
			gp_inputs_forget_touches(port);
			gp_input_device_release_all(&port->device);
		}
	}
}

bool gp_inputs_has(const struct gp_inputs *inputs, enum gp_input_kind kind) {
	for (size_t i = 0; i < inputs->n; i++) {
		if (inputs->ports[i].device.kind == kind) {
			return true;
		}
	}
	return false;
}

void gp_inputs_pen(struct gp_inputs *inputs, uint32_t time_ms, const struct gp_scanout_point *place,
	const struct gp_pen_state *pen) {
	struct gp_input_state state = {.pen = *pen};
	struct gp_input_port *port = gp_inputs_find_port(inputs, GP_INPUT_PEN, place->scanout);
	if (port != inputs->pen) {
		gp_inputs_pen_leave(inputs);
		inputs->pen = port;
	}
	if (port != NULL) {
		gp_inputs_find_axes(
			port, place, &state.pen.axes[GP_PEN_X], &state.pen.axes[GP_PEN_Y]);
		gp_input_device_set_state(&port->device, &state, gp_inputs_full_time(time_ms));
	}
}

void gp_inputs_pen_leave(struct gp_inputs *inputs) {
	if (inputs->pen != NULL) {
		gp_input_device_release_all(&inputs->pen->device);
		inputs->pen = NULL;
	}
}
