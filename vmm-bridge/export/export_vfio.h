#ifndef GP_VMM_BRIDGE_EXPORT_EXPORT_VFIO_H
#define GP_VMM_BRIDGE_EXPORT_EXPORT_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gp_export;
struct gp_extents;

/**
 * Device memory as a dma-buf: VFIO_DEVICE_FEATURE_DMA_BUF of Linux 6.19, one BAR of one device,
 * ranges in the order of the extents. Exports the first size bytes, rounded up to whole pages: fd,
 * size and device of *out. False, with out->reason, if that is not possible; the reason is empty if
 * none of the memory is a device's.
 */
bool gp_export_vfio_create(const struct gp_extents *extents, uint64_t size, struct gp_export *out);

/* The sentence for an errno of the kernel, with its cure (behaviour B4). */
void gp_export_vfio_explain(int error, const char *pci, uint32_t bar, char *out, size_t size);

#endif
