#include "compositor/doctor/doctor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/doctor_report.h"
#include "compositor/doctor/card.h"
#include "compositor/doctor/gpu.h"
#include "compositor/doctor/guest_picture.h"
#include "compositor/doctor/seat.h"

int gp_compositor_doctor_run(FILE *out) {
	struct gp_doctor_report report = {.out = out};
	gp_doctor_check_seat(&report);

	struct gp_guest_picture picture;
	if (!gp_guest_picture_init(&picture)) {
		gp_doctor_fail(&report,
			"no memory like a guest's can be made (%s), so nothing is tried with it: "
			"run "
			"guestpane-bridge --doctor",
			strerror(errno));
	}
	unsigned n_planes = gp_doctor_check_cards(&report, &picture);
	unsigned n_gpus = gp_doctor_check_gpus(&report, &picture);
	if (picture.fd >= 0 && n_planes + n_gpus == 0) {
		gp_doctor_fail(&report,
			"nothing imports guest memory: the CPU composes, from the memory itself");
	} else if (picture.fd >= 0 && n_gpus == 0) {
		gp_doctor_warn(&report,
			"no GPU imports guest memory: where it cannot be scanned out, the CPU "
			"composes");
	}
	gp_guest_picture_finish(&picture);
	fprintf(out, report.fails == 0 ? "Zero copy will work%s.\n" : "Not all will work%s.\n",
		report.warnings > 0 ? ", within the warnings above" : "");
	return report.fails == 0 ? 0 : 1;
}
