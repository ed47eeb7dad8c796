#include "vmm-bridge/confine/write_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_SECCOMP
#include <seccomp.h>

/* By name: no architecture or library has them all. */
static const char *const refused_calls[] = {
	// files; unlink is left for sockets
	"creat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
	"mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "truncate", "chmod", "fchmodat",
	"fchmodat2", "chown", "lchown", "fchownat", "setxattr", "lsetxattr", "removexattr",
	"lremovexattr", "utimensat", "open_by_handle_at",
	// the memory of other processes
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
	// identities, name spaces, mounts
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid",
	"setfsgid", "setgroups", "unshare", "setns", "chroot", "pivot_root", "mount", "umount2",
	"mount_setattr", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
	"personality",
	// large, rarely used parts of the kernel
	"add_key", "bpf", "io_uring_enter", "io_uring_register", "io_uring_setup", "keyctl",
	"perf_event_open", "request_key", "userfaultfd",
	// administration
	"acct", "delete_module", "finit_module", "init_module", "ioperm", "iopl", "kexec_file_load",
	"kexec_load", "quotactl", "reboot", "swapoff", "swapon", "syslog", "clock_settime",
	"settimeofday", "sethostname", "setdomainname"};

/* Each of them makes an open one that changes something. */
static const uint64_t writing_flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};

static int refuse(scmp_filter_ctx filter, const char *name, uint32_t action) {
	int number = seccomp_syscall_resolve_name(name);
	return number >= 0 ? seccomp_rule_add(filter, action, number, 0) : 0;
}

/* flags is the number of the argument. */
static int refuse_writing(scmp_filter_ctx filter, const char *name, unsigned flags) {
	int number = seccomp_syscall_resolve_name(name);
	int error = 0;
	for (size_t i = 0;
		number >= 0 && error == 0 && i < sizeof(writing_flags) / sizeof(writing_flags[0]);
		i++) {
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), number, 1,
			SCMP_CMP(flags, SCMP_CMP_MASKED_EQ, writing_flags[i], writing_flags[i]));
	}
	return error;
}

static int add_rules(scmp_filter_ctx filter) {
	int error = refuse_writing(filter, "open", 1);
	if (error == 0) {
		error = refuse_writing(filter, "openat", 2);
	}
	if (error == 0) { // its flags are in memory; libc does without
		error = refuse(filter, "openat2", SCMP_ACT_ERRNO(ENOSYS));
	}
	for (size_t i = 0; i < sizeof(refused_calls) / sizeof(refused_calls[0]) && error == 0;
		i++) {
		error = refuse(filter, refused_calls[i], SCMP_ACT_ERRNO(EPERM));
	}
	return error;
}

bool gp_write_filter_load(char *reason, size_t size) {
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error = filter != NULL ? add_rules(filter) : -ENOMEM;
	if (error == 0) {
		error = seccomp_load(filter);
	}
	seccomp_release(filter);
	snprintf(reason, size, "the filter cannot be loaded: %s", strerror(-error));
	return error == 0;
}
#else
bool gp_write_filter_load(char *reason, size_t size) {
	snprintf(reason, size, "built without libseccomp");
	return false;
}
#endif
