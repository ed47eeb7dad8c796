#ifndef GP_VHOST_DEVICE_H
#define GP_VHOST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/virtio/guest_memory.h"
#include "vmm-bridge/virtio/virtqueue.h"

/**
 * A vhost-user back end for one virtio device: the socket, the features, the memory table and the
 * virtqueues. It serves one front end (VMM) at a time and waits for the next one when that goes.
 * It knows nothing of the kind of device.
 *
 * Rules kept here: behaviour A1, C7–C10.
 */

#define GP_VHOST_QUEUES_MAX 8

struct wl_event_loop;
struct gp_vhost_device;

enum gp_vhost_state {
	GP_VHOST_WAITING, // no front end
	GP_VHOST_CONNECTED, // a front end, queues not started
	GP_VHOST_RUNNING, // at least one queue is started and enabled
	GP_VHOST_PAUSED,  // queues were stopped; resources are kept until the next start tells
};

struct gp_vhost_ops {
	/* The guest has put something into the queue: pop, handle, push. Called from the loop. */
	void (*queue_kick)(void *data, unsigned queue);
	/**
	 * The queue stops: return every chain that is in flight now (push). When this returns no
	 * guest memory of the queue's chains is touched any more.
	 */
	void (*queue_drain)(void *data, unsigned queue);
	/* Queues start at index 0 after a stop, or RESET_DEVICE: drop all state of the guest. */
	void (*reset)(void *data);
	/* The state changed. */
	void (*state)(void *data, enum gp_vhost_state state);
	/**
	 * The region has left the table. All that was derived from it must be gone when this
	 * returns: the VMM is told so next. Mappings are kept by the references that remain.
	 */
	void (*memory_removed)(void *data, struct gp_memory_object *object);
	/* Device configuration space; offset + size is at most GP_VHOST_CONFIG_MAX. */
	void (*get_config)(void *data, uint32_t offset, uint32_t size, uint8_t *out);
	void (*set_config)(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes);
};

struct gp_vhost_info {
	uint64_t features;  // virtio feature bits of the device; transport bits are added here
	unsigned n_queues;
};

/**
 * Creates the device. One of path (a listening socket is made there and removed at the end) and
 * fd (a connected socket, taken in every case) is used; the other is NULL or -1. With an fd there
 * is no second front end: gp_vhost_device_finished tells when it has gone. Returns NULL after
 * logging.
 */
struct gp_vhost_device *gp_vhost_device_create(struct wl_event_loop *loop, const char *path,
	int fd, const struct gp_vhost_info *info, const struct gp_vhost_ops *ops, void *data);
/* NULL is fine. Drains the queues first. */
void gp_vhost_device_destroy(struct gp_vhost_device *device);

enum gp_vhost_state gp_vhost_device_state(const struct gp_vhost_device *device);
bool gp_vhost_device_finished(const struct gp_vhost_device *device);
/* Features that the driver accepted. */
uint64_t gp_vhost_device_features(const struct gp_vhost_device *device);
struct gp_guest_memory *gp_vhost_device_memory(struct gp_vhost_device *device);

/* Like gp_virtqueue_pop; 0 also while the queue is stopped or disabled. A broken queue is logged. */
int gp_vhost_device_pop(struct gp_vhost_device *device, unsigned queue, struct gp_chain *chain);
/* Returns a chain. The interrupt is sent when the loop's current dispatch ends, or on flush. */
void gp_vhost_device_push(
	struct gp_vhost_device *device, unsigned queue, uint16_t head, uint32_t written);
/* Sends the interrupts that are due for what was pushed. */
void gp_vhost_device_flush(struct gp_vhost_device *device);

/**
 * Tells the guest to read the configuration space again. Sent at once if a queue is started and
 * the front end has a back channel, else remembered until the next start (C10).
 */
void gp_vhost_device_config_changed(struct gp_vhost_device *device);

#endif
