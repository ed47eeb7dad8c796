/*
 * Preloaded into the compositor: a kernel that takes a buffer in a test commit and refuses it when
 * it counts, as drivers do that find out when the memory is pinned. The next real commit fails
 * when there is the file KMS_REFUSE, and removes it.
 */

#include <dlfcn.h>
#include <errno.h>
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
