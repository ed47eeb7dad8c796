#ifndef GP_VMM_BRIDGE_VHOST_CHECKPOINT_H
#define GP_VMM_BRIDGE_VHOST_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/vhost/message.h"
#include "vmm-bridge/virtio/ring_checkpoint.h"

/**
 * What of a device must outlive the process that serves it, because the front end cannot connect
 * again (C10): how far the queues are, as memory; the front end's socket and the requests that set
 * the device up, with their descriptors, as events. A device gets both in its gp_vhost_info; a
 * process that takes over calls gp_vhost_device_resume.
 */

#define GP_VHOST_CHECKPOINT_QUEUES 2

/* In memory that outlives the process, all zeros at first. Plain data, without pointers. */
struct gp_vhost_checkpoint {
	struct gp_ring_checkpoint rings[GP_VHOST_CHECKPOINT_QUEUES];
	uint8_t worked[GP_VHOST_CHECKPOINT_QUEUES]; // gp_vring.worked
};

/* Descriptors stay the device's: the receiver duplicates them, or sends them on. */
struct gp_vhost_checkpoint_events {
	/* A front end has connected, or disconnected: earlier requests are void. */
	void (*connected)(void *data, int socket);
	void (*disconnected)(void *data);
	/* A request is about to be handled; the next one comes after handled. */
	void (*request)(void *data, const struct gp_vhost_frame *frame);
	/* It was, and the reply was sent. One that was refused must not be replayed. */
	void (*handled)(void *data, bool accepted);
};

#endif
