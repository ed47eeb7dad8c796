#include "tools/hwprobe/vfio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tools/hwprobe/buffers.h"
#include "tools/hwprobe/report.h"
#include "vmm-bridge/export/device_read.h"
#include "vmm-bridge/vfio/bar.h"
#include "vmm-bridge/vfio/pci_address.h"
#include "vmm-bridge/vfio/uapi.h"
#include "vmm-bridge/vfio/vmm.h"

struct opened {
	int container, group, device; // container: the iommufd with a cdev
};

static bool open_group(struct opened *opened, const char *pci) {
	char link[96], target[256], path[64];
	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", pci);
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	if (n < 0) {
		return hw_result(errno, "IOMMU group of %s", pci);
	}
	target[n] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%.20s", strrchr(target, '/') + 1);
	opened->group = open(path, O_RDWR | O_CLOEXEC);
	if (!hw_result(opened->group < 0 ? errno : 0, "open %s", path)) {
		return false;
	}
	opened->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (!hw_result(opened->container < 0 ? errno : 0, "open /dev/vfio/vfio")) {
		return false;
	}
	int result = ioctl(opened->group, VFIO_GROUP_SET_CONTAINER, &opened->container);
	if (result == 0) {
		result = ioctl(opened->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
	}
	if (!hw_result(result < 0 ? errno : 0, "container with the group")) {
		return false;
	}
	opened->device = ioctl(opened->group, VFIO_GROUP_GET_DEVICE_FD, pci);
	return hw_result(opened->device < 0 ? errno : 0, "device fd by group");
}

static bool open_cdev(struct opened *opened, const char *pci) {
	char path[320];
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", pci);
	DIR *dir = opendir(path);
	path[0] = '\0';
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		if (strncmp(entry->d_name, "vfio", 4) == 0) {
			snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	opened->container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (path[0] == '\0' || !hw_result(opened->container < 0 ? errno : 0, "open /dev/iommu")) {
		return false;
	}
	opened->device = open(path, O_RDWR | O_CLOEXEC);
	if (!hw_result(opened->device < 0 ? errno : 0, "open %s", path)) {
		return false;
	}
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind), .iommufd = opened->container};
	int result = ioctl(opened->device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	return hw_result(result < 0 ? errno : 0, "bind to iommufd");
}

static void close_all(struct opened *opened) {
	int *fds[] = {&opened->device, &opened->group, &opened->container};
	for (int i = 0; i < 3; i++) {
		if (*fds[i] >= 0) {
			close(*fds[i]);
			*fds[i] = -1;
		}
	}
}

static bool region_info(int device, uint32_t index, struct vfio_region_info *info) {
	*info = (struct vfio_region_info){.argsz = sizeof(*info), .index = index};
	return ioctl(device, VFIO_DEVICE_GET_REGION_INFO, info) == 0 && info->size > 0;
}

/* -1 if there is none. Prints all of them. */
static int largest_bar(int device) {
	struct vfio_region_info info;
	uint64_t largest = 0;
	int found = -1;
	for (int i = 0; i < GP_PCI_BARS; i++) {
		if (!region_info(device, i, &info)) {
			continue;
		}
		printf("  BAR %d: %llu bytes%s\n", i, (unsigned long long)info.size,
			(info.flags & VFIO_REGION_INFO_FLAG_MMAP) != 0 ? ", can be mapped" : "");
		if (info.size > largest) {
			largest = info.size;
			found = i;
		}
	}
	return found;
}

/* The first size bytes of the BAR, whole or as every other page of twice as much. */
static int export_bar(int device, int bar, uint64_t size, bool scattered) {
	uint32_t count = scattered ? (uint32_t)(size / HW_PAGE) : 1;
	size_t dma_buf_size = sizeof(struct vfio_device_feature_dma_buf) +
		count * sizeof(struct vfio_region_dma_range);
	struct vfio_device_feature *feature = calloc(1, sizeof(*feature) + dma_buf_size);
	if (feature == NULL) {
		return -1;
	}
	struct vfio_device_feature_dma_buf *dma_buf = (void *)feature->data;
	feature->argsz = (uint32_t)(sizeof(*feature) + dma_buf_size);
	feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
	dma_buf->region_index = (uint32_t)bar;
	dma_buf->open_flags = O_CLOEXEC;
	dma_buf->nr_ranges = count;
	for (uint32_t i = 0; i < count; i++) {
		dma_buf->dma_ranges[i].offset = scattered ? (2 * (uint64_t)i + 1) * HW_PAGE : 0;
		dma_buf->dma_ranges[i].length = scattered ? HW_PAGE : size;
	}
	int fd = ioctl(device, VFIO_DEVICE_FEATURE, feature);
	int error = errno;
	free(feature);
	errno = error;
	return fd;
}

static double seconds(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* How fast the processor reads device memory, which is what the copy path does. */
static void time_reading(int device, const struct vfio_region_info *info, uint64_t size) {
	uint8_t *out = malloc(size);
	void *bar = mmap(NULL, size, PROT_READ, MAP_SHARED, device, (off_t)info->offset);
	if (!hw_result(bar == MAP_FAILED ? errno : 0, "mapping it") || out == NULL) {
		free(out);
		return;
	}
	for (int i = 0; i < 4; i++) {
		bool streaming = i % 2 == 1; // twice each
		double start = seconds();
		if (streaming) {
			gp_device_read(out, bar, size);
		} else {
			memcpy(out, bar, size);
		}
		printf("  reading %llu KiB with %s loads: %.1f MiB/s\n",
			(unsigned long long)size >> 10,
			streaming && gp_device_read_streams() ? "streaming" : "plain",
			(double)size / (1 << 20) / (seconds() - start));
	}
	munmap(bar, size);
	free(out);
}

static void try_device(struct hw_buffers *buffers, int device, const char *pci) {
	struct vfio_device_feature probe = {
		.argsz = sizeof(probe),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
			VFIO_DEVICE_FEATURE_DMA_BUF,
	};
	int result = ioctl(device, VFIO_DEVICE_FEATURE, &probe);
	hw_result(result < 0 ? errno : 0, "VFIO_DEVICE_FEATURE_DMA_BUF of %s", pci);
	int bar = largest_bar(device);
	struct vfio_region_info info;
	if (bar < 0 || !region_info(device, (uint32_t)bar, &info)) {
		return;
	}
	uint64_t size = (uint64_t)HW_STRIDE * HW_HEIGHT / HW_PAGE * HW_PAGE;
	size = size > info.size ? info.size : size;
	time_reading(device, &info, size);
	char name[48];
	snprintf(name, sizeof(name), "vfio %s BAR %d", pci, bar);
	hw_buffers_add(buffers, name, export_bar(device, bar, size, false), size, false);
	size = size > info.size / 2 ? info.size / 2 : size;
	if (size >= HW_PAGE) {
		snprintf(name, sizeof(name), "vfio %s BAR %d scattered", pci, bar);
		hw_buffers_add(buffers, name, export_bar(device, bar, size, true), size, false);
	}
}

/* Without memory decode every dma-buf is revoked from the start. */
static void enable_decode(int device) {
	struct vfio_region_info info;
	uint16_t command = 0;
	if (!region_info(device, VFIO_PCI_CONFIG_REGION_INDEX, &info)) {
		return;
	}
	off_t at = (off_t)(info.offset + PCI_COMMAND);
	bool done = pread(device, &command, sizeof(command), at) == sizeof(command);
	command |= PCI_COMMAND_MEMORY;
	done = done && pwrite(device, &command, sizeof(command), at) == sizeof(command);
	hw_result(done ? 0 : errno, "memory decode on");
}

void hw_try_vfio(struct hw_buffers *buffers, const char *address) {
	/* Stays open until the process ends: closing it revokes the dma-bufs. */
	static struct opened opened = {-1, -1, -1};
	char pci[GP_PCI_ADDRESS_SIZE];
	printf("Device memory of %s, by VFIO\n", address);
	if (!gp_pci_address_parse(address, pci)) {
		printf("  '%s' is not a PCI address\n", address);
		return;
	}
	if (!open_group(&opened, pci)) {
		close_all(&opened);
		if (!open_cdev(&opened, pci)) {
			close_all(&opened);
			return;
		}
	}
	enable_decode(opened.device);
	try_device(buffers, opened.device, pci);
}

static void handle_vmm_device(void *data, int vmm_fd, int copy, const char *pci) {
	char name[GP_PCI_ADDRESS_SIZE + 16];
	snprintf(name, sizeof(name), "%s", pci[0] != '\0' ? pci : "without address");
	try_device(data, copy, name);
	close(copy);
}

void hw_try_vmm(struct hw_buffers *buffers, int pid) {
	struct gp_vmm vmm;
	printf("Device memory of the VMM %d, by VFIO\n", pid);
	int result = gp_vmm_open(&vmm, pid);
	if (result < 0) {
		hw_result(-result, "looking into it");
		return;
	}
	result = gp_vmm_each_vfio(&vmm, handle_vmm_device, buffers);
	if (result <= 0) {
		hw_result(-result, "no device, copying descriptors");
	}
	gp_vmm_finish(&vmm);
}
