#ifndef GP_VMM_BRIDGE_VHOST_DEVICE_H
#define GP_VMM_BRIDGE_VHOST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/vhost/ops.h"

/**
 * A vhost-user back end for one virtio device: the socket, the features, the memory table and the
 * virtqueues. It serves one front end (VMM) at a time, and waits for the next one when that
 * disconnects; a second one is accepted and closed at once, so that it fails with a reason instead
 * of waiting. It knows nothing of the kind of device.
 *
 * The virtio status is not taken from the front end (VHOST_USER_PROTOCOL_F_STATUS): QEMU sends 0
 * on every stop, the same for a pause and a reset (queues.h says how these are told apart).
 *
 * An error of the front end ends the connection with one log line, or is its acknowledgement where
 * it asked for one. What only the guest can cause (rings outside memory, an odd size) breaks the
 * queue, not the connection.
 *
 * Rules kept here: behaviour A1, C7–C10.
 */

struct wl_event_loop;
struct gp_vhost_device;

/* "waiting", "connected", "running", "paused". */
const char *gp_vhost_state_name(enum gp_vhost_state state);

/**
 * Creates the device, in state WAITING. One of listener (a listening socket) and fd (a connected
 * one) is used and taken in every case; the other is -1.
 * With an fd the state is CONNECTED from the start and there is no second front end: the device is
 * finished when this one disconnects. Returns NULL after logging.
 */
struct gp_vhost_device *gp_vhost_device_create(struct wl_event_loop *loop, int listener, int fd,
	const struct gp_vhost_info *info, const struct gp_vhost_ops *ops, void *data);
/* NULL is fine. Disconnects first, so the ops must still work. */
void gp_vhost_device_destroy(struct gp_vhost_device *device);
/**
 * Ends the connection, if there is one, as if the front end had. To be called before what the ops
 * need is torn down.
 */
void gp_vhost_device_disconnect(struct gp_vhost_device *device);

/**
 * To take over a front end that an earlier process has served, in this order:
 *
 *  - resume takes the connected socket in every case (not if it was given at creation; false: it
 *    cannot be watched).
 *  - replay each request that was handled, in the order of gp_vhost_checkpoint_events.request, but
 *    SET_VRING_KICK and SET_VRING_ENABLE last. Descriptors are duplicated.
 *  - recover_state, if the ops must know whether the queues stand still before they are ready.
 *  - recover, when the ops are ready for what the guest wants, with a chain to work with.
 *  - handle the request that got no reply any more, if any, as if it had just come. Its descriptors
 *    are duplicated, too.
 */
bool gp_vhost_device_resume(struct gp_vhost_device *device, int socket);
void gp_vhost_device_replay(struct gp_vhost_device *device, const struct gp_vhost_frame *frame);
void gp_vhost_device_recover_state(struct gp_vhost_device *device);
void gp_vhost_device_recover(struct gp_vhost_device *device, struct gp_chain *chain);
void gp_vhost_device_handle(struct gp_vhost_device *device, const struct gp_vhost_frame *frame);

/**
 * Whether a front end is connected. Returns what is in flight, as a stop does, and leaves all else
 * to the process that takes over.
 */
bool gp_vhost_device_leave(struct gp_vhost_device *device);

enum gp_vhost_state gp_vhost_device_state(const struct gp_vhost_device *device);
/* Created with an fd, and disconnected. */
bool gp_vhost_device_finished(const struct gp_vhost_device *device);
/* The connected socket, to identify the front end; owned by the device. -1 if there is none. */
int gp_vhost_device_socket(const struct gp_vhost_device *device);
/* Features that the driver accepted, of those that were offered. */
uint64_t gp_vhost_device_features(const struct gp_vhost_device *device);
struct gp_guest_memory *gp_vhost_device_memory(struct gp_vhost_device *device);

/**
 * Like gp_virtqueue_pop; 0 also while the queue is stopped or disabled, and after 1024 chains or 5
 * ms of one kick, as others must have their turn: then there will be another kick. A broken queue
 * is logged.
 */
int gp_vhost_device_pop(struct gp_vhost_device *device, unsigned queue, struct gp_chain *chain);
/**
 * For queues that the guest fills with buffers for data from here. offered is like
 * gp_virtqueue_offered, 0 while the queue is stopped or disabled. take is like pop without its
 * limit, as it is not the guest that decides when and how often it is called.
 */
uint16_t gp_vhost_device_offered(struct gp_vhost_device *device, unsigned queue, uint16_t wanted);
int gp_vhost_device_take(struct gp_vhost_device *device, unsigned queue, struct gp_chain *chain);
/* Descriptors of the queue; 0 while it is stopped or disabled. */
uint16_t gp_vhost_device_queue_size(const struct gp_vhost_device *device, unsigned queue);
/* Returns a chain. The interrupt is sent after the op that is running, if any, or by flush. */
void gp_vhost_device_push(
	struct gp_vhost_device *device, unsigned queue, uint16_t head, uint32_t written);
/**
 * The same for a chain that the guest does not wait for: the interrupt may be left to that for the
 * chain that was taken last, while that one is in flight.
 */
void gp_vhost_device_push_without_interrupt(
	struct gp_vhost_device *device, unsigned queue, uint16_t head, uint32_t written);
/* Sends the interrupts that are due for what was pushed. */
void gp_vhost_device_flush(struct gp_vhost_device *device);

/**
 * Notifies the guest that the configuration space has changed. Sent at once if the queues run and
 * the front end has a back channel, else at the next start (C10). A front end that has just stopped
 * the queues, and did not read the message yet, gets it all the same.
 */
void gp_vhost_device_config_changed(struct gp_vhost_device *device);

#endif
