#ifndef GP_VMM_BRIDGE_DOCTOR_CONFINEMENT_H
#define GP_VMM_BRIDGE_DOCTOR_CONFINEMENT_H

struct gp_confinement;
struct gp_doctor_report;

/* How well a bridge would be confined here: confines a process as one, and reports what held. */
void gp_doctor_check_confinement(struct gp_doctor_report *report);
/* Reports on that. */
void gp_doctor_report_confinement(
	struct gp_doctor_report *report, const struct gp_confinement *confinement);

#endif
