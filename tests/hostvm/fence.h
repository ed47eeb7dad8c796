#ifndef GP_TESTS_HOSTVM_FENCE_H
#define GP_TESTS_HOSTVM_FENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * A GPU that reads a dma-buf for as long as a test wants: vgem attaches a read fence to it. After
 * 10 s the kernel signals the fence.
 */
struct fence {
	int vgem; // render node; -1: none
	uint32_t handle, id;
};

/* Loads vgem if need be. The dma-buf stays the caller's. On failure, a line on stderr. */
bool fence_hold(struct fence *fence, int dmabuf);
bool fence_signal(struct fence *fence);
/* Also without a fence that is held; one that is stays until its end. */
void fence_finish(struct fence *fence);

/* A dma-buf of so many bytes (pages) of memory, by udmabuf; *pixels is a mapping. -1 on failure. */
int fence_create_udmabuf(uint64_t size, uint32_t **pixels);

/* The dma-bufs that a process has: descriptors, at most max. */
int fence_find_dmabufs(pid_t pid, int *fds, int max);
/* A copy of another process' descriptor, or -1. */
int fence_copy_fd(int pidfd, int fd);

#endif
