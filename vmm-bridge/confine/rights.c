#include "vmm-bridge/confine/rights.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/confine/confine.h"

/* Capabilities are numbered from 0 on; the kernel has no more than bits in its sets. */
#define CAPABILITIES_MAX 64

bool gp_rights_forbid_new(void) {
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		gp_warn("cannot set no_new_privs: %m");
		return false;
	}
	return true;
}

static void limit(int resource, const char *name) {
	const struct rlimit none = {0, 0};
	if (setrlimit(resource, &none) != 0) {
		gp_warn("cannot set RLIMIT_%s to 0: %m", name);
	}
}

static uint64_t read_capabilities(void) {
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {0};
	if (syscall(SYS_capget, &header, sets) != 0) {
		return UINT64_MAX;
	}
	return sets[0].permitted | (uint64_t)sets[1].permitted << 32;
}

static void drop_capabilities(void) {
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[2] = {0};

	/* Only whoever has CAP_SETPCAP may, but nothing is started, nor gets new privileges. */
	for (unsigned long i = 0; i < CAPABILITIES_MAX; i++) {
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) != 0) {
		gp_warn("cannot give up capabilities: %m");
	}
}

/* Not a socket or a pipe: the user may have passed one by this number. */
static void close_terminal(void) {
	if (isatty(STDIN_FILENO) == 0) {
		return;
	}
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd == -1 || dup2(fd, STDIN_FILENO) == -1) {
		close(STDIN_FILENO);
	}
	gp_fd_close(&fd);
}

void gp_rights_give_up(struct gp_confinement *confinement) {
	close_terminal();
	limit(RLIMIT_CORE, "CORE");
	limit(RLIMIT_MEMLOCK, "MEMLOCK");
	limit(RLIMIT_MSGQUEUE, "MSGQUEUE");
	limit(RLIMIT_NPROC, "NPROC");
	drop_capabilities();
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	confinement->capabilities = read_capabilities();
	confinement->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
}
