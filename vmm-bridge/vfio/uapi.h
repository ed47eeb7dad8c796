#ifndef GP_VMM_BRIDGE_VFIO_UAPI_H
#define GP_VMM_BRIDGE_VFIO_UAPI_H

#include <linux/vfio.h>

/**
 * What older <linux/vfio.h> lack. The kernel that runs decides what works, not the one whose
 * headers were there at build time.
 */

#ifndef VFIO_DEVICE_FEATURE_DMA_BUF // Linux 6.19
#define VFIO_DEVICE_FEATURE_DMA_BUF 11

struct vfio_region_dma_range {
	__u64 offset;
	__u64 length;
};

struct vfio_device_feature_dma_buf {
	__u32 region_index;
	__u32 open_flags;
	__u32 flags;
	__u32 nr_ranges;
	struct vfio_region_dma_range dma_ranges[];
};
#endif

#endif
