/*
 * Preloaded into the compositor, between it and the kernel.
 *
 * A kernel that takes a buffer in a test commit and refuses it when it counts, as drivers do that
 * find out when the memory is pinned: the next real commit fails when there is the file
 * KMS_REFUSE, and removes it.
 *
 * Imports of dma-bufs that the kernel itself refuses are noted in the file KMS_REFUSED, a line with
 * the errno for each.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "tests/hostvm/kms.h"

__attribute__((visibility("default"))) int drmModeAtomicCommit(
	int fd, const drmModeAtomicReqPtr request, uint32_t flags, void *data) {
	int (*commit)(int, const drmModeAtomicReqPtr, uint32_t, void *) =
		(int (*)(int, const drmModeAtomicReqPtr, uint32_t, void *))dlsym(
			RTLD_NEXT, "drmModeAtomicCommit");
	if ((flags & DRM_MODE_ATOMIC_TEST_ONLY) == 0 && unlink(KMS_REFUSE) == 0) {
		errno = EINVAL;
		return -EINVAL;
	}
	return commit(fd, request, flags, data);
}

__attribute__((visibility("default"))) int drmPrimeFDToHandle(int fd, int prime, uint32_t *handle) {
	int (*import)(int, int, uint32_t *) =
		(int (*)(int, int, uint32_t *))dlsym(RTLD_NEXT, "drmPrimeFDToHandle");
	int ret = import(fd, prime, handle);
	int error = errno;
	FILE *file = ret != 0 ? fopen(KMS_REFUSED, "ae") : NULL;
	if (file) {
		fprintf(file, "%d\n", error);
		fclose(file);
	}
	errno = error;
	return ret;
}
