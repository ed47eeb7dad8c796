#ifndef GP_VMM_BRIDGE_VFIO_FINDER_H
#define GP_VMM_BRIDGE_VFIO_FINDER_H

#include <stdint.h>

#include "vmm-bridge/vfio/pci_address.h"

/**
 * Who looks into the VMM's process for its VFIO devices: the keeper, or a test.
 */

struct gp_vfio_found {
	uint64_t id; // grows from device to device; never that of another one
	int fd;
	char pci[GP_PCI_ADDRESS_SIZE]; // empty: not known
};

struct gp_vfio_finder {
	/**
	 * Finds the VMM anew. A descriptor, the caller's, that is readable or hung up once it has
	 * ended; or -errno after logging.
	 */
	int (*find_vmm)(void *data);
	/**
	 * The index-th device that it has; index 0 looks again. 1 with a descriptor, the caller's;
	 * 0: there are no more; or -errno.
	 */
	int (*find_device)(void *data, uint32_t index, struct gp_vfio_found *found);
};

#endif
