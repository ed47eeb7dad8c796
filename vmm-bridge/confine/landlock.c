#include "vmm-bridge/confine/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "vmm-bridge/confine/confine.h"

/* As of ABI 6. A kernel takes one that is longer than its own if the rest is zero. */
struct ruleset_attributes {
	uint64_t fs, net, scopes;
};

/* What a version of the ABI can refuse that the one before cannot. */
static const struct step {
	int abi;
	struct ruleset_attributes rights;
	const char *name, *kernel; // of what is missing without it, and who has it
} steps[] = {
	{1, {.fs = (UINT64_C(1) << 13) - 1}, "", ""}, // 13 rights: to read, write, make, remove
	{2, {.fs = UINT64_C(1) << 13}, "", ""}, // REFER, which version 1 always refuses
	{3, {.fs = UINT64_C(1) << 14}, "truncating files", "6.2"},
	{4, {.net = 3}, "TCP ports", "6.7"}, // BIND_TCP, CONNECT_TCP
	{5, {.fs = UINT64_C(1) << 15}, "ioctls of devices", "6.10"}, // IOCTL_DEV
	{6, {.scopes = 3}, "signals and abstract sockets", "6.12"},
	{9, {.fs = UINT64_C(1) << 16}, "sockets in the file system", "7.1"}, // RESOLVE_UNIX
	{10, {.net = 3 << 2}, "UDP ports", "7.2"}, // BIND_UDP, CONNECT_SEND_UDP
};

static void fail(struct gp_confinement *confinement, const char *what, int error) {
	snprintf(confinement->landlock_reason, sizeof(confinement->landlock_reason), "%s: %s", what,
		strerror(error));
}

/* All that the kernel knows, and a word for what it lacks. */
static struct ruleset_attributes collect_rights(struct gp_confinement *confinement) {
	struct ruleset_attributes all = {0};
	char *lacks = confinement->landlock_lacks;
	size_t size = sizeof(confinement->landlock_lacks), used = 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct step *step = &steps[i];
		if (confinement->landlock_abi >= step->abi) {
			all.fs |= step->rights.fs;
			all.net |= step->rights.net;
			all.scopes |= step->rights.scopes;
		} else if (step->name[0] != '\0' && used < size) {
			used += (size_t)snprintf(lacks + used, size - used, "%s%s (Linux %s)",
				used > 0 ? ", " : "", step->name, step->kernel);
		}
	}
	return all;
}

void gp_landlock_restrict(struct gp_confinement *confinement) {
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		fail(confinement, "this kernel has none", errno);
		return;
	}
	confinement->landlock_abi = (int)abi;
	const struct ruleset_attributes rights = collect_rights(confinement);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);
	if (ruleset < 0) {
		fail(confinement, "landlock_create_ruleset", errno);
		return;
	}
	confinement->landlock = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	if (!confinement->landlock) {
		fail(confinement, "landlock_restrict_self", errno);
	}
	gp_fd_close(&ruleset);
}
