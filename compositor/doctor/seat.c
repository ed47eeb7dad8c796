#include "compositor/doctor/seat.h"

#include <stdlib.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <wlr/backend/session.h>

#include "common/doctor_report.h"

void gp_doctor_check_seat(struct gp_doctor_report *report) {
	struct wl_event_loop *loop = wl_event_loop_create();
	struct wlr_session *session = loop != NULL ? wlr_session_create(loop) : NULL;
	if (session != NULL) {
		gp_doctor_ok(report, "%s%s", session->seat,
			session->active ? "" : ", which another virtual terminal has now");
		wlr_session_destroy(session);
	} else if (getenv("WAYLAND_DISPLAY") != NULL || getenv("DISPLAY") != NULL) {
		gp_doctor_warn(report,
			"the seat cannot be opened, as the desktop has it: in a window of that "
			"none is "
			"needed");
	} else {
		gp_doctor_fail(report,
			"no seat can be opened by uid %u: start on a virtual terminal that you "
			"have "
			"logged in to, or start seatd and add the user to its group",
			(unsigned)getuid());
	}
	if (loop != NULL) {
		wl_event_loop_destroy(loop);
	}
}
