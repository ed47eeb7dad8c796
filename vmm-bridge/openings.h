#ifndef GP_VMM_BRIDGE_OPENINGS_H
#define GP_VMM_BRIDGE_OPENINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm-bridge/keeper/grant.h"
#include "vmm-bridge/options.h"
#include "vmm-bridge/passed.h"

/**
 * What the bridge opens by name, once, before its first worker starts: sockets to listen at, the
 * trace, /dev/udmabuf; and the descriptors that it was started with.
 */

struct gp_openings {
	struct gp_grants grants;
	int socket; // of --fd, or -1
};

/**
 * False after logging: the bridge cannot work, or one of its name runs already. Paths point into
 * the options. Sockets that were passed are not opened here, and stay at the end. The descriptors
 * are the caller's, also on failure.
 */
bool gp_openings_open(struct gp_openings *openings, const struct gp_bridge_options *options,
	struct gp_passed *passed);
/* Closes all, and removes the sockets. */
void gp_openings_close(struct gp_openings *openings);

#endif
