#ifndef GP_VMM_BRIDGE_VHOST_KEEP_H
#define GP_VMM_BRIDGE_VHOST_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/vhost/message.h"
#include "vmm-bridge/virtio/ring_checkpoint.h"

/**
 * What of a device must outlive the process that serves it, because the front end cannot connect
 * again (C10): its socket, the requests that made the device what it is, with their descriptors,
 * and how far the queues are. gp_vhost_device_create takes one in its info; a process that takes
 * over calls gp_vhost_device_resume.
 */

#define GP_VHOST_KEEP_QUEUES 2

/* In memory that outlives the process. All zeros at first. Plain data, without pointers. */
struct gp_vhost_keep_state {
	struct gp_ring_checkpoint queues[GP_VHOST_KEEP_QUEUES];
	uint8_t worked[GP_VHOST_KEEP_QUEUES]; // gp_vring.worked
};

/* None of the calls takes a descriptor: it has to be duplicated, as by a message that has it. */
struct gp_vhost_keep {
	struct gp_vhost_keep_state *state;
	void *data;
	/* A front end has come, or gone: what was told before is void. */
	void (*connected)(void *data, int socket);
	void (*disconnected)(void *data);
	/* A request is going to be handled; none comes before handled is called for it. */
	void (*request)(void *data, const struct gp_vhost_frame *frame);
	/* It was, and answered. What was refused must not be asked for again. */
	void (*handled)(void *data, bool accepted);
};

#endif
