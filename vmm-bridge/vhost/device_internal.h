#ifndef GP_VMM_BRIDGE_VHOST_DEVICE_INTERNAL_H
#define GP_VMM_BRIDGE_VHOST_DEVICE_INTERNAL_H

#include "common/log.h"
#include "vmm-bridge/vhost/back_channel.h"
#include "vmm-bridge/vhost/device.h"
#include "vmm-bridge/vhost/listener.h"
#include "vmm-bridge/vhost/message.h"
#include "vmm-bridge/vhost/vring.h"

/* What device.c (life, states, queues) and requests.c (what the front end asks for) share. */

struct gp_vhost_device {
	struct wl_event_loop *loop;
	struct gp_vhost_info info;
	const struct gp_vhost_ops *ops;
	void *data;

	struct gp_listener *listener; // NULL if created with a socket
	int socket; // of the front end, or -1
	struct wl_event_source *source;
	struct gp_vhost_reader reader;
	struct gp_back_channel back_channel;

	enum gp_vhost_state state;
	uint64_t features; // accepted
	struct gp_guest_memory memory;
	struct gp_vring vrings[GP_VHOST_QUEUES_MAX]; // first info.n_queues
	bool config_changed; // to be told at the next start
	bool is_replaying; // requests that were answered by a process before
	struct gp_log_limit guest_errors, front_end_errors;
};

void gp_vhost_set_state(struct gp_vhost_device *device, enum gp_vhost_state state);
/* Finds the state again after a request has changed queues; decides between pause and reset. */
void gp_vhost_update_state(struct gp_vhost_device *device);
void gp_vhost_reset_guest(struct gp_vhost_device *device);

/* Has every chain returned and the guest told, in all started queues. */
void gp_vhost_drain_queues(struct gp_vhost_device *device);
void gp_vhost_stop_vring(struct gp_vhost_device *device, struct gp_vring *vring);
void gp_vhost_report_broken(
	struct gp_vhost_device *device, struct gp_vring *vring, const char *why);

/* A gp_memory_removed_func; data is the device. */
void gp_vhost_memory_removed(void *data, struct gp_memory_object *object);
/* Queues whose rings are (again) in the table go on. A move of RAM is a removal and an addition. */
void gp_vhost_attach_vrings(struct gp_vhost_device *device);

#endif
