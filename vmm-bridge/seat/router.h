#ifndef GP_VMM_BRIDGE_SEAT_ROUTER_H
#define GP_VMM_BRIDGE_SEAT_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "client/guest_scanout.h"
#include "vmm-bridge/seat/inputs.h"
#include "vmm-bridge/seat/scanouts.h"

/**
 * Routes the events of the compositor's seat to the input devices of the VM. What has no device is
 * dropped.
 *
 * The pointer is absolute on the tablet of its scanout, or on the one for all scanouts, and
 * relative on the mouse while it is locked. A button that is held stays with the device that it was
 * pressed on, and so does a finger.
 */

struct gp_router {
	struct gp_inputs *inputs;
	struct gp_scanouts scanouts;
	struct gp_input_port *pointer; // has the buttons; may be NULL
	struct gp_input_port *pen; // that the pen is on; may be NULL
	struct gp_scanout_point point; // of the pointer at its last motion
	unsigned n_buttons; // that are held on it
	bool locked;
};

/* inputs must outlive it. */
void gp_router_init(
	struct gp_router *router, struct gp_inputs *inputs, const struct gp_scanouts *scanouts);

/* For gp_client_options; data is the router. */
extern const struct gp_client_seat_events gp_router_seat_events;

#endif
