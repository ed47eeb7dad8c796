#ifndef GP_VMM_BRIDGE_CONFINE_H
#define GP_VMM_BRIDGE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * What the bridge gives up once it runs, so that a guest that takes it over gains nothing:
 *
 * - new privileges, by PR_SET_NO_NEW_PRIVS;
 * - with libseccomp: new programs, processes and threads, sockets of other families than
 *   AF_UNIX, the memory of other processes, and the kernel's interfaces for administrators.
 *   What is refused fails with EPERM, clone3 with ENOSYS;
 * - with Landlock, if the bridge need not look into the VMM: the file system, except for removing
 *   its own sockets at the end, and signals to others. A process in a Landlock domain may
 *   not copy descriptors out of one outside of it, so this and --vfio=auto exclude each other.
 */

struct gp_confine_rules {
	bool copies_fds; // it will call pidfd_getfd and read /proc and /sys later on
	const char *const *sockets; // paths that it removes at the end; NULL entries are skipped
	size_t n_sockets;
};

/*
 * Confines the calling process, for ever. What the kernel or the build lacks is logged and left
 * out: the VM keeps its display.
 */
void gp_confine(const struct gp_confine_rules *rules);

#endif
