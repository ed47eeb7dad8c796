#ifndef GP_COMPOSITOR_DOCTOR_GPU_H
#define GP_COMPOSITOR_DOCTOR_GPU_H

struct gp_doctor_report;
struct gp_guest_picture;

/* Each render node imports the picture. Returns how many read it right. */
unsigned gp_doctor_check_gpus(
	struct gp_doctor_report *report, const struct gp_guest_picture *picture);

#endif
