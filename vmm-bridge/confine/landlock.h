#ifndef GP_VMM_BRIDGE_CONFINE_LANDLOCK_H
#define GP_VMM_BRIDGE_CONFINE_LANDLOCK_H

struct gp_confinement;

/**
 * Gives up, by Landlock, all files, devices, sockets and ports that are not open yet, signals to
 * other processes, and the memory of those. All of it that the running kernel can forbid, also if
 * it is newer than the headers of the build. Needs no_new_privs.
 */
void gp_landlock_restrict(struct gp_confinement *confinement);

#endif
