#ifndef GP_VMM_BRIDGE_VFIO_LOOKUP_H
#define GP_VMM_BRIDGE_VFIO_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gp_memory_object;
struct gp_vfio_device;

/**
 * The look-up of guest addresses in the BARs of a set of devices.
 */

#define GP_VFIO_DEVICES_MAX 32

struct gp_vfio_lookup {
	struct gp_vfio_device *devices[GP_VFIO_DEVICES_MAX]; // owned, first count
	size_t count;
	/* As in gp_vfio_events. */
	void (*object_removed)(void *data, struct gp_memory_object *object);
	void *data;
};

/* Takes the device, for which there must be room, and reads its BAR registers. */
void gp_vfio_lookup_add(struct gp_vfio_lookup *lookup, struct gp_vfio_device *device);
/* Objects that others hold lose their memory; object_removed is called for them. */
void gp_vfio_lookup_remove(struct gp_vfio_lookup *lookup, size_t index);

/* Reads all BAR registers again; objects whose BAR is elsewhere now are removed. */
void gp_vfio_lookup_refresh(struct gp_vfio_lookup *lookup);
/**
 * The object that [gpa, gpa + length) is in, by the last refresh, and the offset of gpa in it. 0
 * with a new reference in *object, or -EFAULT, with *object untouched, if this is not inside one
 * BAR.
 */
int gp_vfio_lookup_find(struct gp_vfio_lookup *lookup, uint64_t gpa, uint64_t length,
	struct gp_memory_object **object, uint64_t *offset);

#endif
