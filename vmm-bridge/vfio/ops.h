#ifndef GP_VMM_BRIDGE_VFIO_OPS_H
#define GP_VMM_BRIDGE_VFIO_OPS_H

#include <sys/types.h>

/**
 * What is done to a VFIO device fd, by the kernel or by a test. Results as of ioctl(2) and
 * pread(2).
 */
struct gp_vfio_ops {
	int (*ioctl)(int fd, unsigned long request, void *arg);
	ssize_t (*pread)(int fd, void *out, size_t size, off_t offset);
};

#endif
