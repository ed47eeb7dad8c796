#ifndef GP_VMM_BRIDGE_KEEPER_KEEPER_H
#define GP_VMM_BRIDGE_KEEPER_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "vmm-bridge/keeper/grant.h"

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
 *    doing so, with growing pauses (pauses.h), as long as a VMM is connected.
 *
 * It never looks at the guest's memory, and takes from a worker fixed messages only (channel.h): a
 * worker may say what it likes about the front ends of its own VM, and nothing else.
 */

struct gp_keeper_settings {
	char *const *argv; // of this program, without the worker's option
	const char *display; // path of the compositor's socket
	bool looks; // into the VMM, for its devices
	pid_t vmm_pid; // 0: the process at the other end of the first device's socket
	struct gp_grant *grants; // what workers get: the caller's, but devices of a VMM are closed
	size_t n_grants;
	int socket; // a front end of the first device that is connected already, taken; or -1
};

/* Returns the exit status. settings must stay valid. */
int gp_keeper_run(struct gp_keeper_settings *settings);

#endif
