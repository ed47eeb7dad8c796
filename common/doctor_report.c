#include "common/doctor_report.h"

#include <stdarg.h>

static void __attribute__((format(printf, 3, 0))) print_line(
	struct gp_doctor_report *report, const char *mark, const char *fmt, va_list args) {
	fprintf(report->out, "%-7s", mark);
	vfprintf(report->out, fmt, args);
	fputc('\n', report->out);
	fflush(report->out); // the next check may take its time, or end in a driver
}

void gp_doctor_ok(struct gp_doctor_report *report, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	print_line(report, "[ok]", fmt, args);
	va_end(args);
}

void gp_doctor_warn(struct gp_doctor_report *report, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	print_line(report, "[warn]", fmt, args);
	va_end(args);
	report->warnings++;
}

void gp_doctor_fail(struct gp_doctor_report *report, const char *fmt, ...) {
	va_list args;
	va_start(args, fmt);
	print_line(report, "[fail]", fmt, args);
	va_end(args);
	report->fails++;
}
