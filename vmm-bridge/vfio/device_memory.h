#ifndef GP_VMM_BRIDGE_VFIO_DEVICE_MEMORY_H
#define GP_VMM_BRIDGE_VFIO_DEVICE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/options.h"

/**
 * The memory of the VM's assigned devices, for the bridge: looks for the devices only when the guest
 * names an address that is in no RAM region, so that a VM without such devices is left alone.
 */

struct gp_extents;
struct gp_guest_memory;
struct gp_vfio;
struct gp_vfio_events;
struct wl_event_loop;

struct gp_device_memory {
	struct gp_vfio *vfio; // NULL: --vfio none
	const struct gp_bridge_options *options;
	int socket; // of the front end, borrowed; -1: none
	bool looked; // for the VMM behind the socket
	bool changed; // a look at the devices is due
	unsigned faults; // gp_guest_memory_faults at the last look
};

/**
 * Takes the descriptors of --vfio-fd; options and events must outlive it. False after logging; to be
 * finished in every case.
 */
bool gp_device_memory_init(struct gp_device_memory *devices, struct wl_event_loop *loop,
	struct gp_bridge_options *options, const struct gp_vfio_events *events, void *data);
void gp_device_memory_finish(struct gp_device_memory *devices);
/* memory asks here for what it does not have. */
void gp_device_memory_serve(struct gp_device_memory *devices, struct gp_guest_memory *memory);

/* A front end has connected to the socket; -1: it has gone, and with it the devices. */
void gp_device_memory_connect(struct gp_device_memory *devices, int socket);
/* The guest has taken something back: the devices may be about to change. */
void gp_device_memory_detached(struct gp_device_memory *devices, const struct gp_extents *extents);
/* From the loop: looks at the devices if there is a reason to. */
void gp_device_memory_end_turn(struct gp_device_memory *devices);

#endif
