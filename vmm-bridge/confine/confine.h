#ifndef GP_VMM_BRIDGE_CONFINE_CONFINE_H
#define GP_VMM_BRIDGE_CONFINE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * What the process that reads guest bytes gives up before it reads the first, so that a guest that
 * takes it over reaches nothing but the picture of its own VM (G1). Each attempt is refused twice
 * where the kernel can, by means that do not know of each other:
 *
 * - rights.h: privileges, capabilities, core dumps, resources;
 * - landlock.h: files, sockets, signals, devices;
 * - call_filter.h: all system calls but a list.
 *
 * The descriptors that it has stay open, and are what it works with.
 */

/* What holds of it, in words for people too. */
struct gp_confinement {
	bool seccomp;
	unsigned n_calls; // that are left, some of them with certain arguments only
	char seccomp_reason[160]; // why it does not hold; empty: it does

	bool landlock;
	int landlock_abi; // of the kernel; 0: it has none
	char landlock_reason[160]; // as above
	char landlock_lacks[160]; // what a newer kernel could refuse as well; may be empty

	bool no_new_privileges;
	bool dumpable; // a core is written, and a process of the same user may look into this one
	uint64_t capabilities; // that are left, a bit each (linux/capability.h)
};

/**
 * Confines the calling process, for ever. What the kernel or the build lacks is logged and left
 * out: the VM keeps its display. Under AddressSanitizer, whose search for leaks at the end opens
 * files and makes a process, it only sets no_new_privs.
 */
void gp_confine(void);

/* The same for QEMU's own display: D-Bus and foreign dma-bufs take two calls more. */
void gp_confine_qemu(void);

/**
 * The same for the keeper, which reads no guest bytes, but what a worker sends: it changes no file,
 * and no process of its user, its workers for example, can look into it. It looks into the VMM, so
 * Landlock is not for it: a process under Landlock may not look at any that is not.
 */
void gp_confine_keeper(void);

/* What holds of this process. All is false or zero before gp_confine. */
const struct gp_confinement *gp_confinement_get(void);

#endif
