#ifndef GP_VMM_BRIDGE_KEEPER_GRANT_H
#define GP_VMM_BRIDGE_KEEPER_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * A descriptor that each worker gets at its start, as it opens nothing itself.
 */

#define GP_GRANTS_MAX 128

enum gp_grant_kind {
	GP_GRANT_LISTENER, // index: of the device
	GP_GRANT_QEMU, // QEMU's display: a listener, or a connection
	GP_GRANT_CONTROL,
	GP_GRANT_TRACE,
	GP_GRANT_UDMABUF,
	GP_GRANT_VFIO, // a device that was passed; dropped when the VMM has disconnected
};

struct gp_grant {
	uint32_t kind, index;
	int fd; // owned, or -errno of opening it
	char pci[16]; // VFIO: the device's address; empty: not known
	const char *path; // of a listening socket, which is removed at the end; or NULL
};

struct gp_grants {
	struct gp_grant items[GP_GRANTS_MAX]; // first n
	size_t n;
};

/* Closes the descriptor, and removes the socket. */
void gp_grant_close(struct gp_grant *grant);
/* Takes the descriptor. One of that kind and index is replaced; there must be room. */
void gp_grants_add(struct gp_grants *grants, const struct gp_grant *grant);

/* Whether the socket was accepted at the listener of that index. */
bool gp_grants_accepted(const struct gp_grants *grants, uint32_t index, int socket);

#endif
