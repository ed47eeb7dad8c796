#ifndef GP_COMPOSITOR_DOCTOR_DOCTOR_H
#define GP_COMPOSITOR_DOCTOR_DOCTOR_H

#include <stdio.h>

/**
 * guestpane --doctor (behaviour E2): whether this host shows guests, and without copies. A line for
 * each check, with cause and cure. Nothing is changed or shown. Returns the exit status: 0 if no
 * check failed, else 1.
 */
int gp_compositor_doctor_run(FILE *out);

#endif
