#include "vmm-bridge/keeper/pauses.h"

#include <stddef.h>

#define LIVED_LONG_NS UINT64_C(60000000000)

static const unsigned pauses_ms[] = {0, 0, 10, 100, 1000, 10000};
#define LAST (sizeof(pauses_ms) / sizeof(pauses_ms[0]) - 1)

void gp_pauses_worker_started(struct gp_pauses *pauses, uint64_t now_ns) {
	pauses->started_ns = now_ns;
}

unsigned gp_pauses_worker_crashed(struct gp_pauses *pauses, uint64_t now_ns) {
	if (now_ns - pauses->started_ns >= LIVED_LONG_NS) {
		pauses->next = 0;
	}
	if (++pauses->crashes > GP_PAUSES_CRASHES_MAX) {
		pauses->next = LAST;
	}
	unsigned pause_ms = pauses_ms[pauses->next];
	if (pauses->next < LAST) {
		pauses->next++;
	}
	return pause_ms;
}

bool gp_pauses_exhausted(const struct gp_pauses *pauses) {
	return pauses->next == LAST;
}
