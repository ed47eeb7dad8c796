#ifndef GP_VMM_BRIDGE_SEAT_PORT_H
#define GP_VMM_BRIDGE_SEAT_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/input/device.h"
#include "vmm-bridge/input/evdev.h"
#include "vmm-bridge/seat/contacts.h"

/* An input device of the VM: a virtio-input device with a vhost-user socket of its own. */

struct gp_chain;
struct gp_worker;
struct json_object;
struct wl_event_loop;

struct gp_input_spec {
	enum gp_input_kind kind;
	int scanout; // that it belongs to, or GP_INPUT_ALL_SCANOUTS
	const char *path; // of the socket
};

/* The guest has set the LEDs of its keyboard, bits of (1 << LED_*). */
typedef void (*gp_input_leds_func)(void *data, uint32_t leds);

struct gp_input_port {
	struct gp_input_device device;
	struct gp_vhost_device *vhost;
	struct gp_contacts contacts; // of a touch screen
	struct gp_wheel wheels[2]; // vertical, horizontal
	int32_t rest_x, rest_y; // of relative motion
	uint64_t n_status; // events from the guest
	struct gp_chain *chain; // of the queue that is being handled
	gp_input_leds_func leds;
	void *data;
};

/**
 * index is its number with the keeper. chain must outlive it; ports may share one. False after
 * logging; it needs no finish then.
 */
bool gp_input_port_init(struct gp_input_port *port, struct wl_event_loop *loop,
	const struct gp_input_spec *spec, struct gp_worker *worker, unsigned index,
	struct gp_chain *chain, gp_input_leds_func leds, void *data);
/* As gp_bridge_resume, for this device. */
bool gp_input_port_resume(struct gp_input_port *port, struct gp_worker *worker, unsigned index);
void gp_input_port_finish(struct gp_input_port *port);

/* Its part of the status document. */
struct json_object *gp_input_port_status(const struct gp_input_port *port);

#endif
