#include "vmm-bridge/vfio/device_memory.h"

#include "common/fd.h"
#include "common/sigbus.h"
#include "vmm-bridge/vfio/finder.h"
#include "vmm-bridge/vfio/vfio.h"
#include "vmm-bridge/virtio/guest_memory.h"

bool gp_device_memory_init(struct gp_device_memory *devices, struct wl_event_loop *loop,
	const struct gp_device_memory_settings *settings, const struct gp_vfio_events *events,
	void *data) {
	*devices = (struct gp_device_memory){0};
	if (settings == NULL) {
		return true;
	}
	devices->finder = settings->finder;
	devices->finder_data = settings->finder_data;
	devices->early = settings->early;
	devices->vfio = gp_vfio_create(loop, settings->address, NULL, events, data);
	if (devices->vfio == NULL) {
		return false;
	}
	for (size_t i = 0; i < settings->n_passed; i++) {
		struct gp_vfio_found *passed = &settings->passed[i];
		if (!gp_vfio_add_fd(devices->vfio, gp_fd_take(&passed->fd), passed->pci)) {
			return false;
		}
	}
	return true;
}

void gp_device_memory_finish(struct gp_device_memory *devices) {
	gp_vfio_destroy(devices->vfio);
	devices->vfio = NULL;
}

/* Once for each front end: what is refused now will be refused again. */
static void look_for_vmm(struct gp_device_memory *devices) {
	if (devices->looked || !devices->connected || devices->finder == NULL) {
		return;
	}
	devices->looked = true;
	gp_vfio_attach(devices->vfio, devices->finder, devices->finder_data);
}

static int resolve(void *data, uint64_t gpa, uint64_t length, struct gp_memory_object **object,
	uint64_t *offset) {
	struct gp_device_memory *devices = data;
	look_for_vmm(devices);
	return gp_vfio_resolve(devices->vfio, gpa, length, object, offset);
}

void gp_device_memory_serve(struct gp_device_memory *devices, struct gp_guest_memory *memory) {
	if (devices->vfio != NULL) {
		memory->resolve = resolve;
		memory->resolve_data = devices;
	}
}

void gp_device_memory_connect(struct gp_device_memory *devices, bool connected) {
	devices->connected = connected;
	devices->looked = false;
	if (devices->vfio != NULL && !connected) {
		gp_vfio_release(devices->vfio);
	} else if (devices->vfio != NULL && devices->early) {
		look_for_vmm(devices); // log early if it does not work
	}
}

void gp_device_memory_detached(struct gp_device_memory *devices, const struct gp_extents *extents) {
	for (size_t i = 0; i < extents->count; i++) {
		if (extents->items[i].object->kind == GP_MEMORY_VFIO) {
			devices->changed = true;
			return;
		}
	}
}

void gp_device_memory_end_turn(struct gp_device_memory *devices) {
	unsigned faults = gp_sigbus_count();
	if (devices->vfio != NULL && (devices->changed || faults != devices->faults)) {
		gp_vfio_refresh(devices->vfio);
	}
	devices->changed = false;
	devices->faults = faults;
}
