#include "tests/hostvm/fence.h"

#include <dirent.h>
#include <drm/vgem_drm.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>
#include <xf86drm.h>

static int open_vgem(void) {
	if (system("modprobe vgem") != 0) {
		return -1;
	}
	for (int i = 128; i < 140; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/dev/dri/renderD%d", i);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		drmVersion *version = fd >= 0 ? drmGetVersion(fd) : NULL;
		bool found = version != NULL && strcmp(version->name, "vgem") == 0;
		drmFreeVersion(version);
		if (found) {
			return fd;
		}
		if (fd >= 0) {
			close(fd);
		}
	}
	return -1;
}

bool fence_hold(struct fence *fence, int dmabuf) {
	*fence = (struct fence){.vgem = open_vgem()};
	if (fence->vgem < 0) {
		fprintf(stderr, "no vgem\n");
		return false;
	}
	if (drmPrimeFDToHandle(fence->vgem, dmabuf, &fence->handle) != 0) {
		perror("import into vgem");
		return false;
	}
	struct drm_vgem_fence_attach attach = {.handle = fence->handle};
	if (drmIoctl(fence->vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach) != 0) {
		perror("DRM_IOCTL_VGEM_FENCE_ATTACH");
		return false;
	}
	fence->id = attach.out_fence;
	return true;
}

bool fence_signal(struct fence *fence) {
	struct drm_vgem_fence_signal signal = {.fence = fence->id};
	return drmIoctl(fence->vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal) == 0;
}

void fence_finish(struct fence *fence) {
	if (fence->vgem >= 0) {
		close(fence->vgem);
		fence->vgem = -1;
	}
}

int fence_create_udmabuf(uint64_t size, uint32_t **pixels) {
	int dmabuf = -1;
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (device >= 0 && memfd >= 0 && ftruncate(memfd, (off_t)size) == 0 &&
		fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0) {
		struct udmabuf_create create = {
			.memfd = (uint32_t)memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size};
		void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
		if (map != MAP_FAILED) {
			*pixels = map;
			dmabuf = ioctl(device, UDMABUF_CREATE, &create);
		}
	}
	if (dmabuf < 0) {
		perror("udmabuf");
	}
	close(memfd);
	close(device);
	return dmabuf;
}

int fence_find_dmabufs(pid_t pid, int *fds, int max) {
	char path[64], target[256];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir != NULL && n < max && (entry = readdir(dir)) != NULL;) {
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (strncmp(target, "/dmabuf:", 8) == 0) {
			fds[n++] = atoi(entry->d_name);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return n;
}

int fence_copy_fd(int pidfd, int fd) {
	return pidfd_getfd(pidfd, fd, 0);
}
