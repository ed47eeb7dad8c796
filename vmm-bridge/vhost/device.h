#ifndef GP_VMM_BRIDGE_VHOST_DEVICE_H
#define GP_VMM_BRIDGE_VHOST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/vhost/keep.h"
#include "vmm-bridge/virtio/guest_memory.h"
#include "vmm-bridge/virtio/virtqueue.h"

/**
 * A vhost-user back end for one virtio device: the socket, the features, the memory table and the
 * virtqueues. It serves one front end (VMM) at a time and waits for the next one when that goes; a
 * second one is accepted and closed at once, so that it fails with a reason instead of waiting.
 * It knows nothing of the kind of device.
 *
 * A stop for ever and a pause look alike (C9), so state is kept when the queues stop. The first
 * queue that runs again decides for all that are set up by then: a queue that had worked and goes
 * on at its old index means a pause, one that begins at 0 a reset (vring.h). If no queue had
 * worked, there is nothing to keep and a reset is assumed.
 *
 * The virtio status is not taken from the front end (VHOST_USER_PROTOCOL_F_STATUS): QEMU sends 0
 * on every stop, the same for a pause and a reset.
 *
 * Errors of the front end end the connection with one log line, or, where it asked for an
 * acknowledgement, are told that way. What only the guest can cause (rings outside memory, an odd
 * size) breaks the queue, not the connection.
 *
 * Rules kept here: behaviour A1, C7–C10.
 */

#define GP_VHOST_QUEUES_MAX 8

struct wl_event_loop;
struct gp_vhost_device;

enum gp_vhost_state {
	GP_VHOST_WAITING, // no front end
	GP_VHOST_CONNECTED, // a front end, queues not started
	GP_VHOST_RUNNING, // from the first queue that is started and enabled to the stop of the last
	GP_VHOST_PAUSED, // queues were stopped; resources are kept until the next start tells
};

/* "waiting", "connected", "running", "paused". */
const char *gp_vhost_state_name(enum gp_vhost_state state);

/**
 * None of these may destroy or disconnect the device. When the front end goes, queue_drain comes
 * first, then memory_removed for each region, reset, and state.
 */
struct gp_vhost_ops {
	/* The guest has put something into the queue: pop, handle, push. Called from the loop. */
	void (*queue_kick)(void *data, unsigned queue);
	/**
	 * The queue stops, or memory goes: return every chain that is in flight now (push). When
	 * this returns no guest memory of the queue's chains is touched any more.
	 */
	void (*queue_drain)(void *data, unsigned queue);
	/* The guest was reset, or is gone: drop all its state. Before the queues run again. */
	void (*reset)(void *data);
	/* The state changed. Not called for the state that the device is created in. */
	void (*state)(void *data, enum gp_vhost_state state);
	/**
	 * The region has left the table. All that was derived from it must be gone when this
	 * returns: the VMM is told so next. Mappings are kept by the references that remain.
	 */
	void (*memory_removed)(void *data, struct gp_memory_object *object);
	/**
	 * Of gp_vhost_device_recover: the chain was taken by the process before and is not returned.
	 * Push it. It has no buffers if it has become invalid. was_running: the end of that process
	 * came while it had this one in hand, so do not try it again. NULL: pushed with nothing
	 * written.
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
	/* NULL: nobody takes over. Otherwise at most GP_VHOST_KEEP_QUEUES; must outlive the device. */
	const struct gp_vhost_keep *keep;
	bool is_resuming; // the keep's state is that of a process before; gp_vhost_device_resume follows
};

/**
 * Creates the device, in state WAITING. One of path (a listening socket is made there and removed
 * at the end) and fd (a connected socket, taken in every case) is used; the other is NULL or -1.
 * With an fd the state is CONNECTED from the start and there is no second front end:
 * gp_vhost_device_finished tells when it has gone. Returns NULL after logging.
 */
struct gp_vhost_device *gp_vhost_device_create(struct wl_event_loop *loop, const char *path, int fd,
	const struct gp_vhost_info *info, const struct gp_vhost_ops *ops, void *data);
/* NULL is fine. Disconnects first, so the ops must still work. */
void gp_vhost_device_destroy(struct gp_vhost_device *device);
/**
 * Ends the connection, if there is one, as if the front end had gone. To be called before what
 * the ops need is torn down.
 */
void gp_vhost_device_disconnect(struct gp_vhost_device *device);

/**
 * Goes on with a front end that a process before has served. resume takes the connected socket in
 * every case (not if it was given at creation; false: it cannot be watched); then each request that was handled is
 * replayed, in the order of gp_vhost_keep.request but SET_VRING_KICK and SET_VRING_ENABLE last, with
 * descriptors that stay the caller's; then recover, when the ops are ready for what the guest wants,
 * with a chain to work with. Last the request that was not answered any more, if any: it is handled
 * as if it had just come, and its descriptors are duplicated, too.
 */
bool gp_vhost_device_resume(struct gp_vhost_device *device, int socket);
void gp_vhost_device_replay(struct gp_vhost_device *device, const struct gp_vhost_frame *frame);
void gp_vhost_device_recover(struct gp_vhost_device *device, struct gp_chain *chain);
void gp_vhost_device_answer(struct gp_vhost_device *device, const struct gp_vhost_frame *frame);

enum gp_vhost_state gp_vhost_device_state(const struct gp_vhost_device *device);
bool gp_vhost_device_finished(const struct gp_vhost_device *device);
/* The connected socket, to ask who is there; owned by the device. -1 if there is none. */
int gp_vhost_device_socket(const struct gp_vhost_device *device);
/* Features that the driver accepted, of those that were offered. */
uint64_t gp_vhost_device_features(const struct gp_vhost_device *device);
struct gp_guest_memory *gp_vhost_device_memory(struct gp_vhost_device *device);

/**
 * Like gp_virtqueue_pop; 0 also while the queue is stopped or disabled, and, with a new kick to
 * come, after 1024 chains or 5 ms of one kick: others must have their turn. A broken queue is
 * logged.
 */
int gp_vhost_device_pop(struct gp_vhost_device *device, unsigned queue, struct gp_chain *chain);
/**
 * For queues that the guest fills with buffers for what comes from here. offered is like
 * gp_virtqueue_offered, 0 while the queue is stopped or disabled. take is like pop, but gives all
 * that was offered: it is not the guest that decides when and how often it is called.
 */
uint16_t gp_vhost_device_offered(struct gp_vhost_device *device, unsigned queue, uint16_t wanted);
int gp_vhost_device_take(struct gp_vhost_device *device, unsigned queue, struct gp_chain *chain);
/* Descriptors of the queue; 0 while it is stopped or disabled. */
uint16_t gp_vhost_device_queue_size(const struct gp_vhost_device *device, unsigned queue);
/* Returns a chain. The interrupt is sent after the op that is running, if any, or on flush. */
void gp_vhost_device_push(
	struct gp_vhost_device *device, unsigned queue, uint16_t head, uint32_t written);
/**
 * The same for one that the guest does not wait for: the interrupt may come later, with that for the
 * chain that was taken last, if that one is kept.
 */
void gp_vhost_device_push_without_interrupt(
	struct gp_vhost_device *device, unsigned queue, uint16_t head, uint32_t written);
/* Sends the interrupts that are due for what was pushed. */
void gp_vhost_device_flush(struct gp_vhost_device *device);

/**
 * Tells the guest to read the configuration space again. Sent at once if the queues run and the
 * front end has a back channel, else remembered until the next start (C10). A front end that has
 * just stopped the queues, and did not read the message yet, gets it all the same.
 */
void gp_vhost_device_config_changed(struct gp_vhost_device *device);

#endif
