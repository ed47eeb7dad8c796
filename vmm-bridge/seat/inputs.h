#ifndef GP_VMM_BRIDGE_SEAT_INPUTS_H
#define GP_VMM_BRIDGE_SEAT_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "vmm-bridge/seat/port.h"
#include "vmm-bridge/virtio/virtqueue.h"

/* The input devices of the VM. */

/* A keyboard and a mouse; of the others one for all scanouts, and one for each. */
#define GP_INPUTS_MAX (2 + 3 * (1 + GP_SCANOUTS_MAX))

struct gp_inputs {
	struct gp_input_port ports[GP_INPUTS_MAX]; // first n
	size_t n;
	struct gp_chain chain; // of all ports
};

/* NULL after logging. */
struct gp_inputs *gp_inputs_create(struct wl_event_loop *loop, const struct gp_input_spec *specs,
	size_t n, struct gp_worker *worker, gp_input_leds_func leds, void *data);
/* As gp_bridge_resume. The worker is the one above. */
bool gp_inputs_resume(struct gp_inputs *inputs, struct gp_worker *worker);
/* NULL is fine. */
void gp_inputs_destroy(struct gp_inputs *inputs);
/* As gp_vhost_device_leave, for all: whether any front end is connected. */
bool gp_inputs_leave(struct gp_inputs *inputs);
/* Sends the interrupts that are due. */
void gp_inputs_flush(struct gp_inputs *inputs);

/* The device of that kind for a scanout: its own, or else the one for all; NULL: there is none. */
struct gp_input_port *gp_inputs_find(
	struct gp_inputs *inputs, enum gp_input_kind kind, uint32_t scanout);
/* Whether there is a device of that kind. */
bool gp_inputs_has(const struct gp_inputs *inputs, enum gp_input_kind kind);

/* An array with an object for each device. */
struct json_object *gp_inputs_status(const struct gp_inputs *inputs);

#endif
