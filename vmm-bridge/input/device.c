#include "vmm-bridge/input/device.h"

#include <endian.h>
#include <linux/input.h>
#include <string.h>

#include "common/clock.h"

#define LEDS_ALL (1u << LED_NUML | 1u << LED_CAPSL | 1u << LED_SCROLLL)

void gp_input_device_init(struct gp_input_device *device, enum gp_input_kind kind, int scanout,
	const struct gp_input_ops *ops, void *data) {
	*device = (struct gp_input_device){
		.kind = kind, .scanout = scanout, .ops = ops, .data = data};
	gp_event_queue_init(&device->queue);
	gp_state_queue_init(
		&device->states, kind == GP_INPUT_PEN ? &gp_pen_state_ops : &gp_touch_state_ops);
}

static bool has_states(const struct gp_input_device *device) {
	return device->kind == GP_INPUT_TOUCH || device->kind == GP_INPUT_PEN;
}

const struct gp_event_counters *gp_input_device_counters(const struct gp_input_device *device) {
	return has_states(device) ? &device->states.counters : &device->queue.counters;
}

size_t gp_input_device_waiting(const struct gp_input_device *device) {
	return has_states(device) ? device->states.count : device->queue.count;
}

void gp_input_device_send(struct gp_input_device *device, const struct gp_input_event *events,
	size_t n, uint64_t time_ns) {
	struct gp_input_event known[GP_EVENT_GROUP_MAX];
	size_t n_known = 0;
	for (size_t i = 0; i < n && n_known < GP_EVENT_GROUP_MAX; i++) {
		if (events[i].type != EV_KEY || gp_input_has_key(device->kind, events[i].code)) {
			known[n_known++] = events[i];
		}
	}
	gp_event_queue_add(&device->queue, known, n_known, time_ns);
	gp_input_device_flush(device);
}

void gp_input_device_set_state(
	struct gp_input_device *device, const struct gp_input_state *state, uint64_t time_ns) {
	gp_state_queue_add(&device->states, state, time_ns);
	gp_input_device_flush(device);
}

void gp_input_device_release_all(struct gp_input_device *device) {
	gp_event_queue_release_all(&device->queue);
	gp_state_queue_lift_all(&device->states);
	gp_input_device_flush(device);
}

static void note_latency(struct gp_input_device *device, uint64_t time_ns) {
	if (time_ns == 0) {
		return;
	}
	uint64_t now = gp_now_ns();
	device->latency_ns = now > time_ns ? now - time_ns : 0;
	if (device->latency_ns > device->latency_max_ns) {
		device->latency_max_ns = device->latency_ns;
	}
}

static bool put_event(struct gp_input_device *device, const struct gp_input_event *event) {
	struct virtio_input_event wire = {
		.type = htole16(event->type),
		.code = htole16(event->code),
		.value = htole32((uint32_t)event->value),
	};
	return device->ops->put_event(device->data, &wire);
}

/* A packet that never fits into the guest's queue is sent event by event. */
static void flush_states(struct gp_input_device *device, size_t max) {
	struct gp_state_queue *queue = &device->states;
	size_t n;
	while ((n = gp_state_queue_packet(queue)) > 0) {
		n = queue->open || n > max ? 1 : n;
		if (device->ops->available_buffers(device->data, n) < n) {
			return;
		}
		for (; n > 0; n--) {
			struct gp_input_event event = gp_state_queue_peek(queue);
			uint64_t time_ns;
			if (!put_event(device, &event)) {
				return;
			}
			if (gp_state_queue_pop(queue, &time_ns)) {
				note_latency(device, time_ns);
			}
		}
	}
}

static void flush_groups(struct gp_input_device *device, size_t max) {
	const struct gp_event_group *group;
	while ((group = gp_event_queue_peek(&device->queue)) != NULL) {
		if (group->n > max) {
			gp_event_queue_skip(&device->queue);
			continue;
		}
		if (device->ops->available_buffers(device->data, group->n) < group->n) {
			return;
		}
		for (size_t i = 0; i < group->n; i++) {
			if (!put_event(device, &group->events[i])) {
				return;
			}
		}
		note_latency(device, group->time_ns);
		gp_event_queue_pop(&device->queue);
	}
}

static void drop(struct gp_input_device *device) {
	gp_event_queue_drop(&device->queue);
	gp_state_queue_drop(&device->states);
}

void gp_input_device_flush(struct gp_input_device *device) {
	size_t max = device->ops->queue_size(device->data);
	if (max == 0) {
		drop(device);
	} else if (has_states(device)) {
		flush_states(device, max);
	} else {
		flush_groups(device, max);
	}
}

void gp_input_device_handle_status(
	struct gp_input_device *device, const struct virtio_input_event *event) {
	uint16_t code = le16toh(event->code);
	if (device->kind != GP_INPUT_KEYBOARD || le16toh(event->type) != EV_LED ||
		code > LED_SCROLLL) {
		return;
	}
	uint32_t leds = device->leds & ~(1u << code);
	leds |= event->value != 0 ? 1u << code : 0;
	if (leds != device->leds) {
		device->leds = leds & LEDS_ALL;
		device->ops->leds(device->data, device->leds);
	}
}

void gp_input_device_get_config(
	const struct gp_input_device *device, uint32_t offset, uint32_t size, uint8_t *out) {
	struct virtio_input_config config;
	gp_input_config_fill(
		device->kind, device->scanout, device->select, device->subsel, &config);
	gp_input_config_read(&config, offset, size, out);
}

void gp_input_device_set_config(
	struct gp_input_device *device, uint32_t offset, uint32_t size, const uint8_t *bytes) {
	for (uint32_t i = 0; i < size; i++) {
		if (offset + i == offsetof(struct virtio_input_config, select)) {
			device->select = bytes[i];
		} else if (offset + i == offsetof(struct virtio_input_config, subsel)) {
			device->subsel = bytes[i];
		}
	}
}

void gp_input_device_take_over(struct gp_input_device *device) {
	for (uint16_t code = 0; code < KEY_CNT; code++) {
		if (gp_input_has_key(device->kind, code)) {
			gp_event_queue_assume_pressed(&device->queue, code);
		}
	}
	device->states.ops->assume_pressed(&device->states.sent);
}

void gp_input_device_pause(struct gp_input_device *device) {
	drop(device);
}

void gp_input_device_reset(struct gp_input_device *device) {
	gp_event_queue_reset(&device->queue);
	gp_state_queue_reset(&device->states);
	device->select = device->subsel = 0;
	if (device->leds != 0) {
		device->leds = 0;
		device->ops->leds(device->data, 0);
	}
}
