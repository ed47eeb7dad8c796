#include "vmm-bridge/confine/confine.h"

#include <stdio.h>
#include <sys/prctl.h>

#include "common/log.h"
#include "vmm-bridge/confine/call_filter.h"
#include "vmm-bridge/confine/landlock.h"
#include "vmm-bridge/confine/rights.h"
#include "vmm-bridge/confine/write_filter.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static struct gp_confinement confinement = {.dumpable = true};

const struct gp_confinement *gp_confinement_get(void) {
	return &confinement;
}

static void log_result(void) {
	if (!confinement.seccomp) {
		gp_warn("a guest that takes over this process may use every system call: %s",
			confinement.seccomp_reason);
	}
	if (!confinement.landlock) {
		gp_warn("files and sockets are not restricted by Landlock: %s",
			confinement.landlock_reason);
	}
	if (confinement.seccomp && confinement.landlock) {
		gp_info("confined: %u system calls, Landlock ABI %d", confinement.n_calls,
			confinement.landlock_abi);
	}
}

static void confine(bool qemu) {
	confinement.no_new_privileges = gp_rights_forbid_new();
	if (!SANITIZED) {
		gp_rights_give_up(&confinement);
	}
	if (SANITIZED || !confinement.no_new_privileges) { // the rest needs it
		const char *reason = SANITIZED ? "built with AddressSanitizer" : "no no_new_privs";
		snprintf(confinement.seccomp_reason, sizeof(confinement.seccomp_reason), "%s",
			reason);
		snprintf(confinement.landlock_reason, sizeof(confinement.landlock_reason), "%s",
			reason);
	} else {
		gp_landlock_restrict(&confinement);
		gp_call_filter_load(qemu, &confinement); // it refuses the calls of the others
	}
	log_result();
}

void gp_confine(void) {
	confine(false);
}

void gp_confine_qemu(void) {
	confine(true);
}

void gp_confine_keeper(void) {
	char reason[160] = "";
	bool confined = gp_rights_forbid_new();
	if (SANITIZED) {
		return;
	}
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	confined = confined && gp_write_filter_load(reason, sizeof(reason));
	if (!confined) {
		gp_warn("the keeper may change files: %s", reason);
	}
}
