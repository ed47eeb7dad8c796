#ifndef GP_VMM_BRIDGE_VHOST_MEMORY_TABLE_H
#define GP_VMM_BRIDGE_VHOST_MEMORY_TABLE_H

#include <stddef.h>

#include "vmm-bridge/vhost/message.h"
#include "vmm-bridge/virtio/guest_memory.h"

/* Gets a region that has just left the table, with the table's reference. */
typedef void (*gp_memory_removed_func)(void *data, struct gp_memory_object *object);

/**
 * Makes the table that of SET_MEM_TABLE. A present region that is in the new table too (same place,
 * same addresses, same file) stays the same object; others are removed first, then new ones are
 * added. Takes from fds (one for each region) what it keeps and leaves -1 there. Returns 0 or the
 * -errno of gp_guest_memory_add; then the regions after the failed one are missing.
 */
int gp_memory_table_replace(struct gp_guest_memory *memory, const struct gp_vhost_region *regions,
	int *fds, size_t count, gp_memory_removed_func removed, void *data);

#endif
