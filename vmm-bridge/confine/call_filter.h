#ifndef GP_VMM_BRIDGE_CONFINE_CALL_FILTER_H
#define GP_VMM_BRIDGE_CONFINE_CALL_FILTER_H

struct gp_confinement;

/**
 * A list of system calls that are left, measured with strace over all suites; the rest fails. Some
 * calls are allowed with certain arguments only: those whose meaning is in one (ioctl, fcntl,
 * madvise), and those that would make memory executable or reach another process.
 *
 * What is refused fails with EPERM, and with ENOSYS what libc tries before an older call that is
 * refused, too. It does not end the process: a library that is newer than the list costs a feature
 * then, where a signal would cost the VM its display, again with each worker; and a guest that has
 * taken over the process gains nothing by an error. Only a call of another architecture (32 bit,
 * x32) ends it.
 */

/* Needs no_new_privs. Nothing that the other parts of gp_confine need is left afterwards. */
void gp_call_filter_load(struct gp_confinement *confinement);

#endif
