#ifndef GP_COMMON_DOCTOR_REPORT_H
#define GP_COMMON_DOCTOR_REPORT_H

#include <stdio.h>

/**
 * The lines of --doctor of both programs, one for each check: [ok]; [warn], something is slower or
 * missing; [fail], frames will be copied or not shown. Cause and cure are on the line (behaviour
 * E2).
 */

struct gp_doctor_report {
	FILE *out;
	unsigned fails, warnings;
};

void gp_doctor_ok(struct gp_doctor_report *report, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void gp_doctor_warn(struct gp_doctor_report *report, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void gp_doctor_fail(struct gp_doctor_report *report, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
