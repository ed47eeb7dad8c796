#include "vmm-bridge/vfio/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/checked.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/sigbus.h"
#include "vmm-bridge/vfio/ops.h"
#include "vmm-bridge/vfio/uapi.h"
#include "vmm-bridge/virtio/guest_memory.h"

/*
 * A BAR is mapped in two layers. Below lie private zero pages for all of it, so that no offset
 * that a guest chooses can fault. On top of them lie the areas that VFIO lets be mapped: all of the
 * BAR, or with the sparse mmap capability a list that leaves out, for example, the page of the
 * MSI-X table.
 */

/* The region's info with its capabilities; the caller frees it. NULL with errno. */
static struct vfio_region_info *read_region(const struct gp_vfio_ops *ops, int fd, uint32_t index) {
	size_t size = sizeof(struct vfio_region_info);
	struct vfio_region_info *info = NULL;
	for (;;) {
		struct vfio_region_info *bigger = realloc(info, size);
		if (bigger == NULL) {
			break;
		}
		info = bigger;
		memset(info, 0, size);
		info->argsz = (uint32_t)size;
		info->index = index;
		if (ops->ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, info) < 0) {
			break;
		}
		if (info->argsz <= size) {
			info->argsz = (uint32_t)size;
			return info;
		}
		size = info->argsz;
	}
	free(info);
	return NULL;
}

/* NULL if the region has no such capability: all of it may be mapped then. */
static const struct vfio_region_info_cap_sparse_mmap *find_sparse(
	const struct vfio_region_info *info) {
	const uint8_t *bytes = (const uint8_t *)info;
	uint32_t offset = (info->flags & VFIO_REGION_INFO_FLAG_CAPS) != 0 ? info->cap_offset : 0;
	while (offset != 0 && offset % 8 == 0 &&
		gp_range_inside(offset, sizeof(struct vfio_info_cap_header), info->argsz)) {
		const struct vfio_info_cap_header *header = (const void *)(bytes + offset);
		if (header->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
			const struct vfio_region_info_cap_sparse_mmap *sparse =
				(const void *)header;
			uint64_t left = info->argsz - offset;
			bool fits = left >= sizeof(*sparse) &&
				sparse->nr_areas <=
					(left - sizeof(*sparse)) / sizeof(sparse->areas[0]);
			return fits ? sparse : NULL;
		}
		if (header->next <= offset) {
			break;
		}
		offset = header->next;
	}
	return NULL;
}

static bool map_area(const struct gp_memory_object *object, const struct vfio_region_info *info,
	uint64_t offset, uint64_t length) {
	if (length == 0 || !gp_range_inside(offset, length, object->mapping_size)) {
		return true;
	}
	void *at = (uint8_t *)object->mapping + offset;
	return mmap(at, length, PROT_READ, MAP_SHARED | MAP_FIXED, object->fd,
		       (off_t)(info->offset + offset)) != MAP_FAILED;
}

static int map_areas(const struct gp_memory_object *object, const struct vfio_region_info *info) {
	const struct vfio_region_info_cap_sparse_mmap *sparse = find_sparse(info);
	if (sparse == NULL) {
		return map_area(object, info, 0, object->mapping_size) ? 0 : -errno;
	}
	for (uint32_t i = 0; i < sparse->nr_areas; i++) {
		if (!map_area(object, info, sparse->areas[i].offset, sparse->areas[i].size)) {
			return -errno;
		}
	}
	return 0;
}

/* Zero pages over the mapping, or as a new one. */
static bool map_zeros(struct gp_memory_object *object) {
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	if (object->mapping != NULL) {
		return mmap(object->mapping, object->mapping_size, PROT_READ, flags | MAP_FIXED, -1,
			       0) != MAP_FAILED;
	}
	void *mapping = mmap(NULL, object->size, PROT_READ, flags, -1, 0);
	if (mapping == MAP_FAILED) {
		return false;
	}
	object->mapping = mapping;
	object->mapping_size = object->size;
	if (!gp_memory_object_guard(object)) {
		munmap(mapping, object->mapping_size);
		object->mapping = NULL;
		errno = ENOMEM;
		return false;
	}
	return true;
}

int gp_vfio_object_map(struct gp_memory_object *object, const void *ops) {
	if (object->removed || object->kind != GP_MEMORY_VFIO) {
		return -ENODEV;
	}
	unsigned faults = gp_sigbus_count();
	if (object->map != NULL && object->faults == faults) {
		return 0;
	}

	struct vfio_region_info *info = read_region(ops, object->fd, object->vfio_region);
	if (info == NULL) {
		return -errno;
	}
	int result = -ENODEV;
	if ((info->flags & VFIO_REGION_INFO_FLAG_MMAP) != 0 && info->size == object->size) {
		result = map_zeros(object) ? map_areas(object, info) : -errno;
	}
	free(info);
	if (result < 0) {
		gp_warn_limited("VFIO device %s: BAR %u cannot be mapped for copying: %s",
			object->pci, object->vfio_region, strerror(-result));
		return result;
	}
	object->faults = faults;
	object->map = object->mapping;
	return 0;
}

void gp_vfio_object_kill(struct gp_memory_object *object) {
	object->removed = true;
	gp_fd_close(&object->fd);
	if (object->mapping != NULL && !map_zeros(object)) {
		gp_error_limited(
			"VFIO device %s: unmapping BAR %u: %m", object->pci, object->vfio_region);
	}
}
