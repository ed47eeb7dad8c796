#include "vmm-bridge/confine/exceptions.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "vmm-bridge/confine/call_filter.h"

#define BIT(n) (UINT64_C(1) << (n))
#define RESOLVE_UNIX BIT(16) // LANDLOCK_ACCESS_FS_RESOLVE_UNIX, of Linux 7.1

static const struct gp_allowed_call connect_calls[] = {
	{"socket", .argument = 0, .mask = UINT32_MAX, .value = AF_UNIX},
	{"connect"},
};

static const struct gp_allowed_call removal_calls[] = {{"unlink"}, {"unlinkat"}};

static const struct gp_allowed_call vmm_calls[] = {
	{"openat"},
	{"fcntl", .argument = 1, .mask = UINT32_MAX, .value = F_SETFD}, // fdopendir
	{"newfstatat"},
	{"readlink"},
	{"readlinkat"},
	{"getdents64"},
	{"lseek"},
	{"getuid"},
	{"geteuid"},
	{"pidfd_open"},
	{"pidfd_getfd"},
	{"kcmp", .argument = 0, .mask = UINT32_MAX, .own = true}, // of two of its own
};

#define GROUP(calls) (*count = sizeof(calls) / sizeof((calls)[0]), (calls))

const struct gp_allowed_call *gp_exceptions_calls(
	const struct gp_confine_exceptions *exceptions, size_t group, size_t *count) {
	*count = 0;
	if (exceptions == NULL) {
		return NULL;
	}
	if (group == 0 && exceptions->connects) {
		return GROUP(connect_calls);
	}
	if (group == 1 && exceptions->n_sockets > 0) {
		return GROUP(removal_calls);
	}
	return group == 2 && exceptions->looks_into_vmm ? GROUP(vmm_calls) : NULL;
}

uint64_t gp_exceptions_capabilities(const struct gp_confine_exceptions *exceptions) {
	if (exceptions == NULL) {
		return 0;
	}
	/* Sockets and directories of another user: root's bridge connects to a user's compositor. */
	uint64_t kept = BIT(CAP_DAC_OVERRIDE);
	if (exceptions->looks_into_vmm) {
		kept |= BIT(CAP_SYS_PTRACE);
	}
	return kept;
}

bool gp_exceptions_exclude_landlock(const struct gp_confine_exceptions *exceptions) {
	return exceptions != NULL && exceptions->looks_into_vmm;
}

uint64_t gp_exceptions_file_rights(const struct gp_confine_exceptions *exceptions) {
	return exceptions != NULL && exceptions->connects ? RESOLVE_UNIX : 0;
}

/* The directory of a socket stays open for its removal, which means all below it. */
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

bool gp_exceptions_allow_paths(const struct gp_confine_exceptions *exceptions, int ruleset) {
	bool ok = true;
	for (size_t i = 0; exceptions != NULL && i < exceptions->n_sockets && ok; i++) {
		const char *path = exceptions->sockets[i];
		ok = path == NULL || allow_removal(ruleset, path);
	}
	return ok;
}
