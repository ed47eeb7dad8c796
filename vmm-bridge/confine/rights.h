#ifndef GP_VMM_BRIDGE_CONFINE_RIGHTS_H
#define GP_VMM_BRIDGE_CONFINE_RIGHTS_H

#include <stdbool.h>

struct gp_confinement;

/* What a process may do because of who it is, and how much of the computer it may use. */

/* Sets no_new_privs. False, and logged: it cannot. */
bool gp_rights_forbid_new(void);

/**
 * Gives up all capabilities, in all sets, and the limits that the bridge does not need. Nobody of
 * the same user may look into the process then, and no core of it is written: it holds what the
 * guest shows. Standard input is /dev/null where it was a terminal: its keys are not the bridge's.
 *
 * RLIMIT_FSIZE stays: it counts for memory files, the log and the trace alike.
 */
void gp_rights_give_up(struct gp_confinement *confinement);

#endif
