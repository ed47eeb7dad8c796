#ifndef GP_VMM_BRIDGE_CONFINE_WRITE_FILTER_H
#define GP_VMM_BRIDGE_CONFINE_WRITE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Refuses the system calls that change files, and those that a keeper never makes: what is left of
 * its rights passes on to the workers that it executes, so this is no list of what is allowed.
 */

/* Needs no_new_privs. False, with the reason. */
bool gp_write_filter_load(char *reason, size_t size);

#endif
