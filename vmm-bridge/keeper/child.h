#ifndef GP_VMM_BRIDGE_KEEPER_CHILD_H
#define GP_VMM_BRIDGE_KEEPER_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* The process of a worker, as its keeper has it. */
struct gp_child {
	pid_t pid; // 0: there is none
	int channel; // to it, owned, or -1
};

/**
 * Executes this program anew, with the worker's option: it gets its channel, and of other
 * descriptors only standard input, output and error. It does not outlive this process. executable
 * is a descriptor of the program. False after logging; there is no child then.
 */
bool gp_child_execute(
	struct gp_child *child, int executable, char *const argv[], const sigset_t *signal_mask);

#endif
