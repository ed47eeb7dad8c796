#ifndef GP_VMM_BRIDGE_INPUT_DEVICE_H
#define GP_VMM_BRIDGE_INPUT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/input/config.h"
#include "vmm-bridge/input/event_queue.h"
#include "vmm-bridge/input/state_queue.h"

/**
 * A virtio-input device (virtio 1.3, 5.8), without its transport. A group of events is given to
 * the guest when there are buffers for all of it.
 *
 * QEMU's vhost-user-input-pci has queues of 4 buffers. That is enough for all groups of keyboards
 * and pointers; one that is longer than the whole event queue is dropped. What touch screens and
 * pens send can be longer, and is then given piece by piece: the guest's driver passes events on one
 * by one, and it is their SYN_REPORT that makes them count.
 */

#define GP_INPUT_QUEUE_EVENTS 0
#define GP_INPUT_QUEUE_STATUS 1

struct gp_input_ops {
	/**
	 * How many events the guest has room for now, 0 if it does not run. If that is less than
	 * wanted, gp_input_device_flush is to be called when it may have changed.
	 */
	size_t (*available_buffers)(void *data, size_t wanted);
	/* How many events it has room for at the most. */
	size_t (*queue_size)(void *data);
	/* Gives one event to the guest. False: it did not work out, and will not soon. */
	bool (*put)(void *data, const struct virtio_input_event *event);
	/* The guest has set the LEDs of the keyboard, bits of (1 << LED_*). */
	void (*leds)(void *data, uint32_t leds);
};

struct gp_input_device {
	enum gp_input_kind kind;
	int scanout; // scanout, or GP_INPUT_ALL_SCANOUTS
	const struct gp_input_ops *ops;
	void *data;

	uint8_t select, subsel; // of the configuration space
	uint32_t leds;
	struct gp_event_queue queue; // of keyboards and pointers
	struct gp_state_queue states; // of touch screens and pens
	uint64_t latency_ns; // from the seat to the guest, of the last group that came from there
	uint64_t latency_max_ns;
};

void gp_input_device_init(struct gp_input_device *device, enum gp_input_kind kind, int scanout,
	const struct gp_input_ops *ops, void *data);

/* Sends a group; see gp_event_queue_add. Keys that the device does not have are left out. */
void gp_input_device_send(struct gp_input_device *device, const struct gp_input_event *events,
	size_t n, uint64_t time_ns);
/* Sends what touches a touch screen, or the pen of a pen device. */
void gp_input_device_set_state(
	struct gp_input_device *device, const struct gp_input_state *state, uint64_t time_ns);
/* Releases all keys and buttons that are pressed, and lifts all that touches. */
void gp_input_device_release_all(struct gp_input_device *device);
/* Gives to the guest what it has room for. */
void gp_input_device_flush(struct gp_input_device *device);

const struct gp_event_counters *gp_input_device_counters(const struct gp_input_device *device);
/* How many groups, or states, wait for room. */
size_t gp_input_device_waiting(const struct gp_input_device *device);

/* An event from the status queue. */
void gp_input_device_handle_status(
	struct gp_input_device *device, const struct virtio_input_event *event);
/* Part of the configuration space; zeros behind its end. */
void gp_input_device_get_config(
	const struct gp_input_device *device, uint32_t offset, uint32_t size, uint8_t *out);
void gp_input_device_set_config(
	struct gp_input_device *device, uint32_t offset, uint32_t size, const uint8_t *bytes);

/**
 * The guest knows the device from a process before: nobody knows what it has been told, so that
 * everything is released that is not pressed.
 */
void gp_input_device_take_over(struct gp_input_device *device);
/* The guest has stopped the device, perhaps for a while. */
void gp_input_device_pause(struct gp_input_device *device);
/* The guest was reset, or is gone. */
void gp_input_device_reset(struct gp_input_device *device);

#endif
