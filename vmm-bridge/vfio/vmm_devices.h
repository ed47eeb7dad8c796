#ifndef GP_VMM_BRIDGE_VFIO_VMM_DEVICES_H
#define GP_VMM_BRIDGE_VFIO_VMM_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/vfio/lookup.h"
#include "vmm-bridge/vfio/pci_address.h"
#include "vmm-bridge/vfio/vmm.h"

/**
 * The VFIO devices that the VMM has open. Each open device gets an id that no other one has: not
 * one that is plugged later and gets the same descriptor number in the VMM, nor the same device
 * when it is opened again.
 */

struct gp_vmm_device {
	uint64_t id;
	int fd; // owned copy
	int vmm_fd; // its number in the VMM
	char pci[GP_PCI_ADDRESS_SIZE]; // empty: not known
	bool seen; // by the present look
};

struct gp_vmm_devices {
	struct gp_vmm vmm; // its pidfd is -1 without one
	struct gp_vmm_device items[GP_VFIO_DEVICES_MAX]; // first count
	size_t count;
	uint64_t last_id; // kept over VMMs
	bool full_logged;
};

void gp_vmm_devices_init(struct gp_vmm_devices *devices);
/* Closes all devices. It can be used again. */
void gp_vmm_devices_finish(struct gp_vmm_devices *devices);
/* As gp_vmm_open_found. There must be no VMM. */
int gp_vmm_devices_open(struct gp_vmm_devices *devices, pid_t pid, int pidfd);
/**
 * Compares with what the VMM has now: closes what it has closed, adds what is new. 0, or -errno
 * after logging (-ESRCH: there is no VMM).
 */
int gp_vmm_devices_look(struct gp_vmm_devices *devices);

#endif
