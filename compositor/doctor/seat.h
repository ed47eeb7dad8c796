#ifndef GP_COMPOSITOR_DOCTOR_SEAT_H
#define GP_COMPOSITOR_DOCTOR_SEAT_H

struct gp_doctor_report;

/* Opens the seat, and closes it again. */
void gp_doctor_check_seat(struct gp_doctor_report *report);

#endif
