#include "vmm-bridge/seat/inputs.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "common/log.h"
#include "vmm-bridge/vhost/device.h"

/* The first device that the keeper knows is the display. */
#define DEVICE_INDEX(i) (1 + (unsigned)(i))

struct gp_inputs *gp_inputs_create(struct wl_event_loop *loop, const struct gp_input_spec *specs,
	size_t n, struct gp_worker *worker, gp_input_leds_func leds, void *data) {
	struct gp_inputs *inputs = calloc(1, sizeof(*inputs));
	if (inputs == NULL) {
		gp_error_errno("cannot make input devices");
		return NULL;
	}
	for (; inputs->n < n; inputs->n++) {
		if (!gp_input_port_init(&inputs->ports[inputs->n], loop, &specs[inputs->n], worker,
			    DEVICE_INDEX(inputs->n), &inputs->chain, leds, data)) {
			gp_inputs_destroy(inputs);
			return NULL;
		}
	}
	return inputs;
}

bool gp_inputs_resume(struct gp_inputs *inputs, struct gp_worker *worker) {
	for (size_t i = 0; i < inputs->n; i++) {
		if (!gp_input_port_resume(&inputs->ports[i], worker, DEVICE_INDEX(i))) {
			return false;
		}
	}
	return true;
}

void gp_inputs_destroy(struct gp_inputs *inputs) {
	if (inputs == NULL) {
		return;
	}
	for (size_t i = 0; i < inputs->n; i++) {
		gp_input_port_finish(&inputs->ports[i]);
	}
	free(inputs);
}

bool gp_inputs_leave(struct gp_inputs *inputs) {
	bool connected = false;
	for (size_t i = 0; i < inputs->n; i++) {
		connected = gp_vhost_device_leave(inputs->ports[i].vhost) || connected;
	}
	return connected;
}

void gp_inputs_flush(struct gp_inputs *inputs) {
	for (size_t i = 0; i < inputs->n; i++) {
		gp_vhost_device_flush(inputs->ports[i].vhost);
	}
}

struct gp_input_port *gp_inputs_find(
	struct gp_inputs *inputs, enum gp_input_kind kind, uint32_t scanout) {
	struct gp_input_port *found = NULL;
	for (size_t i = 0; i < inputs->n; i++) {
		struct gp_input_port *port = &inputs->ports[i];
		if (port->device.kind != kind) {
			continue;
		}
		if (port->device.scanout == (int)scanout) {
			return port;
		}
		if (port->device.scanout == GP_INPUT_ALL_SCANOUTS && found == NULL) {
			found = port;
		}
	}
	return found;
}

bool gp_inputs_has(const struct gp_inputs *inputs, enum gp_input_kind kind) {
	for (size_t i = 0; i < inputs->n; i++) {
		if (inputs->ports[i].device.kind == kind) {
			return true;
		}
	}
	return false;
}

struct json_object *gp_inputs_status(const struct gp_inputs *inputs) {
	struct json_object *array = json_object_new_array();
	for (size_t i = 0; i < inputs->n; i++) {
		json_object_array_add(array, gp_input_port_status(&inputs->ports[i]));
	}
	return array;
}
