#ifndef GP_VMM_BRIDGE_EXPORT_EXPORT_H
#define GP_VMM_BRIDGE_EXPORT_EXPORT_H

#include <stdint.h>

/**
 * A dma-buf of the guest's memory, and how it was made.
 */

enum gp_export_kind {
	GP_EXPORT_UDMABUF, // of guest RAM
	GP_EXPORT_VFIO, // of device memory
	GP_EXPORT_KINDS,
};

struct gp_export {
	enum gp_export_kind kind;
	int fd; // owned; -1: there is none
	uint64_t size; // bytes; at least what was asked for
	char device[32]; // PCI address for GP_EXPORT_VFIO, else empty
	char reason[256]; // why there is none, with its cure
};

#endif
