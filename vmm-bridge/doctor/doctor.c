#include "vmm-bridge/doctor/doctor.h"

#include "common/doctor_report.h"
#include "vmm-bridge/doctor/confinement.h"
#include "vmm-bridge/doctor/host.h"
#include "vmm-bridge/doctor/vmm.h"

int gp_doctor_run(FILE *out, const char *root, pid_t pid) {
	struct gp_doctor_report report = {.out = out};
	gp_doctor_check_host(&report, root);
	if (root[0] == '\0') { // of a kernel there is only the one that runs
		gp_doctor_check_confinement(&report);
	}
	if (pid != 0) {
		gp_doctor_check_vmm(&report, pid);
	}
	if (report.fails == 0) {
		fprintf(out, "Zero copy will work%s.\n",
			report.warnings > 0 ? ", within the warnings above" : "");
	} else {
		fprintf(out, "Frames will be copied: %u of the checks above failed.\n",
			report.fails);
	}
	return report.fails == 0 ? 0 : 1;
}
