#ifndef GP_TESTS_UNIT_CONFINE_ATTEMPTS_H
#define GP_TESTS_UNIT_CONFINE_ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>

/* What somebody tries who has taken over the process that reads guest bytes. */

struct attempt {
	const char *name;
	bool (*succeeds)(void);
	int landlock_abi; // from which on Landlock alone refuses it; 0: it does not
	/* Without any confinement. Else it takes root, a device, or what not every kernel has. */
	bool works;
};

extern const struct attempt attempts[];
extern const size_t n_attempts;

/* What the attempts are about: made before the process that tries them is confined. */
void attempts_prepare(void);
void attempts_finish(void);
/* In the process whose child tries them, and whose memory and descriptors they are after. */
void attempts_be_victim(void);

/* Calls by the ABI of 32 bits end the process; true: this one did not. */
bool attempt_32_bits(void);

#endif
