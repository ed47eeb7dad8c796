#ifndef GP_VMM_BRIDGE_VFIO_MAP_H
#define GP_VMM_BRIDGE_VFIO_MAP_H

/**
 * The mapping of a BAR into this process, for copying.
 */

struct gp_memory_object;

/**
 * Maps an object for reading, if it is not, and again after a fault (behaviour B5). Parts that
 * VFIO does not let be mapped (an MSI-X table) read as zeros. 0; -ENODEV if nothing of the BAR can
 * be mapped or the object is removed; what mmap says. The map_func of such objects; ops is a
 * struct gp_vfio_ops.
 */
int gp_vfio_object_map(struct gp_memory_object *object, const void *ops);

/**
 * Takes the memory away from an object, now, whoever holds it: its descriptor is closed, and its
 * mapping reads as zeros until the last reference is dropped.
 */
void gp_vfio_object_kill(struct gp_memory_object *object);

#endif
