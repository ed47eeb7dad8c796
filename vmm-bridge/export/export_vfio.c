#include "vmm-bridge/export/export_vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/checked.h"
#include "vmm-bridge/export/export.h"
#include "vmm-bridge/vfio/uapi.h"
#include "vmm-bridge/virtio/guest_memory.h"

void gp_export_vfio_explain(int error, const char *pci, uint32_t bar, char *out, size_t size) {
	switch (error) {
	case ENOTTY:
		snprintf(out, size,
			"this kernel does not export device memory: it takes Linux 6.19 with "
			"CONFIG_VFIO_PCI_DMABUF");
		break;
	case EOPNOTSUPP:
		snprintf(out, size,
			"the VFIO driver of device %s does not export its memory: bind plain "
			"vfio-pci to it",
			pci);
		break;
	case EINVAL:
		snprintf(out, size,
			"BAR %u of device %s cannot be exported: it is smaller than a page, or the "
			"kernel cannot do peer-to-peer with it",
			bar, pci);
		break;
	case EOVERFLOW:
		snprintf(out, size, "the ranges in BAR %u of device %s wrap around", bar, pci);
		break;
	case ENODEV:
		snprintf(out, size, "device %s has no memory BAR %u", pci, bar);
		break;
	case EBADF:
		snprintf(out, size, "device %s was released: the VMM ended or unplugged it", pci);
		break;
	case EMFILE:
	case ENFILE:
		snprintf(out, size,
			"no descriptor is left for the memory of device %s: raise LimitNOFILE",
			pci);
		break;
	default:
		snprintf(out, size, "exporting BAR %u of device %s: %s", bar, pci, strerror(error));
		break;
	}
}

/* The object that all extents lie in; NULL with the reason (behaviour A4). */
static const struct gp_memory_object *single_object(
	const struct gp_extents *extents, char *reason, size_t reason_size) {
	const struct gp_memory_object *first = NULL;
	size_t device_extents = 0;
	bool same_device = true, same_bar = true;
	for (size_t i = 0; i < extents->count; i++) {
		const struct gp_memory_object *object = extents->items[i].object;
		if (object->kind != GP_MEMORY_VFIO) {
			continue;
		}
		first = first != NULL ? first : object;
		device_extents++;
		same_device = same_device && strcmp(object->pci, first->pci) == 0;
		same_bar = same_bar && object == first;
	}

	const char *problem = NULL;
	if (device_extents == 0) {
		problem = "";
	} else if (device_extents < extents->count) {
		problem = "the buffer lies partly in RAM and partly in device memory";
	} else if (!same_device) {
		problem = "the buffer lies in the memory of two devices";
	} else if (!same_bar) {
		problem = "the buffer lies in two BARs of a device, or the BAR has moved";
	} else if (first->removed) {
		problem =
			"the device memory was removed: its BAR moved or its device was unplugged";
	}
	if (problem != NULL) {
		snprintf(reason, reason_size, "%s", problem);
		return NULL;
	}
	return first;
}

/* The request for the first size bytes of the extents; NULL with the reason. */
static struct vfio_device_feature *build_request(const struct gp_memory_object *object,
	const struct gp_extents *extents, uint64_t size, char *reason, size_t reason_size) {
	size_t ranges_size = extents->count * sizeof(struct vfio_region_dma_range);
	struct vfio_device_feature *feature = calloc(
		1, sizeof(*feature) + sizeof(struct vfio_device_feature_dma_buf) + ranges_size);
	if (feature == NULL) {
		snprintf(reason, reason_size, "no memory for %zu ranges", extents->count);
		return NULL;
	}
	struct vfio_device_feature_dma_buf *dma_buf = (void *)feature->data;
	feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
	dma_buf->region_index = object->vfio_region;
	dma_buf->open_flags = O_CLOEXEC;

	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < extents->count && size > 0; i++) {
		const struct gp_extent *extent = &extents->items[i];
		uint64_t length = extent->length < size ? extent->length : size;
		if (extent->offset % page != 0 || length % page != 0) {
			snprintf(reason, reason_size,
				"entry %zu of the device memory is not made of whole pages", i);
			goto err_feature;
		}
		if (!gp_range_inside(extent->offset, length, object->size)) {
			snprintf(reason, reason_size, "entry %zu is not inside BAR %u of device %s",
				i, object->vfio_region, object->pci);
			goto err_feature;
		}
		dma_buf->dma_ranges[dma_buf->nr_ranges++] = (struct vfio_region_dma_range){
			.offset = extent->offset,
			.length = length,
		};
		size -= length;
	}
	if (size != 0 || dma_buf->nr_ranges == 0) {
		snprintf(reason, reason_size, "the device memory is smaller than the buffer");
		goto err_feature;
	}
	feature->argsz = (uint32_t)(sizeof(*feature) + sizeof(*dma_buf) +
		dma_buf->nr_ranges * sizeof(dma_buf->dma_ranges[0]));
	return feature;

err_feature:
	free(feature);
	return NULL;
}

static int probe(int fd) {
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
			VFIO_DEVICE_FEATURE_DMA_BUF,
	};
	return ioctl(fd, VFIO_DEVICE_FEATURE, &feature);
}

bool gp_export_vfio_create(const struct gp_extents *extents, uint64_t size, struct gp_export *out) {
	const struct gp_memory_object *object =
		single_object(extents, out->reason, sizeof(out->reason));
	if (object == NULL) {
		return false;
	}
	/* The guest's last page is its own as a whole, if it gave all of it. */
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), rounded;
	if (!gp_add_u64(size, page - 1, &rounded)) {
		snprintf(out->reason, sizeof(out->reason), "the buffer is too large");
		return false;
	}
	rounded -= rounded % page;
	struct vfio_device_feature *feature =
		build_request(object, extents, rounded, out->reason, sizeof(out->reason));
	if (feature == NULL) {
		return false;
	}

	int fd = probe(object->fd);
	if (fd == 0) {
		fd = ioctl(object->fd, VFIO_DEVICE_FEATURE, feature);
	}
	int error = errno;
	free(feature);
	if (fd < 0) {
		gp_export_vfio_explain(
			error, object->pci, object->vfio_region, out->reason, sizeof(out->reason));
		return false;
	}
	out->fd = fd;
	out->size = rounded;
	snprintf(out->device, sizeof(out->device), "%s", object->pci);
	return true;
}
