#include "vmm-bridge/vfio/lookup.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "vmm-bridge/vfio/device.h"
#include "vmm-bridge/vfio/map.h"
#include "vmm-bridge/virtio/guest_memory.h"

void gp_vfio_lookup_add(struct gp_vfio_lookup *lookup, struct gp_vfio_device *device) {
	assert(lookup->count < GP_VFIO_DEVICES_MAX);
	gp_vfio_device_refresh(device);
	lookup->devices[lookup->count++] = device;
}

static void remove_object(struct gp_vfio_lookup *lookup, struct gp_vfio_device *device, int bar) {
	struct gp_memory_object *object = device->objects[bar];
	if (object == NULL) {
		return;
	}
	device->objects[bar] = NULL;
	object->removed = true;
	if (lookup->object_removed != NULL) {
		lookup->object_removed(lookup->data, object);
	}
	gp_vfio_object_kill(object);
	gp_memory_object_unref(object);
}

void gp_vfio_lookup_remove(struct gp_vfio_lookup *lookup, size_t index) {
	struct gp_vfio_device *device = lookup->devices[index];
	lookup->count--;
	memmove(&lookup->devices[index], &lookup->devices[index + 1],
		(lookup->count - index) * sizeof(lookup->devices[0]));
	gp_info_limited("VFIO device %s: released", gp_vfio_device_name(device));
	for (int bar = 0; bar < GP_PCI_BARS; bar++) {
		remove_object(lookup, device, bar);
	}
	gp_vfio_device_destroy(device);
}

void gp_vfio_lookup_refresh(struct gp_vfio_lookup *lookup) {
	for (size_t i = 0; i < lookup->count; i++) {
		struct gp_vfio_device *device = lookup->devices[i];
		gp_vfio_device_refresh(device);
		for (int bar = 0; bar < GP_PCI_BARS; bar++) {
			if (gp_vfio_device_object_stale(device, bar)) {
				gp_info_limited("VFIO device %s: BAR %d is no longer at 0x%llx",
					gp_vfio_device_name(device), bar,
					(unsigned long long)device->objects[bar]->gpa);
				remove_object(lookup, device, bar);
			}
		}
	}
}

int gp_vfio_lookup_find(struct gp_vfio_lookup *lookup, uint64_t gpa, uint64_t length,
	struct gp_memory_object **object, uint64_t *offset) {
	for (size_t i = 0; i < lookup->count; i++) {
		struct gp_vfio_device *device = lookup->devices[i];
		int bar = gp_vfio_device_find(device, gpa, length);
		if (bar < 0) {
			continue;
		}
		struct gp_memory_object *found = gp_vfio_device_object(device, bar);
		if (found == NULL) {
			return -EFAULT;
		}
		*object = gp_memory_object_ref(found);
		*offset = gpa - found->gpa;
		return 0;
	}
	return -EFAULT;
}
