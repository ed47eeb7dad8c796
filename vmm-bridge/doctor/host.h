#ifndef GP_VMM_BRIDGE_DOCTOR_HOST_H
#define GP_VMM_BRIDGE_DOCTOR_HOST_H

struct gp_doctor_report;

/**
 * The checks of the host: kernel, KVM, udmabuf and its limits, GPUs, VFIO drivers. root is "" for
 * this host; tests have a directory with /proc, /sys and /dev.
 */
void gp_doctor_check_host(struct gp_doctor_report *report, const char *root);

#endif
