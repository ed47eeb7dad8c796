#include "vmm-bridge/vfio/vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/vfio/device.h"
#include "vmm-bridge/vfio/finder.h"
#include "vmm-bridge/vfio/lookup.h"
#include "vmm-bridge/virtio/guest_memory.h"

#define BARS_FRESH_NS UINT64_C(50000000)
/* A guest can provoke misses at will; looking through the VMM's descriptors takes about 1 ms. */
#define SCAN_INTERVAL_NS UINT64_C(100000000)

struct gp_vfio {
	const struct gp_vfio_ops *ops;
	const struct gp_vfio_events *events;
	void *data;
	struct wl_event_loop *loop;
	char address[GP_PCI_ADDRESS_SIZE]; // empty: any
	struct gp_vfio_lookup lookup;
	const struct gp_vfio_finder *finder; // NULL: there is no VMM
	void *finder_data;
	int vmm_end; // owned, readable when it has ended; or -1
	struct wl_event_source *vmm_source;
	uint64_t refreshed_ns, scanned_ns;
	uint64_t logged_id; // of the last device that a line was written about
	bool logged_full;
};

struct gp_vfio *gp_vfio_create(struct wl_event_loop *loop, const char *address,
	const struct gp_vfio_ops *ops, const struct gp_vfio_events *events, void *data) {
	struct gp_vfio *vfio = calloc(1, sizeof(*vfio));
	if (vfio == NULL) {
		gp_error_errno("VFIO");
		return NULL;
	}
	vfio->ops = ops != NULL ? ops : &gp_vfio_kernel_ops;
	vfio->events = events;
	vfio->data = data;
	vfio->loop = loop;
	vfio->lookup.object_removed = events->object_removed;
	vfio->lookup.data = data;
	vfio->vmm_end = -1;
	if (address != NULL && !gp_pci_address_parse(address, vfio->address)) {
		gp_error("'%s' is not a PCI address like 0000:03:00.1", address);
		free(vfio);
		return NULL;
	}
	return vfio;
}

void gp_vfio_destroy(struct gp_vfio *vfio) {
	if (vfio == NULL) {
		return;
	}
	gp_vfio_release(vfio);
	free(vfio);
}

/* Forgets the VMM and the devices that were found in it. */
static void detach_vmm(struct gp_vfio *vfio) {
	if (vfio->vmm_source != NULL) {
		wl_event_source_remove(vfio->vmm_source);
		vfio->vmm_source = NULL;
	}
	gp_fd_close(&vfio->vmm_end);
	vfio->finder = NULL;
	for (size_t i = vfio->lookup.count; i-- > 0;) {
		if (!vfio->lookup.devices[i]->inherited) {
			gp_vfio_lookup_remove(&vfio->lookup, i);
		}
	}
}

void gp_vfio_release(struct gp_vfio *vfio) {
	detach_vmm(vfio);
	while (vfio->lookup.count > 0) {
		gp_vfio_lookup_remove(&vfio->lookup, vfio->lookup.count - 1);
	}
}

static const char *describe_export(int error) {
	switch (error) {
	case 0:
		return "exports its memory as dma-buf";
	case ENOTTY:
		return "no dma-buf export: Linux 6.19 with CONFIG_VFIO_PCI_DMABUF is needed";
	case EOPNOTSUPP:
		return "no dma-buf export: its variant driver has none, bind plain vfio-pci";
	default:
		return "no dma-buf export";
	}
}

static bool wanted(const struct gp_vfio *vfio, const struct gp_vfio_device *device) {
	return vfio->address[0] == '\0' || strcmp(vfio->address, device->pci) == 0;
}

/* Takes device. */
static bool add_device(struct gp_vfio *vfio, struct gp_vfio_device *device) {
	if (device == NULL) {
		return false;
	}
	bool full = vfio->lookup.count == GP_VFIO_DEVICES_MAX;
	if (full || !wanted(vfio, device)) {
		if (full && !vfio->logged_full) {
			gp_warn("VFIO: more than %d devices; %s is left out", GP_VFIO_DEVICES_MAX,
				gp_vfio_device_name(device));
			vfio->logged_full = true;
		}
		gp_vfio_device_destroy(device);
		return false;
	}
	gp_info_limited("VFIO device %s (%04x:%04x): %s", gp_vfio_device_name(device),
		device->vendor, device->product, describe_export(device->export_error));
	device->seen = true;
	gp_vfio_lookup_add(&vfio->lookup, device);
	return true;
}

bool gp_vfio_add_fd(struct gp_vfio *vfio, int fd, const char *pci) {
	struct gp_vfio_device *device = gp_vfio_device_create(vfio->ops, fd, pci, false);
	if (device == NULL) {
		return false;
	}
	device->inherited = true;
	if (!wanted(vfio, device)) {
		gp_error("--vfio-fd: device %s is not %s", gp_vfio_device_name(device),
			vfio->address);
	}
	return add_device(vfio, device);
}

static bool is_found(const struct gp_vfio_device *device, const struct gp_vfio_found *found) {
	return device->inherited ? found->pci[0] != '\0' && strcmp(device->pci, found->pci) == 0
				 : device->id == found->id;
}

/* Takes the descriptor. */
static void handle_found(struct gp_vfio *vfio, struct gp_vfio_found *found) {
	for (size_t i = 0; i < vfio->lookup.count; i++) {
		if (is_found(vfio->lookup.devices[i], found)) {
			vfio->lookup.devices[i]->seen = true;
			gp_fd_close(&found->fd);
			return;
		}
	}
	if (vfio->address[0] != '\0' && found->pci[0] != '\0' &&
		strcmp(vfio->address, found->pci) != 0) {
		gp_fd_close(&found->fd);
		return;
	}
	bool quiet = found->id <= vfio->logged_id;
	vfio->logged_id = quiet ? vfio->logged_id : found->id;
	struct gp_vfio_device *device =
		gp_vfio_device_create(vfio->ops, found->fd, found->pci, quiet);
	if (device != NULL) {
		device->id = found->id;
	}
	add_device(vfio, device);
}

/* Compares the VMM's devices with what we have. Their number, or -errno. */
static int scan(struct gp_vfio *vfio) {
	vfio->scanned_ns = gp_now_ns();
	if (vfio->finder == NULL) {
		return 0;
	}
	for (size_t i = 0; i < vfio->lookup.count; i++) {
		vfio->lookup.devices[i]->seen = false;
	}
	struct gp_vfio_found found;
	uint32_t count = 0;
	int result;
	while (count < GP_VFIO_DEVICES_MAX &&
		(result = vfio->finder->find_device(vfio->finder_data, count, &found)) > 0) {
		handle_found(vfio, &found);
		count++;
	}
	if (result < 0) {
		return result;
	}
	for (size_t i = vfio->lookup.count; i-- > 0;) {
		const struct gp_vfio_device *device = vfio->lookup.devices[i];
		if (!device->seen && !device->inherited) {
			gp_vfio_lookup_remove(&vfio->lookup, i);
		}
	}
	return (int)count;
}

/* The VMM */

static int handle_vmm_end(int fd, uint32_t mask, void *data) {
	struct gp_vfio *vfio = data;
	gp_info_limited("the VMM has ended: its devices are released");
	gp_vfio_release(vfio);
	if (vfio->events->vmm_ended != NULL) {
		vfio->events->vmm_ended(vfio->data);
	}
	return 0;
}

int gp_vfio_attach(struct gp_vfio *vfio, const struct gp_vfio_finder *finder, void *data) {
	detach_vmm(vfio);
	vfio->vmm_end = finder->find_vmm(data);
	if (vfio->vmm_end < 0) {
		int error = vfio->vmm_end;
		vfio->vmm_end = -1;
		return error;
	}
	if (vfio->loop != NULL) {
		vfio->vmm_source = wl_event_loop_add_fd(
			vfio->loop, vfio->vmm_end, WL_EVENT_READABLE, handle_vmm_end, vfio);
		if (vfio->vmm_source == NULL) {
			gp_error_limited("VMM: watching it: %m");
			gp_fd_close(&vfio->vmm_end);
			return -ENOMEM;
		}
	}
	vfio->finder = finder;
	vfio->finder_data = data;
	int result = scan(vfio);
	if (result == 0 && vfio->lookup.count == 0) {
		gp_info_limited(
			"the VMM has no VFIO device now; one that is plugged later will be found");
	}
	return result;
}

static void refresh_bars(struct gp_vfio *vfio) {
	vfio->refreshed_ns = gp_now_ns();
	gp_vfio_lookup_refresh(&vfio->lookup);
}

int gp_vfio_resolve(void *data, uint64_t gpa, uint64_t length, struct gp_memory_object **object,
	uint64_t *offset) {
	struct gp_vfio *vfio = data;
	struct gp_vfio_lookup *lookup = &vfio->lookup;
	uint64_t now = gp_now_ns();

	if (length == 0) {
		return -EFAULT;
	}
	bool fresh = vfio->refreshed_ns != 0 && now - vfio->refreshed_ns < BARS_FRESH_NS;
	if (fresh && gp_vfio_lookup_find(lookup, gpa, length, object, offset) == 0) {
		return 0;
	}
	refresh_bars(vfio);
	if (gp_vfio_lookup_find(lookup, gpa, length, object, offset) == 0) {
		return 0;
	}
	if (vfio->scanned_ns != 0 && now - vfio->scanned_ns < SCAN_INTERVAL_NS) {
		return -EFAULT;
	}
	scan(vfio);
	return gp_vfio_lookup_find(lookup, gpa, length, object, offset);
}

void gp_vfio_refresh(struct gp_vfio *vfio) {
	scan(vfio);
	refresh_bars(vfio);
}

size_t gp_vfio_count(const struct gp_vfio *vfio) {
	return vfio->lookup.count;
}

const struct gp_vfio_device *gp_vfio_at(const struct gp_vfio *vfio, size_t index) {
	return index < vfio->lookup.count ? vfio->lookup.devices[index] : NULL;
}
