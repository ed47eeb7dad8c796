#include "vmm-bridge/confine/call_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#include "vmm-bridge/confine/confine.h"

#ifdef HAVE_SECCOMP
/* A call by its name, as no architecture or library has all numbers. */
struct allowed_call {
	const char *name;
	unsigned argument; // allowed if this one, masked, is the value; mask 0: always
	uint64_t mask, value;
	bool own; // the value is the process id
};

/* The kernel looks at the lower half of such an argument; libc may extend its sign. */
#define INT UINT32_MAX

static const struct allowed_call allowed_calls[] = {
	// memory, never executable
	{"mmap", .argument = 2, .mask = ~(uint64_t)(PROT_READ | PROT_WRITE)},
	{"munmap"},
	{"mremap"},
	{"brk"},
	{"madvise", .argument = 2, .mask = INT, .value = MADV_DONTDUMP},
// the loop
#ifdef SYS_epoll_wait
	{"epoll_wait"},
#else
	{"epoll_pwait"},
#endif
	{"epoll_ctl"},
	{"poll"},
	{"ppoll"},
	{"timerfd_create"},
	{"timerfd_settime"},
	{"restart_syscall"},
	// descriptors that it has
	{"read"},
	{"write"},
	{"pread64"},
	{"lseek"}, // the size of a dma-buf
	{"fstat"},
#if defined(__GLIBC__) && !__GLIBC_PREREQ(2, 39) // it makes fstat of this
	{"newfstatat", .argument = 3, .mask = INT, .value = AT_EMPTY_PATH},
#endif
	{"fstatfs"},
	{"close"},
	{"flock", .argument = 1, .mask = INT, .value = LOCK_EX}, // the trace
	{"flock", .argument = 1, .mask = INT, .value = LOCK_UN},
	{"fcntl", .argument = 1, .mask = INT, .value = F_DUPFD_CLOEXEC},
	{"fcntl", .argument = 1, .mask = INT, .value = F_GETFD}, // sd-bus
	{"fcntl", .argument = 1, .mask = INT, .value = F_SETFD},
	{"fcntl", .argument = 1, .mask = INT, .value = F_GETFL},
	{"fcntl", .argument = 1, .mask = INT, .value = F_SETFL},
	{"fcntl", .argument = 1, .mask = INT, .value = F_GET_SEALS},
	{"fcntl", .argument = 1, .mask = INT, .value = F_ADD_SEALS},
	// sockets that it has; to nobody else
	{"accept4"},
	{"getsockname"}, // sd-bus: whether descriptors can be passed
	{"getsockopt"},
	{"recvfrom"},
	{"recvmsg"},
	{"sendto", .argument = 4, .mask = UINT64_MAX, .value = 0},
	{"sendmsg"},
	{"shutdown"},
	// memory files and dma-bufs
	{"memfd_create"},
	{"ftruncate"},
	{"ioctl", .argument = 1, .mask = INT, .value = UDMABUF_CREATE_LIST},
	{"ioctl", .argument = 1, .mask = INT, .value = DMA_BUF_IOCTL_SYNC},
	{"ioctl", .argument = 1, .mask = INT, .value = VFIO_DEVICE_GET_INFO},
	{"ioctl", .argument = 1, .mask = INT, .value = VFIO_DEVICE_GET_REGION_INFO},
	{"ioctl", .argument = 1, .mask = INT, .value = VFIO_DEVICE_FEATURE},
	// a fault, and the end
	{"rt_sigaction"},
	{"rt_sigprocmask"},
	{"rt_sigreturn"},
	{"getpid"},
	{"gettid"},
	{"tgkill", .argument = 0, .mask = INT, .own = true}, // abort
	{"exit_group"},
	// libc
	{"clock_gettime"}, // where the vDSO has none
	{"futex"},
	{"getrandom"}, // json-c
};

/* libc calls clone instead, and has the right error. */
static const char *const missing_calls[] = {"clone3"};

static int allow(scmp_filter_ctx filter, const struct allowed_call *call) {
	int number = seccomp_syscall_resolve_name(call->name);
	if (number < 0) { // not of this architecture
		return 0;
	}
	uint64_t value = call->own ? (uint64_t)getpid() : call->value;
	return call->mask != 0
		? seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
			  SCMP_CMP(call->argument, SCMP_CMP_MASKED_EQ, call->mask, value))
		: seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
}

static int add_rules(scmp_filter_ctx filter, unsigned *n_calls) {
	int error = 0;
	for (size_t i = 0; i < sizeof(allowed_calls) / sizeof(allowed_calls[0]) && error == 0;
		i++) {
		const char *name = allowed_calls[i].name;
		error = allow(filter, &allowed_calls[i]);
		/* The rows of a call follow each other, so it counts once. */
		*n_calls += (i == 0 || strcmp(name, allowed_calls[i - 1].name) != 0) &&
			seccomp_syscall_resolve_name(name) >= 0;
	}
	for (size_t i = 0; i < sizeof(missing_calls) / sizeof(missing_calls[0]) && error == 0;
		i++) {
		int number = seccomp_syscall_resolve_name(missing_calls[i]);
		if (number >= 0) {
			error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0);
		}
	}
	return error;
}

void gp_call_filter_load(struct gp_confinement *confinement) {
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int error = filter != NULL ? add_rules(filter, &confinement->n_calls) : -ENOMEM;
	if (error == 0) {
		error = seccomp_load(filter);
	}
	seccomp_release(filter);
	confinement->seccomp = error == 0;
	if (error != 0) {
		snprintf(confinement->seccomp_reason, sizeof(confinement->seccomp_reason),
			"the filter cannot be loaded: %s", strerror(-error));
	}
}
#else
void gp_call_filter_load(struct gp_confinement *confinement) {
	snprintf(confinement->seccomp_reason, sizeof(confinement->seccomp_reason),
		"built without libseccomp");
}
#endif
