#include "vmm-bridge/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#include "common/fd.h"
#include "common/log.h"

/* LeakSanitizer reads /proc and makes a process at the end. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

#ifdef HAVE_SECCOMP
/* System calls that the bridge never needs. By name: no architecture or library has them all. */
static const char *const refused_calls[] = {
	// new programs and processes
	"execve", "execveat", "fork", "vfork", "clone",
	// other processes
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "kill",
	"tkill", "pidfd_send_signal",
	// rights, name spaces, mounts
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid",
	"setfsgid", "setgroups", "capset", "unshare", "setns", "chroot", "pivot_root", "mount",
	"umount2", "mount_setattr", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount",
	"fspick", "open_by_handle_at", "personality",
	// large, rarely used parts of the kernel
	"add_key", "bpf", "io_uring_enter", "io_uring_register", "io_uring_setup", "keyctl",
	"perf_event_open", "request_key", "userfaultfd",
	// administration
	"acct", "delete_module", "finit_module", "init_module", "ioperm", "iopl", "kexec_file_load",
	"kexec_load", "quotactl", "reboot", "swapoff", "swapon", "syslog", "clock_settime",
	"settimeofday", "sethostname", "setdomainname"};

static int add_rules(scmp_filter_ctx filter, bool copies_fds) {
	int error = 0;
	for (size_t i = 0; i < sizeof(refused_calls) / sizeof(refused_calls[0]) && error == 0;
		i++) {
		int call = seccomp_syscall_resolve_name(refused_calls[i]);
		if (call != __NR_SCMP_ERROR) {
			error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
		}
	}
	if (error == 0 && !copies_fds) {
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(pidfd_getfd), 0);
	}
	// ENOSYS: a library then uses clone, which is refused with the right error.
	if (error == 0) {
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	}
	if (error == 0) {
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_NE, AF_UNIX));
	}
	return error;
}

static void filter_calls(bool copies_fds) {
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error = filter != NULL ? add_rules(filter, copies_fds) : -ENOMEM;
	if (error == 0) {
		error = seccomp_load(filter);
	}
	if (error < 0) {
		gp_warn("cannot restrict system calls: %s", strerror(-error));
	}
	seccomp_release(filter);
}
#else
static void filter_calls(bool copies_fds) {
	gp_info("built without libseccomp: system calls are not restricted");
}
#endif

/* All rights that this version of Landlock can refuse, as far as they are known here. */
static bool handled_rights(struct landlock_ruleset_attr *attr) {
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 1) {
		gp_info("no Landlock (%m): the file system is not restricted");
		return false;
	}
	*attr = (struct landlock_ruleset_attr){
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1,
	};
	if (version >= 2) {
		attr->handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	}
	if (version >= 3) {
		attr->handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	}
#ifdef LANDLOCK_SCOPE_SIGNAL
	if (version >= 6) {
		attr->scoped = LANDLOCK_SCOPE_SIGNAL | LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET;
	}
#endif
	return true;
}

/* The directory of a socket stays open for its removal. */
static bool allow_removal(int ruleset, const char *path) {
	char directory[PATH_MAX];
	if (snprintf(directory, sizeof(directory), "%s", path) >= (int)sizeof(directory)) {
		errno = ENAMETOOLONG;
		return false;
	}
	char *slash = strrchr(directory, '/');
	if (slash == NULL) {
		strcpy(directory, ".");
	} else {
		slash[slash == directory] = '\0';
	}
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_REMOVE_FILE,
		.parent_fd = fd,
	};
	bool ok = fd >= 0 &&
		syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) ==
			0;
	gp_fd_close(&fd);
	return ok;
}

static void close_files(const struct gp_confine_rules *rules) {
	struct landlock_ruleset_attr attr;
	if (!handled_rights(&attr)) {
		return;
	}
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	bool ok = ruleset >= 0;
	for (size_t i = 0; i < rules->n_sockets && ok; i++) {
		ok = rules->sockets[i] == NULL || allow_removal(ruleset, rules->sockets[i]);
	}
	if (!ok || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
		gp_warn("cannot restrict the file system: %m");
	}
	gp_fd_close(&ruleset);
}

void gp_confine(const struct gp_confine_rules *rules) {
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		gp_warn("cannot set no_new_privs: %m");
		return; // the others depend on it
	}
	if (SANITIZED) {
		return;
	}
	if (!rules->copies_fds) {
		close_files(rules);
	}
	filter_calls(rules->copies_fds);
}
