#ifndef GP_VMM_BRIDGE_VFIO_VFIO_H
#define GP_VMM_BRIDGE_VFIO_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gp_memory_object;
struct gp_vfio;
struct gp_vfio_device;
struct gp_vfio_finder;
struct gp_vfio_ops;
struct wl_event_loop;

/**
 * The assigned devices of one VM, as far as the bridge needs them: which guest addresses are their
 * BARs (behaviour A2), and the device fd that exports and maps these.
 *
 * Devices come from descriptors that were passed to the bridge, and from the VMM's process, where
 * another process finds them (finder.h). Descriptors keep the devices open, so all are closed as
 * soon as the VMM has ended, and a device that the VMM has closed at the next look.
 */

struct gp_vfio_events {
	/**
	 * The BAR is no longer at the object's address: it moved, lost memory decode, or its device
	 * or the VMM ended. The object is marked removed; right after this call its descriptor is
	 * closed and its mapping turns into zeros, so exports and copies of it end here. May be
	 * NULL. Must not call back into the gp_vfio.
	 */
	void (*object_removed)(void *data, struct gp_memory_object *object);
	/* The VMM has ended, and all devices were removed. May be NULL; may destroy the gp_vfio. */
	void (*vmm_ended)(void *data);
};

/**
 * loop may be NULL: then the VMM's end is not watched. address (NULL: any) limits all that follows
 * to one PCI address, of any form that gp_pci_address_parse takes. ops are NULL for the kernel's.
 * NULL after logging if there is no memory, or the address is none. events must outlive it.
 */
struct gp_vfio *gp_vfio_create(struct wl_event_loop *loop, const char *address,
	const struct gp_vfio_ops *ops, const struct gp_vfio_events *events, void *data);
/* NULL is fine. Objects that others hold lose their memory; object_removed is called for them. */
void gp_vfio_destroy(struct gp_vfio *vfio);

/**
 * Adds a device by its fd, which is taken in every case. pci is its address; empty: not known.
 * False, after logging, if it is no use.
 */
bool gp_vfio_add_fd(struct gp_vfio *vfio, int fd, const char *pci);
/**
 * Adds the devices of the VMM, now and later. Replaces an earlier VMM. Returns the number of its
 * devices (0 is logged, and fine: they may be plugged later), or -errno after logging. After an
 * error of looking at its descriptors it still watches the VMM, and tries again when an address is
 * not found. finder and data must outlive it.
 */
int gp_vfio_attach(struct gp_vfio *vfio, const struct gp_vfio_finder *finder, void *data);
/* Removes all devices at once, as when the VMM's process has ended. vmm_ended is not called. */
void gp_vfio_release(struct gp_vfio *vfio);

/**
 * The object that [gpa, gpa + length) lies in, and the offset of gpa in it. 0 with a new reference
 * in *object, or -EFAULT, with *object untouched, if this is not inside one BAR. data is the
 * struct gp_vfio (the signature is that of gp_guest_memory's resolve). Looks at the BAR registers
 * again on a miss, and when it has not done so for 50 ms, and at the VMM's descriptors on a miss
 * that stays one.
 */
int gp_vfio_resolve(void *data, uint64_t gpa, uint64_t length, struct gp_memory_object **object,
	uint64_t *offset);

/**
 * Looks at the BARs and at the VMM's descriptors now. For moments at which a change is likely: a
 * backing in device memory was detached, a read of a mapping faulted.
 */
void gp_vfio_refresh(struct gp_vfio *vfio);

size_t gp_vfio_count(const struct gp_vfio *vfio);
/* For status; NULL from index gp_vfio_count on. Valid until the next call that is not const. */
const struct gp_vfio_device *gp_vfio_at(const struct gp_vfio *vfio, size_t index);

#endif
