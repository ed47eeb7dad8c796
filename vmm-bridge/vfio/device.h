#ifndef GP_VMM_BRIDGE_VFIO_DEVICE_H
#define GP_VMM_BRIDGE_VFIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/vfio/bar.h"
#include "vmm-bridge/vfio/ops.h"
#include "vmm-bridge/vfio/pci_address.h"

struct gp_memory_object;

/**
 * One VFIO device fd: its regions, and where the guest has put its BARs.
 */

extern const struct gp_vfio_ops gp_vfio_kernel_ops;

struct gp_vfio_device {
	const struct gp_vfio_ops *ops;
	int fd; // owned
	bool inherited; // passed to the bridge, not found in the VMM
	bool seen; // in the VMM by the present scan
	uint64_t id; // of gp_vfio_found; 0 if inherited
	char pci[GP_PCI_ADDRESS_SIZE]; // empty: not known
	uint16_t vendor, product;
	int export_error; // errno of asking for the dma-buf export; 0: the kernel has it
	uint64_t config_offset;
	uint64_t sizes[GP_PCI_BARS]; // bytes; 0: no such BAR
	uint64_t gpa[GP_PCI_BARS]; // of the last gp_vfio_device_refresh; 0: not decoded
	struct gp_memory_object *objects[GP_PCI_BARS]; // owned references; NULL until needed
};

/**
 * Takes fd in every case. pci may be empty. NULL if this is not a usable VFIO PCI device, which is
 * logged unless quiet.
 */
struct gp_vfio_device *gp_vfio_device_create(
	const struct gp_vfio_ops *ops, int fd, const char *pci, bool quiet);
/**
 * The address of the device, empty if it is not known: as /proc/self has it, or else, for older
 * kernels, the only one with its ids in sysfs. fd stays the caller's.
 */
void gp_vfio_device_find_address(int fd, char pci[GP_PCI_ADDRESS_SIZE]);
/* Drops its references to objects. NULL is fine. */
void gp_vfio_device_destroy(struct gp_vfio_device *device);

/* For messages: the PCI address if known, else vendor:product or the fd. Until the next call. */
const char *gp_vfio_device_name(const struct gp_vfio_device *device);

/**
 * Reads the BAR registers again into gpa. Objects stay as they are. False if they cannot be read;
 * all addresses are 0 then.
 */
bool gp_vfio_device_refresh(struct gp_vfio_device *device);
/* The BAR that [gpa, gpa + length) lies in, as of the last refresh; -1 if there is none. */
int gp_vfio_device_find(const struct gp_vfio_device *device, uint64_t gpa, uint64_t length);
/**
 * The object of a BAR at its present address, made if there is none yet; the device's own
 * reference. NULL with errno.
 */
struct gp_memory_object *gp_vfio_device_object(struct gp_vfio_device *device, int bar);
/* Whether the BAR has an object whose address is no longer that of the BAR. */
bool gp_vfio_device_object_stale(const struct gp_vfio_device *device, int bar);

#endif
