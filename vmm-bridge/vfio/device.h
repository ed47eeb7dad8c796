#ifndef GP_VMM_BRIDGE_VFIO_DEVICE_H
#define GP_VMM_BRIDGE_VFIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm-bridge/vfio/bar.h"

struct gp_memory_object;

/**
 * One VFIO device fd: its regions, and where the guest has put its BARs.
 */

/* How to talk to the fd: the kernel's way, or a test's. Results as of ioctl(2) and pread(2). */
struct gp_vfio_io {
	int (*ioctl)(int fd, unsigned long request, void *arg);
	ssize_t (*pread)(int fd, void *out, size_t size, off_t offset);
};
extern const struct gp_vfio_io gp_vfio_io_kernel;

struct gp_vfio_device {
	const struct gp_vfio_io *io;
	int fd; // owned
	bool inherited; // given to us as an fd, not found in the VMM
	int vmm_fd; // its number in the VMM; -1 if inherited
	char pci[GP_PCI_ADDRESS_SIZE]; // empty: not known
	uint16_t vendor, product;
	int export_error; // errno of asking for the dma-buf export; 0: the kernel has it
	uint64_t config_offset;
	uint64_t sizes[GP_PCI_BARS]; // bytes; 0: no such BAR
	uint64_t gpa[GP_PCI_BARS]; // of the last gp_vfio_device_refresh; 0: not decoded
	struct gp_memory_object *objects[GP_PCI_BARS]; // owned references; NULL until asked for
};

/**
 * Takes fd in every case. pci may be empty; then it is looked for in sysfs by the ids of the
 * device, as far as these are unique. NULL if this is not a usable VFIO PCI device, which is logged
 * unless quiet (it was said before of this fd).
 */
struct gp_vfio_device *gp_vfio_device_create(
	const struct gp_vfio_io *io, int fd, const char *pci, bool quiet);
/* Its objects must be gone (gp_vfio_device_drop). NULL is fine. */
void gp_vfio_device_destroy(struct gp_vfio_device *device);

/* For messages: the PCI address if known, else vendor:product or the fd. Until the next call. */
const char *gp_vfio_device_name(const struct gp_vfio_device *device);

/**
 * Reads the BAR registers again into gpa. Objects stay as they are. False if the device does not
 * answer; all addresses are 0 then.
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

/**
 * Takes the memory away from an object, now, whoever holds it: its descriptor is closed, and its
 * mapping reads as zeros until the last reference goes.
 */
void gp_vfio_object_kill(struct gp_memory_object *object);

/**
 * Maps an object for reading, if it is not, and again after a fault (behaviour B5). Parts that
 * VFIO does not let be mapped (an MSI-X table) read as zeros. 0; -ENODEV if nothing of the BAR can
 * be mapped or the object is removed; what mmap says. The map_func of its objects; io is a
 * struct gp_vfio_io.
 */
int gp_vfio_object_map(struct gp_memory_object *object, const void *io);

#endif
