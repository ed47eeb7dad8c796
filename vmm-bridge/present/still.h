#ifndef GP_VMM_BRIDGE_PRESENT_STILL_H
#define GP_VMM_BRIDGE_PRESENT_STILL_H

#include "vmm-bridge/present/layout.h"
#include "vmm-bridge/present/memory.h"

/**
 * What a scanout showed when the VM stopped: a copy in a file of our own, which stays as it is
 * whatever becomes of the guest's memory, and which each compositor can have.
 */
struct gp_still {
	struct gp_memory base;
	int fd; // owned
	struct gp_client_layout layout;
	struct gp_rect source; // the part that is seen, and was copied
	uint64_t bytes; // of it
};

/**
 * Copies source, in pixels of the layout, from the guest's memory, or from copy if that is not
 * NULL: as many bytes, of the same layout. At most bytes_max bytes. NULL with *reason, a static
 * text, if that is not possible.
 */
struct gp_still *gp_still_create(struct gp_memory *memory, const uint8_t *copy,
	const struct gp_client_layout *layout, const struct gp_rect *source, uint64_t bytes_max,
	const char **reason);
/* It must not be in use: gp_presenter_revoke before. NULL is fine. */
void gp_still_destroy(struct gp_still *still);

#endif
