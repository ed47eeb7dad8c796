#ifndef GP_VMM_BRIDGE_GPU_PACER_H
#define GP_VMM_BRIDGE_GPU_PACER_H

#include <stdbool.h>
#include <stdint.h>

/**
 * When to reply to a flush (behaviour C3). Pure: time is an argument.
 *
 * The reply gives the guest its other buffer back and paces it, so it is sent
 *   - as soon as the buffer that the frame replaced is no longer read (released), and
 *   - not earlier than the mode's refresh period after the previous reply was due: a schedule in
 *     which a late guest may catch up one period and no more, so that jitter does not add up and
 *     the long-run rate is never above the refresh, and
 *   - never later than GP_PACER_HOLD_MAX_NS: the commit of a guest waits for 50 ms and then goes on
 *     without the reply. This is longer than the period at 24 Hz, 41.7 ms, with a rest for the way
 *     to the guest. At less than 22.2 Hz a guest that only waits for replies is faster than its
 *     mode; one that has a vblank timer is not.
 */

#define GP_PACER_HOLD_MAX_NS 45000000ull

/* Why a flush was replied to when it was. */
enum gp_reply_cause {
	GP_REPLY_IMMEDIATE, // not shown, not fenced, or nothing to wait for
	GP_REPLY_RELEASE, // the replaced buffer was released, and the mode's rate allowed it
	GP_REPLY_SPACING, // held until the mode's rate allowed it
	GP_REPLY_TIMEOUT, // after GP_PACER_HOLD_MAX_NS, without a release or before its time
	GP_REPLY_DRAIN, // the queue stopped
	GP_REPLY_CAUSES,
};
const char *gp_reply_cause_name(enum gp_reply_cause cause);

struct gp_pacer {
	uint64_t period_ns;
	uint64_t next_ns; // schedule: the earliest time of the next reply
};

/* One flush that waits. */
struct gp_pacer_hold {
	uint64_t arrived_ns, due_ns; // due by the schedule, at most GP_PACER_HOLD_MAX_NS later
	uint64_t
		released_ns; // when gp_pacer_release was called; 0: not yet, or nothing to wait for
	bool wait_release; // the release of the replaced buffer has not come yet
};

void gp_pacer_init(struct gp_pacer *pacer, uint32_t refresh_mhz);
void gp_pacer_set_refresh(struct gp_pacer *pacer, uint32_t refresh_mhz);
/* A flush has arrived: takes its time in the schedule. */
void gp_pacer_begin(
	struct gp_pacer *pacer, struct gp_pacer_hold *hold, uint64_t now_ns, bool wait_release);
/* The buffer that the frame replaced is no longer read. */
void gp_pacer_release(struct gp_pacer_hold *hold, uint64_t now_ns);
/* The time at which the hold ends if nothing happens before. */
uint64_t gp_pacer_deadline(const struct gp_pacer_hold *hold);
/* Whether to reply now; *cause says why. */
bool gp_pacer_due(const struct gp_pacer_hold *hold, uint64_t now_ns, enum gp_reply_cause *cause);

#endif
