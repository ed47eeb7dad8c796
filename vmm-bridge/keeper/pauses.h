#ifndef GP_VMM_BRIDGE_KEEPER_PAUSES_H
#define GP_VMM_BRIDGE_KEEPER_PAUSES_H

#include <stdbool.h>
#include <stdint.h>

/**
 * How long to wait before the next worker: none after the first crashes, then longer and longer, so
 * that neither a loop of crashes nor a guest that guesses addresses gets far.
 */

/* After so many crashes in all, each pause is the longest one. */
#define GP_PAUSES_CRASHES_MAX 100

struct gp_pauses {
	unsigned next; // index of the next pause
	unsigned crashes; // in all
	uint64_t started_ns; // the present worker
};

void gp_pauses_worker_started(struct gp_pauses *pauses, uint64_t now_ns);
/* It crashed. Returns the pause in milliseconds; a worker that lived long is forgiven. */
unsigned gp_pauses_worker_crashed(struct gp_pauses *pauses, uint64_t now_ns);
/* Whether the pauses do not grow any more. */
bool gp_pauses_exhausted(const struct gp_pauses *pauses);

#endif
