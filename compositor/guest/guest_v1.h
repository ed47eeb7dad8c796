#ifndef GP_COMPOSITOR_GUEST_GUEST_V1_H
#define GP_COMPOSITOR_GUEST_GUEST_V1_H

#include <stdint.h>

#include "compositor/guest/guest.h"

/**
 * The requests of guest_v1.
 */

/**
 * Makes the object and its guest. The arguments were checked. Sends the error if memory is short.
 */
void gp_guest_v1_create(struct gp_guest_manager *manager, struct wl_resource *manager_resource,
	uint32_t id, const char *name, const uint8_t uuid[GP_GUEST_UUID_SIZE],
	struct gp_quota *quota);

#endif
