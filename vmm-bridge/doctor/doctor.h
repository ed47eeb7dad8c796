#ifndef GP_VMM_BRIDGE_DOCTOR_DOCTOR_H
#define GP_VMM_BRIDGE_DOCTOR_DOCTOR_H

#include <stdio.h>
#include <sys/types.h>

/**
 * guestpane-bridge --doctor: whether this host, and a VM that runs on it, can show the guest's
 * memory without copying it. Prints a line for each check (doctor_report.h), and the outcome. root
 * is "" for this host (host.h); pid is the VMM's, or 0 to leave it out. Returns the exit status: 0
 * if zero copy will work, 1 if not.
 */
int gp_doctor_run(FILE *out, const char *root, pid_t pid);

#endif
