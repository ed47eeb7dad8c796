#include "vmm-bridge/vfio/vmm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/read_text.h"
#include "common/socket.h"
#include "vmm-bridge/vfio/pci_address.h"

#ifndef SO_PEERPIDFD // Linux 6.5
#define SO_PEERPIDFD 77
#endif

static bool have_capability(int capability) {
	char text[4096];
	if (!gp_read_text(AT_FDCWD, "/proc/self/status", text, sizeof(text))) {
		return false;
	}
	const char *line = strstr(text, "\nCapEff:");
	return line != NULL &&
		(strtoull(line + strlen("\nCapEff:"), NULL, 16) >> capability & 1) != 0;
}

void gp_vmm_read_facts(pid_t pid, struct gp_vmm_facts *facts) {
	char path[32], text[16];
	struct stat stat_buf;

	*facts = (struct gp_vmm_facts){.pid = pid, .own_uid = geteuid(), .yama_scope = -1};
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	// A process that is not dumpable looks like root's here, which is what it takes, too.
	facts->vmm_uid = stat(path, &stat_buf) == 0 ? stat_buf.st_uid : facts->own_uid;
	if (gp_read_text(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text))) {
		facts->yama_scope = atoi(text);
	}
	facts->may_trace = have_capability(CAP_SYS_PTRACE);
}

static void explain_refusal(const struct gp_vmm_facts *facts, char *out, size_t size) {
	const char *other = "or pass the device with --vfio-fd";
	if (facts->yama_scope == 3) {
		snprintf(out, size,
			"kernel.yama.ptrace_scope is 3, which forbids copying descriptors from any "
			"process until the next boot: set it to 1 in /etc/sysctl.d, %s",
			other);
	} else if (facts->may_trace) {
		snprintf(out, size,
			"refused in spite of CAP_SYS_PTRACE (a security module, or the VMM is in "
			"another user namespace): allow it there, %s",
			other);
	} else if (facts->own_uid != facts->vmm_uid) {
		snprintf(out, size,
			"the VMM's files belong to uid %u and the bridge runs as uid %u: run both "
			"as one user, give the bridge CAP_SYS_PTRACE, %s",
			(unsigned)facts->vmm_uid, (unsigned)facts->own_uid, other);
	} else if (facts->yama_scope >= 1) {
		bool parent = facts->yama_scope == 1;
		snprintf(out, size,
			"kernel.yama.ptrace_scope is %d, which lets only %s copy descriptors: "
			"%sset it to 0, give the bridge CAP_SYS_PTRACE, %s",
			facts->yama_scope, parent ? "a parent process" : "CAP_SYS_PTRACE",
			parent ? "start the VMM from the bridge, " : "", other);
	} else {
		snprintf(out, size,
			"the VMM has capabilities that the bridge has not, or is not dumpable: "
			"start it without them, give the bridge CAP_SYS_PTRACE, %s",
			other);
	}
}

void gp_vmm_explain(int error, const struct gp_vmm_facts *facts, char *out, size_t size) {
	switch (error) {
	case EPERM:
	case EACCES:
		explain_refusal(facts, out, size);
		break;
	case ESRCH:
	case ENOENT:
	case EINVAL:
		snprintf(out, size, "there is no process %d", (int)facts->pid);
		break;
	case ENOSYS:
		snprintf(out, size,
			"this kernel has no pidfd_getfd (Linux 5.6), or a sandbox hides it: pass "
			"the device with --vfio-fd");
		break;
	default:
		snprintf(out, size, "%s", strerror(error));
		break;
	}
}

static int refuse(pid_t pid, int error) {
	struct gp_vmm_facts facts;
	char text[320];

	gp_vmm_read_facts(pid, &facts);
	gp_vmm_explain(error, &facts, text, sizeof(text));
	gp_error_limited("VMM %d: its VFIO devices cannot be reached: %s", (int)pid, text);
	return -error;
}

void gp_vmm_init(struct gp_vmm *vmm) {
	*vmm = (struct gp_vmm){.pidfd = -1, .proc = -1};
}

void gp_vmm_finish(struct gp_vmm *vmm) {
	if (vmm->fds != NULL) {
		closedir(vmm->fds);
	}
	gp_fd_close(&vmm->proc);
	gp_fd_close(&vmm->pidfd);
	gp_vmm_init(vmm);
}

static DIR *open_fd_dir(int proc) {
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		gp_fd_close(&fd);
	}
	return dir;
}

static bool has_ended(const struct gp_vmm *vmm) {
	struct pollfd poll_fd = {.fd = vmm->pidfd, .events = POLLIN};
	return vmm->pidfd < 0 || poll(&poll_fd, 1, 0) != 0;
}

/* Takes pidfd. */
static int open_process(struct gp_vmm *vmm, pid_t pid, int pidfd) {
	char path[32];

	gp_vmm_init(vmm);
	vmm->pid = pid;
	vmm->pidfd = pidfd;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	vmm->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (vmm->proc >= 0) {
		vmm->fds = open_fd_dir(vmm->proc);
	}
	int error = vmm->fds == NULL ? errno : 0;
	if (error == ENOENT) {
		error = ESRCH;
	}
	// The directory is this process's only if the process still has the pid.
	if (error == 0 && has_ended(vmm)) {
		error = ESRCH;
	}
	if (error != 0) {
		refuse(pid, error);
		gp_vmm_finish(vmm);
	}
	return -error;
}

int gp_vmm_find(pid_t pid) {
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pidfd < 0 ? refuse(pid, errno) : pidfd;
}

int gp_vmm_find_peer(int socket, pid_t *pid) {
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		int error = errno;
		gp_error_limited("vhost-user socket: whose it is: %m");
		return -error;
	}
	if (peer.pid <= 0) {
		gp_error_limited(
			"vhost-user socket: the VMM is in another pid namespace: give its pid with "
			"--vmm-pid, or pass the device with --vfio-fd");
		return -ESRCH;
	}
	*pid = peer.pid;
	int pidfd = -1;
	size = sizeof(pidfd);
	if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) {
		return pidfd;
	}
	/* Any other error may mean that it has ended, and another process has the pid. */
	if (errno != ENOPROTOOPT) {
		return refuse(peer.pid, errno == EINVAL ? ESRCH : errno);
	}
	pidfd = gp_vmm_find(peer.pid);
	if (pidfd >= 0 && gp_socket_hung_up(socket)) {
		gp_fd_close(&pidfd);
		return refuse(peer.pid, ESRCH);
	}
	return pidfd;
}

int gp_vmm_open_found(struct gp_vmm *vmm, pid_t pid, int pidfd) {
	gp_vmm_init(vmm);
	int copy = fcntl(pidfd, F_DUPFD_CLOEXEC, 0);
	return copy < 0 ? refuse(pid, errno) : open_process(vmm, pid, copy);
}

int gp_vmm_open(struct gp_vmm *vmm, pid_t pid) {
	gp_vmm_init(vmm);
	int pidfd = gp_vmm_find(pid);
	return pidfd < 0 ? pidfd : open_process(vmm, pid, pidfd);
}

bool gp_vmm_link_is_vfio(const char *link) {
	static const char cdev[] = "/dev/vfio/devices/vfio";
	return strcmp(link, "anon_inode:[vfio-device]") == 0 ||
		strncmp(link, cdev, strlen(cdev)) == 0;
}

/* The number of a descriptor that is a VFIO device, else -1. */
static int vfio_fd_of_entry(int dir, const char *name) {
	char link[64], *end;
	long number = strtol(name, &end, 10);
	if (end == name || *end != '\0' || number < 0 || number > INT_MAX) {
		return -1;
	}
	ssize_t n = readlinkat(dir, name, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = '\0';
	return gp_vmm_link_is_vfio(link) ? (int)number : -1;
}

int gp_vmm_each_vfio(struct gp_vmm *vmm,
	void (*found)(void *data, int vmm_fd, int copy, const char *pci), void *data) {
	int count = 0;

	rewinddir(vmm->fds);
	for (struct dirent *entry; (entry = readdir(vmm->fds)) != NULL;) {
		char path[32], pci[GP_PCI_ADDRESS_SIZE];
		int vmm_fd = vfio_fd_of_entry(dirfd(vmm->fds), entry->d_name);
		if (vmm_fd < 0) {
			continue;
		}
		snprintf(path, sizeof(path), "fdinfo/%d", vmm_fd);
		gp_pci_address_read_fdinfo(vmm->proc, path, pci);
		int copy = (int)syscall(SYS_pidfd_getfd, vmm->pidfd, vmm_fd, 0);
		if (copy < 0 && errno == EBADF) {
			continue; // closed since
		}
		if (copy < 0) {
			int error = errno;
			if (!vmm->quiet) {
				refuse(vmm->pid, error);
			}
			vmm->quiet = true;
			return -error;
		}
		found(data, vmm_fd, copy, pci);
		count++;
	}
	return count;
}
