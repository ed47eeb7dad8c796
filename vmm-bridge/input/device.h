#ifndef GP_VMM_BRIDGE_INPUT_DEVICE_H
#define GP_VMM_BRIDGE_INPUT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/input/config.h"
#include "vmm-bridge/input/event_queue.h"
#include "vmm-bridge/input/state_queue.h"

/**
 * A virtio-input device (virtio 1.3, 5.8), without its transport. A group of events is sent to the
 * guest when there are buffers for all of it.
 *
 * QEMU's vhost-user-input-pci has queues of 4 buffers. That is enough for all groups of keyboards
 * and pointers; one that is longer than the whole event queue is dropped. Packets of touch screens
 * and pens can be longer, and are then sent in pieces: the guest's driver passes events on one by
 * one, and they only count when SYN_REPORT has come.
 */

#define GP_INPUT_QUEUE_EVENTS 0
#define GP_INPUT_QUEUE_STATUS 1

struct gp_input_ops {
	/**
	 * How many buffers the guest offers now, one for each event; 0 if it does not run. If there
	 * are fewer than wanted, gp_input_device_flush is to be called when there may be more.
	 */
	size_t (*available_buffers)(void *data, size_t wanted);
	/* How many buffers it can offer at the most; 0 if it does not run. */
	size_t (*queue_size)(void *data);
	/* Puts one event into a buffer. False: that failed, and will fail again soon after. */
	bool (*put_event)(void *data, const struct virtio_input_event *event);
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
	uint64_t latency_ns; // from the seat to the guest, of the last group from the seat
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
/* Sends what the guest has buffers for. */
void gp_input_device_flush(struct gp_input_device *device);

const struct gp_event_counters *gp_input_device_counters(const struct gp_input_device *device);
/* How many groups, or states, wait for buffers. */
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
 * An earlier process has served the guest, and it is unknown what it has sent: everything is
 * released that is not pressed.
 */
void gp_input_device_take_over(struct gp_input_device *device);
/* The guest has stopped the device, perhaps for a while. */
void gp_input_device_pause(struct gp_input_device *device);
/* The guest was reset, or has ended. */
void gp_input_device_reset(struct gp_input_device *device);

#endif
