#include "vmm-bridge/seat/inputs_internal.h"

#include <errno.h>
#include <json-c/json.h>
#include <linux/input.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "vmm-bridge/keeper/keeper.h"

#define QUEUES 2
/* An event that claims to be older has a time of some other clock. */
#define AGE_MAX_MS 10000

/* gp_input_ops: the device speaks. */

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
	struct gp_chain *chain = &port->inputs->chain;
	if (gp_vhost_device_take(port->vhost, GP_INPUT_QUEUE_EVENTS, chain) <= 0) {
		return false;
	}
	size_t written = gp_chain_write(chain, 0, event, sizeof(*event));
	gp_vhost_device_push(port->vhost, GP_INPUT_QUEUE_EVENTS, chain->head, (uint32_t)written);
	return true;
}

static void handle_leds(void *data, uint32_t leds) {
	struct gp_input_port *port = data;
	port->inputs->leds(port->inputs->data, leds);
}

static const struct gp_input_ops device_ops = {
	.available_buffers = handle_available_buffers,
	.queue_size = handle_queue_size,
	.put_event = handle_put_event,
	.leds = handle_leds,
};

/* gp_vhost_ops: the VMM and the guest's driver speak. */

static void handle_status_queue(struct gp_input_port *port) {
	struct gp_chain *chain = &port->inputs->chain;
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
	gp_inputs_forget_touches(port);
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

/* An event that tells nothing. */
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

struct gp_inputs *gp_inputs_create(struct wl_event_loop *loop, const struct gp_input_spec *specs,
	size_t n, struct gp_keeper *keeper, void (*leds)(void *data, uint32_t leds), void *data) {
	struct gp_inputs *inputs = calloc(1, sizeof(*inputs));
	if (inputs == NULL) {
		gp_error_errno("cannot make input devices");
		return NULL;
	}
	inputs->leds = leds;
	inputs->data = data;
	for (; inputs->n < n; inputs->n++) {
		const struct gp_input_spec *spec = &specs[inputs->n];
		struct gp_vhost_info info = {.n_queues = QUEUES};
		struct gp_input_port *port = &inputs->ports[inputs->n];
		gp_keeper_get_info(keeper, 1 + (unsigned)inputs->n, &info);
		port->inputs = inputs;
		gp_input_device_init(&port->device, spec->kind, spec->scanout, &device_ops, port);
		port->vhost = gp_vhost_device_create(loop, spec->path, -1, &info, &vhost_ops, port);
		if (port->vhost == NULL) {
			gp_inputs_destroy(inputs);
			return NULL;
		}
	}
	return inputs;
}

/* What the guest believes to be pressed went with the process before: all of it may be. */
bool gp_inputs_resume(struct gp_inputs *inputs, struct gp_keeper *keeper) {
	for (unsigned i = 0; i < inputs->n; i++) {
		struct gp_input_port *port = &inputs->ports[i];
		if (!gp_keeper_has_front(keeper, 1 + i)) {
			continue;
		}
		if (!gp_vhost_device_resume(port->vhost, gp_keeper_dup_socket(keeper, 1 + i))) {
			return false;
		}
		gp_keeper_replay(keeper, 1 + i, port->vhost);
		gp_input_device_take_over(&port->device);
		gp_vhost_device_recover(port->vhost, &inputs->chain);
		gp_keeper_handle_pending(keeper, 1 + i, port->vhost);
	}
	return true;
}

void gp_inputs_destroy(struct gp_inputs *inputs) {
	if (inputs == NULL) {
		return;
	}
	for (size_t i = 0; i < inputs->n; i++) {
		gp_vhost_device_destroy(inputs->ports[i].vhost);
	}
	free(inputs);
}

void gp_inputs_flush(struct gp_inputs *inputs) {
	for (size_t i = 0; i < inputs->n; i++) {
		gp_vhost_device_flush(inputs->ports[i].vhost);
	}
}

struct gp_input_port *gp_inputs_find_port(
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

uint64_t gp_inputs_full_time(uint32_t time_ms) {
	uint64_t now = gp_now_ns();
	uint32_t age_ms = (uint32_t)(now / 1000000) - time_ms;
	return age_ms <= AGE_MAX_MS ? now - now % 1000000 - (uint64_t)age_ms * 1000000 : 0;
}

void gp_inputs_key(struct gp_inputs *inputs, uint32_t time_ms, uint32_t code, bool pressed) {
	struct gp_input_port *port = gp_inputs_find_port(inputs, GP_INPUT_KEYBOARD, 0);
	if (port != NULL && code < KEY_CNT) {
		const struct gp_input_event event = {EV_KEY, (uint16_t)code, pressed};
		gp_input_device_send(&port->device, &event, 1, gp_inputs_full_time(time_ms));
	}
}

void gp_inputs_release_keys(struct gp_inputs *inputs) {
	struct gp_input_port *port = gp_inputs_find_port(inputs, GP_INPUT_KEYBOARD, 0);
	if (port != NULL) {
		gp_input_device_release_all(&port->device);
	}
}

void gp_inputs_release_buttons(struct gp_inputs *inputs) {
	if (inputs->pointer != NULL) {
		gp_input_device_release_all(&inputs->pointer->device);
	}
	inputs->n_buttons = 0;
}

static void set_pointer(struct gp_inputs *inputs, struct gp_input_port *port) {
	if (port != inputs->pointer) {
		gp_inputs_release_buttons(inputs);
		inputs->pointer = port;
	}
}

void gp_inputs_set_locked(struct gp_inputs *inputs, bool locked) {
	inputs->locked = locked;
	set_pointer(inputs,
		gp_inputs_find_port(
			inputs, locked ? GP_INPUT_MOUSE : GP_INPUT_TABLET, inputs->place.scanout));
}

/* The place in terms of the scanout that has the button, off its edge perhaps. */
static struct gp_scanout_point relate_to(
	const struct gp_scanout_point *place, const struct gp_scanout_point *held) {
	struct gp_scanout_point related = *held;
	int64_t x = place->x + ((int64_t)place->offset - held->offset) * 256;
	related.x = (int32_t)(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x);
	related.y = place->y;
	return related;
}

void gp_inputs_find_axes(const struct gp_input_port *port, const struct gp_scanout_point *place,
	int32_t *x, int32_t *y) {
	bool whole = port->device.scanout == GP_INPUT_ALL_SCANOUTS;
	*x = gp_evdev_absolute(
		place->x, whole ? place->offset : 0, whole ? place->desktop_width : place->width);
	*y = gp_evdev_absolute(place->y, 0, whole ? place->desktop_height : place->height);
}

void gp_inputs_pointer_absolute(
	struct gp_inputs *inputs, uint32_t time_ms, const struct gp_scanout_point *place) {
	bool held = inputs->n_buttons > 0 && inputs->pointer != NULL &&
		inputs->pointer->device.scanout != GP_INPUT_ALL_SCANOUTS;
	if (inputs->locked) {
		return;
	}
	if (held) {
		inputs->place = relate_to(place, &inputs->place);
	} else {
		inputs->place = *place;
		set_pointer(inputs, gp_inputs_find_port(inputs, GP_INPUT_TABLET, place->scanout));
	}
	if (inputs->pointer == NULL) {
		return;
	}
	int32_t x, y;
	gp_inputs_find_axes(inputs->pointer, &inputs->place, &x, &y);
	const struct gp_input_event events[] = {{EV_ABS, ABS_X, x}, {EV_ABS, ABS_Y, y}};
	gp_input_device_send(&inputs->pointer->device, events, 2, gp_inputs_full_time(time_ms));
}

void gp_inputs_pointer_relative(
	struct gp_inputs *inputs, uint32_t time_ms, int32_t dx, int32_t dy) {
	struct gp_input_port *port = inputs->pointer;
	if (!inputs->locked || port == NULL) {
		return;
	}
	struct gp_input_event events[2];
	size_t n = 0;
	int32_t x = gp_evdev_relative(&port->rest_x, dx);
	int32_t y = gp_evdev_relative(&port->rest_y, dy);
	if (x != 0) {
		events[n++] = (struct gp_input_event){EV_REL, REL_X, x};
	}
	if (y != 0) {
		events[n++] = (struct gp_input_event){EV_REL, REL_Y, y};
	}
	gp_input_device_send(&port->device, events, n, gp_inputs_full_time(time_ms));
}

void gp_inputs_button(struct gp_inputs *inputs, uint32_t time_ms, uint32_t code, bool pressed) {
	if (inputs->pointer == NULL || code >= KEY_CNT) {
		return;
	}
	const struct gp_input_event event = {EV_KEY, (uint16_t)code, pressed};
	gp_input_device_send(&inputs->pointer->device, &event, 1, gp_inputs_full_time(time_ms));
	if (pressed) {
		inputs->n_buttons++;
	} else if (inputs->n_buttons > 0) {
		inputs->n_buttons--;
	}
}

void gp_inputs_scroll(struct gp_inputs *inputs, uint32_t time_ms, bool horizontal, int32_t amount) {
	struct gp_input_port *port = inputs->pointer;
	struct gp_input_event events[2];
	if (port != NULL) {
		size_t n = gp_evdev_turn(&port->wheels[horizontal], horizontal, amount, events);
		gp_input_device_send(&port->device, events, n, gp_inputs_full_time(time_ms));
	}
}

static void add_number(struct json_object *object, const char *key, uint64_t value) {
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static struct json_object *port_status(const struct gp_input_port *port) {
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

struct json_object *gp_inputs_status(const struct gp_inputs *inputs) {
	struct json_object *array = json_object_new_array();
	for (size_t i = 0; i < inputs->n; i++) {
		json_object_array_add(array, port_status(&inputs->ports[i]));
	}
	return array;
}
