#ifndef GP_COMPOSITOR_DOCTOR_CARD_H
#define GP_COMPOSITOR_DOCTOR_CARD_H

struct gp_doctor_report;
struct gp_guest_picture;

/* Each card: its planes, and whether they may scan the picture out. Returns how many may. */
unsigned gp_doctor_check_cards(
	struct gp_doctor_report *report, const struct gp_guest_picture *picture);

#endif
