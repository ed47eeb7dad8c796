#ifndef GP_VMM_BRIDGE_SEAT_INPUTS_INTERNAL_H
#define GP_VMM_BRIDGE_SEAT_INPUTS_INTERNAL_H

#include "vmm-bridge/input/device.h"
#include "vmm-bridge/seat/inputs.h"

/* A device and its transport. */
struct gp_input_port {
	struct gp_inputs *inputs;
	struct gp_input_device device;
	struct gp_vhost_device *vhost;
	struct gp_wheel wheels[2]; // vertical, horizontal
	int32_t rest_x, rest_y; // of relative motion
	uint64_t n_status; // events from the guest

	/* Of a touch screen: what the seat has told since the end of its last frame. */
	struct gp_touch_state next;
	int32_t ids[GP_TOUCH_SLOTS]; // the seat's; of slots that are touched
	bool changed;
	uint64_t time_ns;
};

struct gp_inputs {
	struct gp_input_port ports[GP_INPUTS_MAX]; // first n
	size_t n;
	struct gp_input_port *pointer; // has the buttons; may be NULL
	struct gp_input_port *pen; // that the pen is on; may be NULL
	struct gp_scanout_point place; // of the pointer at its last motion
	unsigned n_buttons; // that are held on it
	bool locked;
	uint32_t next_tracking;
	void (*leds)(void *data, uint32_t leds);
	void *data;
	struct gp_chain chain; // of the queue that is being handled
};

/* The device of that kind for a scanout, or NULL. */
struct gp_input_port *gp_inputs_find_port(
	struct gp_inputs *inputs, enum gp_input_kind kind, uint32_t scanout);
/* The seat tells the lower 32 bits of milliseconds only; 0 if it is another clock's time. */
uint64_t gp_inputs_full_time(uint32_t time_ms);
/* The place on the axes of the port's device. */
void gp_inputs_find_axes(const struct gp_input_port *port, const struct gp_scanout_point *place,
	int32_t *x, int32_t *y);

/* The guest was reset: what touches is forgotten. */
void gp_inputs_forget_touches(struct gp_input_port *port);

#endif
