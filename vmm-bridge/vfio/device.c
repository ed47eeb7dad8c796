#include "vmm-bridge/vfio/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/checked.h"
#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/vfio/map.h"
#include "vmm-bridge/vfio/uapi.h"
#include "vmm-bridge/virtio/guest_memory.h"

static int kernel_ioctl(int fd, unsigned long request, void *arg) {
	return ioctl(fd, request, arg);
}

const struct gp_vfio_ops gp_vfio_kernel_ops = {
	.ioctl = kernel_ioctl,
	.pread = pread,
};

/* Whether the kernel knows GET of the feature. 0 or errno (behaviour B4). */
static int probe_export(const struct gp_vfio_device *device) {
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
			VFIO_DEVICE_FEATURE_DMA_BUF,
	};
	return device->ops->ioctl(device->fd, VFIO_DEVICE_FEATURE, &feature) < 0 ? errno : 0;
}

static bool region_info(
	const struct gp_vfio_device *device, uint32_t index, struct vfio_region_info *info) {
	*info = (struct vfio_region_info){.argsz = sizeof(*info), .index = index};
	return device->ops->ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, info) == 0;
}

static bool read_regions(struct gp_vfio_device *device, enum gp_log_level level) {
	struct vfio_device_info info = {.argsz = sizeof(info)};
	if (device->ops->ioctl(device->fd, VFIO_DEVICE_GET_INFO, &info) < 0) {
		gp_log_limited_here(level, "VFIO device %s: GET_INFO: %m%s",
			gp_vfio_device_name(device),
			errno == EINVAL ? "; a /dev/vfio/devices descriptor must be bound to an "
					  "iommufd by the VMM before it can be used here"
					: "");
		return false;
	}
	if ((info.flags & VFIO_DEVICE_FLAGS_PCI) == 0 ||
		info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX) {
		gp_log_limited_here(
			level, "VFIO device %s: not a PCI device", gp_vfio_device_name(device));
		return false;
	}

	struct vfio_region_info region;
	for (int i = 0; i < GP_PCI_BARS; i++) {
		bool found = region_info(device, VFIO_PCI_BAR0_REGION_INDEX + i, &region);
		device->sizes[i] = found ? region.size : 0;
	}
	if (!region_info(device, VFIO_PCI_CONFIG_REGION_INDEX, &region) ||
		region.size < GP_PCI_HEADER_SIZE) {
		gp_log_limited_here(
			level, "VFIO device %s: no config space", gp_vfio_device_name(device));
		return false;
	}
	device->config_offset = region.offset;
	return true;
}

static bool read_config(struct gp_vfio_device *device, uint8_t config[GP_PCI_HEADER_SIZE]) {
	ssize_t n = device->ops->pread(
		device->fd, config, GP_PCI_HEADER_SIZE, (off_t)device->config_offset);
	return n == GP_PCI_HEADER_SIZE;
}

static bool read_ids(struct gp_vfio_device *device, enum gp_log_level level) {
	uint8_t config[GP_PCI_HEADER_SIZE];
	if (!read_config(device, config)) {
		gp_log_limited_here(level, "VFIO device %s: reading config space: %m",
			gp_vfio_device_name(device));
		return false;
	}
	device->vendor = config[PCI_VENDOR_ID] | config[PCI_VENDOR_ID + 1] << 8;
	device->product = config[PCI_DEVICE_ID] | config[PCI_DEVICE_ID + 1] << 8;
	return true;
}

struct gp_vfio_device *gp_vfio_device_create(
	const struct gp_vfio_ops *ops, int fd, const char *pci, bool quiet) {
	enum gp_log_level level = quiet ? GP_LOG_DEBUG : GP_LOG_ERROR;
	struct gp_vfio_device *device = calloc(1, sizeof(*device));
	if (device == NULL) {
		gp_error_limited("VFIO device: %m");
		gp_fd_close(&fd);
		return NULL;
	}
	device->ops = ops;
	device->fd = fd;
	snprintf(device->pci, sizeof(device->pci), "%s", pci);
	if (!read_regions(device, level) || !read_ids(device, level)) {
		gp_vfio_device_destroy(device);
		return NULL;
	}
	device->export_error = probe_export(device);
	return device;
}

void gp_vfio_device_find_address(int fd, char pci[GP_PCI_ADDRESS_SIZE]) {
	char path[48];
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (gp_pci_address_read_fdinfo(AT_FDCWD, path, pci)) {
		return;
	}
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct gp_vfio_device *device =
		copy >= 0 ? gp_vfio_device_create(&gp_vfio_kernel_ops, copy, "", true) : NULL;
	if (device != NULL) {
		gp_pci_address_guess(device->vendor, device->product, pci);
		gp_vfio_device_destroy(device);
	}
}

void gp_vfio_device_destroy(struct gp_vfio_device *device) {
	if (device == NULL) {
		return;
	}
	for (int i = 0; i < GP_PCI_BARS; i++) {
		gp_memory_object_unref(device->objects[i]);
	}
	gp_fd_close(&device->fd);
	free(device);
}

const char *gp_vfio_device_name(const struct gp_vfio_device *device) {
	static char name[16];
	if (device->pci[0] != '\0') {
		return device->pci;
	}
	if (device->vendor != 0) {
		snprintf(name, sizeof(name), "%04x:%04x", device->vendor, device->product);
	} else {
		snprintf(name, sizeof(name), "fd %d", device->fd);
	}
	return name;
}

bool gp_vfio_device_refresh(struct gp_vfio_device *device) {
	uint8_t config[GP_PCI_HEADER_SIZE];
	if (!read_config(device, config)) {
		memset(device->gpa, 0, sizeof(device->gpa));
		return false;
	}
	gp_pci_bars_parse(config, device->sizes, device->gpa);
	return true;
}

int gp_vfio_device_find(const struct gp_vfio_device *device, uint64_t gpa, uint64_t length) {
	for (int i = 0; i < GP_PCI_BARS; i++) {
		uint64_t start = device->gpa[i];
		if (start != 0 && gpa >= start &&
			gp_range_inside(gpa - start, length, device->sizes[i])) {
			return i;
		}
	}
	return -1;
}

static struct gp_memory_object *create_object(const struct gp_vfio_device *device, int bar) {
	struct gp_memory_object *object = calloc(1, sizeof(*object));
	if (object == NULL) {
		return NULL;
	}
	object->refs = 1;
	object->kind = GP_MEMORY_VFIO;
	object->gpa = device->gpa[bar];
	object->size = device->sizes[bar];
	object->vfio_region = VFIO_PCI_BAR0_REGION_INDEX + bar;
	snprintf(object->pci, sizeof(object->pci), "%s", device->pci);
	object->map_func = gp_vfio_object_map;
	object->map_data = device->ops;
	object->fd = fcntl(device->fd, F_DUPFD_CLOEXEC, 0);
	if (object->fd < 0) {
		gp_error_limited("VFIO device %s: dup: %m", gp_vfio_device_name(device));
		free(object);
		return NULL;
	}
	return object;
}

struct gp_memory_object *gp_vfio_device_object(struct gp_vfio_device *device, int bar) {
	if (device->objects[bar] == NULL) {
		device->objects[bar] = create_object(device, bar);
	}
	return device->objects[bar];
}

bool gp_vfio_device_object_stale(const struct gp_vfio_device *device, int bar) {
	const struct gp_memory_object *object = device->objects[bar];
	return object != NULL && object->gpa != device->gpa[bar];
}
