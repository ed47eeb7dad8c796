#ifndef GP_VMM_BRIDGE_BRIDGE_INTERNAL_H
#define GP_VMM_BRIDGE_BRIDGE_INTERNAL_H

#include "common/limits.h"
#include "vmm-bridge/bridge.h"
#include "vmm-bridge/gpu/device.h"
#include "vmm-bridge/keeper/keeper.h"
#include "vmm-bridge/present/presenter.h"
#include "vmm-bridge/seat/inputs.h"
#include "vmm-bridge/vfio/device_memory.h"
#include "vmm-bridge/vhost/device.h"

struct gp_control;
struct json_object;
struct wl_event_source;

/* What the compositor says about a scanout. */
struct gp_scanout_report {
	bool monitor_changed; // the device is to be told
	bool monitor_connected;
	struct gp_monitor monitor;
	char path[16], path_reason[160];
};

struct gp_bridge {
	const struct gp_options *options;
	struct gp_keeper *keeper; // NULL: there is none
	struct wl_event_loop *loop;
	struct gp_control *control; // may be NULL
	struct gp_exporter exporter;
	struct gp_device_memory devices;
	struct gp_client *client;
	struct gp_presenter presenter;
	struct gp_vhost_device *vhost;
	struct gp_gpu *gpu;
	struct gp_inputs *inputs;
	struct gp_scanout_report scanouts[GP_SCANOUTS_MAX];

	int timer_fd; // wake_at
	struct wl_event_source *timer;
	uint64_t wake_ns, armed_ns; // when it shall expire, and when it will; 0: not

	bool ran; // queues ran since the guest's last reset
	struct gp_chain chain; // of the queue that is being handled
};

/* bridge_seat.c */
extern const struct gp_seat_ops gp_bridge_seat_ops;

/* status.c: the document for the control socket; NULL for an unknown request. */
struct json_object *gp_bridge_status(void *data, const char *request);

#endif
