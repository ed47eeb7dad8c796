#ifndef GP_VMM_BRIDGE_DOCTOR_VMM_H
#define GP_VMM_BRIDGE_DOCTOR_VMM_H

#include <sys/types.h>

struct gp_doctor_report;

/* The checks of a running VMM: whether its guest's memory and its VFIO devices can be exported. */
void gp_doctor_check_vmm(struct gp_doctor_report *report, pid_t pid);

#endif
