#ifndef GP_VMM_BRIDGE_CONFINE_EXCEPTIONS_H
#define GP_VMM_BRIDGE_CONFINE_EXCEPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gp_allowed_call;

/**
 * What a process that reads guest bytes does itself although the keeper should do it for it. All
 * that weakens the confinement is in this file: without it gp_confine takes NULL.
 */
struct gp_confine_exceptions {
	/**
	 * It connects to the compositor, again and again, so any Unix socket that its user may
	 * connect to is within reach. Landlock cannot tell them apart: the directory of this one
	 * need not be there yet.
	 */
	bool connects;
	/* Paths of sockets that it removes at its end; NULL entries are skipped. */
	const char *const *sockets;
	size_t n_sockets;
	/**
	 * It looks for VFIO devices in the VMM at any time. A process in a Landlock domain may not
	 * copy descriptors out of one outside of it, so there is no Landlock at all: files, and the
	 * memory of the user's other processes through /proc, stay within reach.
	 */
	bool looks_into_vmm;
};

/* How many groups of calls there may be. */
#define GP_EXCEPTIONS 3

/* For the parts of gp_confine. The exceptions may be NULL. */

/* Calls of a group; *count is 0 where it does not apply. */
const struct gp_allowed_call *gp_exceptions_calls(
	const struct gp_confine_exceptions *exceptions, size_t group, size_t *count);
/* Those that it keeps, if it has them. */
uint64_t gp_exceptions_capabilities(const struct gp_confine_exceptions *exceptions);
bool gp_exceptions_exclude_landlock(const struct gp_confine_exceptions *exceptions);
/* Rights of Landlock to files that are not handled. */
uint64_t gp_exceptions_file_rights(const struct gp_confine_exceptions *exceptions);
/* Adds rules to a ruleset. False, with errno: one failed. */
bool gp_exceptions_allow_paths(const struct gp_confine_exceptions *exceptions, int ruleset);

#endif
