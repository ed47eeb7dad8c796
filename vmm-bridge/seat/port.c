#include "vmm-bridge/seat/port.h"

#include <json-c/json.h>

#include "vmm-bridge/keeper/worker.h"
#include "vmm-bridge/vhost/device.h"

#define QUEUES 2

/* gp_input_ops: what the device calls for. */

static size_t handle_available_buffers(void *data, size_t wanted) {
	struct gp_input_port *port = data;
	return gp_vhost_device_offered(port->vhost, GP_INPUT_QUEUE_EVENTS, (uint16_t)wanted);
}

static size_t handle_queue_size(void *data) {
	struct gp_input_port *port = data;
	return gp_vhost_device_queue_size(port->vhost, GP_INPUT_QUEUE_EVENTS);
}

static bool handle_put_event(void *data, const struct virtio_input_event *event) {
	struct gp_input_port *port = data;
	struct gp_chain *chain = port->chain;
	if (gp_vhost_device_take(port->vhost, GP_INPUT_QUEUE_EVENTS, chain) <= 0) {
		return false;
	}
	size_t written = gp_chain_write(chain, 0, event, sizeof(*event));
	gp_vhost_device_push(port->vhost, GP_INPUT_QUEUE_EVENTS, chain->head, (uint32_t)written);
	return true;
}

static void handle_leds(void *data, uint32_t leds) {
	struct gp_input_port *port = data;
	port->leds(port->data, leds);
}

static const struct gp_input_ops device_ops = {
	.available_buffers = handle_available_buffers,
	.queue_size = handle_queue_size,
	.put_event = handle_put_event,
	.leds = handle_leds,
};

/* gp_vhost_ops: what the VMM and the guest's driver do. */

static void handle_status_queue(struct gp_input_port *port) {
	struct gp_chain *chain = port->chain;
	while (gp_vhost_device_pop(port->vhost, GP_INPUT_QUEUE_STATUS, chain) > 0) {
		struct virtio_input_event event;
		if (gp_chain_read(chain, 0, &event, sizeof(event)) == sizeof(event)) {
			port->n_status++;
			gp_input_device_handle_status(&port->device, &event);
		}
		gp_vhost_device_push(port->vhost, GP_INPUT_QUEUE_STATUS, chain->head, 0);
	}
}

static void handle_queue_kick(void *data, unsigned queue) {
	struct gp_input_port *port = data;
	if (queue == GP_INPUT_QUEUE_STATUS) {
		handle_status_queue(port);
	} else {
		gp_input_device_flush(&port->device);
	}
}

static void handle_queue_drain(void *data, unsigned queue) {
	/* No chain is kept. */
}

static void handle_reset(void *data) {
	struct gp_input_port *port = data;
	gp_input_device_reset(&port->device);
	gp_contacts_forget(&port->contacts);
}

static void handle_state(void *data, enum gp_vhost_state state) {
	struct gp_input_port *port = data;
	if (state == GP_VHOST_RUNNING) {
		gp_input_device_flush(&port->device);
	} else {
		gp_input_device_pause(&port->device);
	}
}

static void handle_memory_removed(void *data, struct gp_memory_object *object) {
	/* Nothing is derived from the guest's memory. */
}

/* An event that means nothing. */
static void handle_chain_lost(
	void *data, unsigned queue, const struct gp_chain *chain, bool was_running) {
	struct gp_input_port *port = data;
	const struct virtio_input_event nothing = {0};
	size_t written = gp_chain_write(chain, 0, &nothing, sizeof(nothing));
	gp_vhost_device_push(port->vhost, queue, chain->head, (uint32_t)written);
}

static void handle_get_config(void *data, uint32_t offset, uint32_t size, uint8_t *out) {
	struct gp_input_port *port = data;
	gp_input_device_get_config(&port->device, offset, size, out);
}

static void handle_set_config(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes) {
	struct gp_input_port *port = data;
	gp_input_device_set_config(&port->device, offset, size, bytes);
}

static const struct gp_vhost_ops vhost_ops = {
	.queue_kick = handle_queue_kick,
	.queue_drain = handle_queue_drain,
	.reset = handle_reset,
	.state = handle_state,
	.memory_removed = handle_memory_removed,
	.chain_lost = handle_chain_lost,
	.get_config = handle_get_config,
	.set_config = handle_set_config,
};

bool gp_input_port_init(struct gp_input_port *port, struct wl_event_loop *loop,
	const struct gp_input_spec *spec, struct gp_worker *worker, unsigned index,
	struct gp_chain *chain, gp_input_leds_func leds, void *data) {
	*port = (struct gp_input_port){.chain = chain, .leds = leds, .data = data};
	gp_input_device_init(&port->device, spec->kind, spec->scanout, &device_ops, port);
	struct gp_vhost_info info = {.n_queues = QUEUES};
	gp_worker_get_info(worker, index, &info);
	int listener = gp_worker_take_grant(worker, GP_GRANT_LISTENER, index).fd;
	port->vhost = gp_vhost_device_create(loop, listener, -1, &info, &vhost_ops, port);
	return port->vhost != NULL;
}

/* Nobody knows what the guest takes for pressed: the process before did. All of it may be. */
bool gp_input_port_resume(struct gp_input_port *port, struct gp_worker *worker, unsigned index) {
	if (!gp_worker_has_front(worker, index)) {
		return true;
	}
	if (!gp_vhost_device_resume(port->vhost, gp_worker_dup_socket(worker, index))) {
		return false;
	}
	gp_worker_replay(worker, index, port->vhost);
	gp_input_device_take_over(&port->device);
	gp_vhost_device_recover(port->vhost, port->chain);
	gp_worker_handle_pending(worker, index, port->vhost);
	return true;
}

void gp_input_port_finish(struct gp_input_port *port) {
	gp_vhost_device_destroy(port->vhost);
	port->vhost = NULL;
}

static void add_number(struct json_object *object, const char *key, uint64_t value) {
	json_object_object_add(object, key, json_object_new_uint64(value));
}

struct json_object *gp_input_port_status(const struct gp_input_port *port) {
	const struct gp_input_device *device = &port->device;
	const struct gp_event_counters *counters = gp_input_device_counters(device);
	struct json_object *object = json_object_new_object();
	json_object_object_add(
		object, "kind", json_object_new_string(gp_input_kind_name(device->kind)));
	json_object_object_add(object, "scanout",
		device->scanout != GP_INPUT_ALL_SCANOUTS ? json_object_new_int(device->scanout)
							 : NULL);
	json_object_object_add(object, "vmm",
		json_object_new_string(gp_vhost_state_name(gp_vhost_device_state(port->vhost))));
	add_number(object, "events", counters->groups);
	add_number(object, "waiting", gp_input_device_waiting(device));
	add_number(object, "coalesced", counters->coalesced);
	add_number(object, "dropped", counters->dropped);
	add_number(object, "released", counters->released);
	add_number(object, "status_events", port->n_status);
	add_number(object, "leds", device->leds);
	/* The seat's clock has no finer steps. */
	add_number(object, "latency_ms", device->latency_ns / 1000000);
	add_number(object, "latency_max_ms", device->latency_max_ns / 1000000);
	return object;
}
