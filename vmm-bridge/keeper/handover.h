#ifndef GP_VMM_BRIDGE_KEEPER_HANDOVER_H
#define GP_VMM_BRIDGE_KEEPER_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/keeper/grant.h"
#include "vmm-bridge/keeper/store.h"

/**
 * A keeper hands all that it holds over to another one, of a bridge that was started in its place:
 * an upgrade under a running VM. They talk by the channel's messages over a socket of one user:
 *
 *  - the new one: HELLO;
 *  - the old one, once it has no worker: REFUSED, or SHARED, the GRANTs that belong to the VMM,
 *    what is stored of the front ends, READY;
 *  - the new one: READY. From here on it is the keeper; the old one frees its sockets, closes the
 *    connection and ends. Without that the old one goes on.
 */

/**
 * To be raised with each change of a message, of what is stored, or of what is in shared memory
 * (shared.h, ring_checkpoint.h, gpu/saved_state.h).
 */
#define GP_HANDOVER_VERSION 1

struct gp_handover_hello {
	uint64_t shape; // differs where the options make another VM: its devices and scanouts
	char version[32]; // of the program, for people
};

/* What is handed over. */
struct gp_handover {
	int shared; // file of struct gp_shared, owned
	unsigned restarts;
	struct gp_store *stores; // GP_KEEPER_DEVICES_MAX, the caller's
	struct gp_grants *grants; // the caller's; those of kind VFIO go along
};

/**
 * For the old one. Waits a second for the new one's HELLO, and sees to it that whoever then does
 * not read fails. Returns text that says why not, or NULL.
 */
const char *gp_handover_greet(int connection, uint64_t shape, struct gp_handover_hello *hello);
void gp_handover_refuse(int connection, const char *reason);
/**
 * Sends SHARED to READY: to another keeper, or to a worker at its start, which gets all grants.
 * False with errno.
 */
bool gp_handover_send(int channel, const struct gp_handover *handover, bool to_worker);
/* To another keeper, and waits some seconds for it to take it. False after logging: it did not. */
bool gp_handover_give(int connection, const struct gp_handover *handover);

enum gp_handover_result {
	GP_HANDOVER_NONE, // nobody is there
	GP_HANDOVER_TAKEN,
	GP_HANDOVER_FAILED, // logged
};
/**
 * For the new one: takes over from the keeper at path. handover has empty stores and no grants; its
 * file is the caller's afterwards.
 */
enum gp_handover_result gp_handover_take(
	const char *path, const struct gp_handover_hello *hello, struct gp_handover *handover);

#endif
