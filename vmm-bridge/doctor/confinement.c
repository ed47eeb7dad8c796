#include "vmm-bridge/doctor/confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/doctor_report.h"
#include "common/fd.h"
#include "common/log.h"
#include "vmm-bridge/confine/confine.h"

void gp_doctor_report_confinement(
	struct gp_doctor_report *report, const struct gp_confinement *confinement) {
	if (confinement->seccomp) {
		gp_doctor_ok(report,
			"seccomp leaves a bridge %u system calls: it opens no file, connects to "
			"nothing, starts nothing",
			confinement->n_calls);
	} else {
		gp_doctor_warn(report,
			"a guest that takes over its bridge may use every system call: %s; use a "
			"build with libseccomp (-Dseccomp=enabled) on a kernel with "
			"CONFIG_SECCOMP_FILTER",
			confinement->seccomp_reason);
	}
	if (!confinement->landlock) {
		gp_doctor_warn(report,
			"Landlock does not restrict a bridge%s: %s; it takes Linux 5.13 with "
			"landlock in its lsm= parameter",
			confinement->seccomp ? ", only seccomp does" : "",
			confinement->landlock_reason);
	} else if (confinement->landlock_lacks[0] != '\0') {
		gp_doctor_ok(report,
			"Landlock (ABI %d) restricts a bridge, but for what seccomp alone refuses "
			"on this kernel: %s",
			confinement->landlock_abi, confinement->landlock_lacks);
	} else {
		gp_doctor_ok(
			report, "Landlock (ABI %d) restricts a bridge", confinement->landlock_abi);
	}
	if (confinement->capabilities != 0 || confinement->dumpable) {
		gp_doctor_warn(report,
			"a bridge keeps capabilities (0x%" PRIx64 ")%s: the kernel or a sandbox "
			"refuses to take them",
			confinement->capabilities,
			confinement->dumpable ? ", and others may look into it" : "");
	} else {
		gp_doctor_ok(report, "a bridge has no capabilities, and nobody looks into it");
	}
}

static void confine_child(int fd) {
	gp_log_init("guestpane-bridge", GP_LOG_SILENT);
	gp_confine();
	const struct gp_confinement *confinement = gp_confinement_get();
	bool sent = write(fd, confinement, sizeof(*confinement)) == sizeof(*confinement);
	_exit(sent ? 0 : 1);
}

void gp_doctor_check_confinement(struct gp_doctor_report *report) {
	struct gp_confinement confinement;
	int ends[2] = {-1, -1};
	pid_t child = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
	if (child == 0) {
		confine_child(ends[1]);
	}
	gp_fd_close(&ends[1]);
	if (child > 0 && read(ends[0], &confinement, sizeof(confinement)) == sizeof(confinement)) {
		gp_doctor_report_confinement(report, &confinement);
	} else {
		gp_doctor_warn(report, "whether a bridge can be confined here is not known: %s",
			child < 0 ? strerror(errno) : "it ended");
	}
	gp_fd_close(&ends[0]);
	if (child > 0) {
		waitpid(child, NULL, 0);
	}
}
