#ifndef GP_VMM_BRIDGE_DOCTOR_DOCTOR_H
#define GP_VMM_BRIDGE_DOCTOR_DOCTOR_H

#include <stdio.h>
#include <sys/types.h>

/**
 * guestpane-bridge --doctor: whether this host, and a VM that runs on it, can show the guest's
 * memory without copying it. A line per check: [ok]; [warn], something is lesser or slower;
 * [fail], pictures will be copied. Cause and cure are on the line (behaviour E2).
 */

struct gp_doctor {
	FILE *out;
	const char *root; // "" for this host; tests have a directory with /proc, /sys and /dev
	unsigned fails, warnings;
};

/**
 * All checks; pid is the VMM's, or 0 to leave it out. Returns the exit status: 0 if zero copy will
 * work, 1 if not.
 */
int gp_doctor_run(FILE *out, const char *root, pid_t pid);

void gp_doctor_check_host(struct gp_doctor *doctor);
void gp_doctor_check_vmm(struct gp_doctor *doctor, pid_t pid);

void gp_doctor_ok(struct gp_doctor *doctor, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void gp_doctor_warn(struct gp_doctor *doctor, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void gp_doctor_fail(struct gp_doctor *doctor, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
