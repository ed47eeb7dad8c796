#ifndef GP_VMM_BRIDGE_VFIO_VMM_H
#define GP_VMM_BRIDGE_VFIO_VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * The VMM's process, to copy descriptors from: its /proc directory and a pidfd, both opened once,
 * so that they mean this process even when its pid is used again.
 */

struct gp_vmm {
	pid_t pid;
	int pidfd; // owned; readable when the process has ended
	int proc; // owned; /proc/PID
	void *fds; // owned DIR of /proc/PID/fd
	bool quiet; // refusals are not logged (again)
};

/* What gp_vmm_explain needs to know of the two processes. */
struct gp_vmm_facts {
	pid_t pid;
	uid_t own_uid, vmm_uid;
	int yama_scope; // /proc/sys/kernel/yama/ptrace_scope; -1 if there is no Yama
	bool may_trace; // we have CAP_SYS_PTRACE
};

/* Initialises with no process. */
void gp_vmm_init(struct gp_vmm *vmm);
void gp_vmm_finish(struct gp_vmm *vmm);
/* A pidfd of the process, which is the caller's; or -errno after logging why and what helps. */
int gp_vmm_find(pid_t pid);
/**
 * The same for the process at the other end of a connected Unix socket, with its pid. Where a
 * launcher made the connection for the VMM that is the launcher.
 */
int gp_vmm_find_peer(int socket, pid_t *pid);
/**
 * 0, or -errno after logging why and what helps. On error the vmm is as after gp_vmm_init.
 * One that was found has a pidfd, which stays the caller's: -ESRCH once it has ended, whoever has
 * its pid then.
 */
int gp_vmm_open(struct gp_vmm *vmm, pid_t pid);
int gp_vmm_open_found(struct gp_vmm *vmm, pid_t pid, int pidfd);

/**
 * Calls found for a copy of each VFIO device fd of the process, with its number there and its PCI
 * address (empty: not known). found takes the copy. Returns how many there were,
 * or -errno after logging (a refusal is logged once).
 */
int gp_vmm_each_vfio(struct gp_vmm *vmm,
	void (*found)(void *data, int vmm_fd, int copy, const char *pci), void *data);

/* Whether what /proc/PID/fd/N points to is a VFIO device. */
bool gp_vmm_link_is_vfio(const char *link);

/* The sentence for an error of gp_vmm_open or of copying a descriptor, with its cure. */
void gp_vmm_explain(int error, const struct gp_vmm_facts *facts, char *out, size_t size);
void gp_vmm_read_facts(pid_t pid, struct gp_vmm_facts *facts);

#endif
