#ifndef GP_VMM_BRIDGE_KEEPER_KEEPER_H
#define GP_VMM_BRIDGE_KEEPER_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm-bridge/keeper/grant.h"
#include "vmm-bridge/keeper/stub.h"

/**
 * A front end cannot connect again while its VM runs (C10), and the process that reads what a guest
 * writes must be able to reach nothing. So the process that was started holds what a crash must not
 * take away, and does what takes a look outside, and another one, the worker, does all the rest.
 * The keeper:
 *
 *  - stores the sockets of the front ends and their requests, with all descriptors (store.h), and
 *    the memory that all workers share (shared.h);
 *  - opens things, finds devices in the VMM, and connects to the compositor (broker.h);
 *  - executes a fresh worker, with another layout of addresses, when one has crashed, and goes on
 *    doing so, with growing pauses (pauses.h), as long as a VMM is connected;
 *  - when it is to end, but a VMM is connected, stays for a while and replies to it (stubs.h);
 *  - hands all over to the keeper of a bridge that is started in its place (handover.h).
 *
 * It never looks at the guest's memory, and takes from a worker fixed messages only (channel.h): a
 * worker may say what it likes about the front ends of its own VM, and nothing else.
 */

struct gp_keeper;

struct gp_keeper_settings {
	char *const *argv; // of this program, without the worker's option
	const char *display; // path of the compositor's socket
	const char *qemu; // path of QEMU's monitor, or of the bus that it is on; or NULL
	bool pairs; // workers need pairs of sockets, for QEMU's display
	bool looks; // into the VMM, for its devices
	pid_t vmm_pid; // 0: the process at the other end of the first device's socket
	const char *handover_path; // socket for the keeper that follows; NULL: none
	uint64_t shape; // of gp_handover_hello
	unsigned linger_s; // how long it stays for a VMM when it is to end
	const struct gp_stub_info *stubs; // GP_KEEPER_DEVICES_MAX
};

/**
 * Takes over from a keeper that runs at the hand-over path, if there is one: then its sockets are
 * free afterwards. settings must outlive it. NULL after logging.
 */
struct gp_keeper *gp_keeper_create(const struct gp_keeper_settings *settings);
/**
 * grants is what workers get; what was taken over is added there. socket, which is taken, is that
 * of a front end of the first device that is connected already; or -1. Returns the exit status.
 */
int gp_keeper_run(struct gp_keeper *keeper, struct gp_grants *grants, int socket);
/* Instead, if there is nothing to work with: does what it must for a VMM that was taken over. */
int gp_keeper_give_up(struct gp_keeper *keeper);
/**
 * To be called last: a keeper that follows takes the end of the process for the sign that all
 * sockets are free.
 */
void gp_keeper_destroy(struct gp_keeper *keeper);

#endif
