#ifndef GP_VMM_BRIDGE_VFIO_DEVICE_MEMORY_H
#define GP_VMM_BRIDGE_VFIO_DEVICE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/**
 * The memory of the VM's assigned devices as a part of the guest's memory. Devices are looked for
 * only when the guest uses an address that is in no RAM region, so that a VM without such devices
 * is left alone.
 */

struct gp_extents;
struct gp_guest_memory;
struct gp_vfio;
struct gp_vfio_events;
struct gp_vfio_finder;
struct gp_vfio_found;
struct wl_event_loop;

/* Where devices are looked for. */
struct gp_device_memory_settings {
	const char *address; // only this PCI device; NULL: any
	struct gp_vfio_found *passed; // devices, whose descriptors are taken; ids are not used
	size_t n_passed;
	const struct gp_vfio_finder *finder; // NULL: not in the VMM
	void *finder_data;
	bool early; // the user has named the VMM: look as soon as it is there
};

struct gp_device_memory {
	struct gp_vfio *vfio; // NULL: nowhere
	const struct gp_vfio_finder *finder;
	void *finder_data;
	bool early;
	bool connected; // there is a front end
	bool looked; // for the VMM behind the socket
	bool changed; // a look at the devices is due
	unsigned faults; // gp_sigbus_count at the last look
};

/**
 * settings is NULL for no device memory at all. events must outlive it. False after logging; to be
 * finished in every case.
 */
bool gp_device_memory_init(struct gp_device_memory *devices, struct wl_event_loop *loop,
	const struct gp_device_memory_settings *settings, const struct gp_vfio_events *events,
	void *data);
void gp_device_memory_finish(struct gp_device_memory *devices);
/* Becomes where memory looks for addresses that it does not have. */
void gp_device_memory_serve(struct gp_device_memory *devices, struct gp_guest_memory *memory);

/* A front end has connected, or it has disconnected, which ends the devices. */
void gp_device_memory_connect(struct gp_device_memory *devices, bool connected);
/* The guest has taken something back: the devices may be about to change. */
void gp_device_memory_detached(struct gp_device_memory *devices, const struct gp_extents *extents);
/* From the loop: looks at the devices if there is a reason to. */
void gp_device_memory_end_turn(struct gp_device_memory *devices);

#endif
