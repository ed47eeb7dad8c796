#ifndef GP_VMM_BRIDGE_VHOST_OPS_H
#define GP_VMM_BRIDGE_VHOST_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/vhost/checkpoint.h"
#include "vmm-bridge/virtio/guest_memory.h"
#include "vmm-bridge/virtio/virtqueue.h"

/**
 * What a vhost-user device needs from the virtio device that it is the transport of. bridge.c
 * implements this with virtio-gpu, seat/inputs.c with virtio-input, the unit tests with a recorder.
 */

enum gp_vhost_state {
	GP_VHOST_WAITING, // no front end
	GP_VHOST_CONNECTED, // a front end, queues not started
	GP_VHOST_RUNNING, // from the first queue that runs to the stop of the last
	GP_VHOST_PAUSED, // queues were stopped; the next start decides whether resources stay
};

/**
 * None of these may destroy or disconnect the device. When the front end disconnects, queue_drain
 * comes first, then memory_removed for each region, reset, and state.
 */
struct gp_vhost_ops {
	/* The guest has put something into the queue: pop, handle, push. Called from the loop. */
	void (*queue_kick)(void *data, unsigned queue);
	/**
	 * The queue stops, or memory is removed: return every chain that is in flight now (push).
	 * After this no guest memory of the queue's chains is touched any more.
	 */
	void (*queue_drain)(void *data, unsigned queue);
	/* The guest was reset, or has ended: drop all its state. Before the queues run again. */
	void (*reset)(void *data);
	/* The state changed. Not called for the state that the device is created in. */
	void (*state)(void *data, enum gp_vhost_state state);
	/**
	 * The region has left the table. All that was derived from it must be dropped on return,
	 * when the VMM gets its reply. Mappings are kept by the references that remain.
	 */
	void (*memory_removed)(void *data, struct gp_memory_object *object);
	/* Regions may have been added to the table. May be NULL. */
	void (*memory_added)(void *data);
	/**
	 * Of gp_vhost_device_recover: an earlier process took the chain and did not return it. Push
	 * it. It has no buffers if it has become invalid. was_running: that process ended while it
	 * handled this one, so do not try it again. NULL: pushed with nothing written.
	 */
	void (*chain_lost)(
		void *data, unsigned queue, const struct gp_chain *chain, bool was_running);
	/* Device configuration space; offset + size is at most GP_VHOST_CONFIG_MAX (message.h). */
	void (*get_config)(void *data, uint32_t offset, uint32_t size, uint8_t *out);
	void (*set_config)(void *data, uint32_t offset, uint32_t size, const uint8_t *bytes);
};

struct gp_vhost_info {
	uint64_t features; // virtio feature bits of the device; transport bits are added here
	unsigned n_queues;
	/**
	 * NULL: nobody takes over. Otherwise there are at most GP_VHOST_CHECKPOINT_QUEUES, and all
	 * three must outlive the device.
	 */
	struct gp_vhost_checkpoint *checkpoint;
	const struct gp_vhost_checkpoint_events *checkpoint_events;
	void *checkpoint_data;
	bool resuming; // the checkpoint is an earlier process's; gp_vhost_device_resume follows
};

#endif
