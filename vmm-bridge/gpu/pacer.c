#include "vmm-bridge/gpu/pacer.h"

#include "common/monitor.h"

const char *gp_reply_cause_name(enum gp_reply_cause cause) {
	static const char *const names[GP_REPLY_CAUSES] = {
		[GP_REPLY_IMMEDIATE] = "immediate",
		[GP_REPLY_RELEASE] = "release",
		[GP_REPLY_SPACING] = "spacing",
		[GP_REPLY_TIMEOUT] = "timeout",
		[GP_REPLY_DRAIN] = "drain",
	};
	return cause < GP_REPLY_CAUSES ? names[cause] : "unknown";
}

static uint64_t max_u64(uint64_t a, uint64_t b) {
	return a > b ? a : b;
}

static uint64_t min_u64(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

void gp_pacer_init(struct gp_pacer *pacer, uint32_t refresh_mhz) {
	*pacer = (struct gp_pacer){0};
	gp_pacer_set_refresh(pacer, refresh_mhz);
}

void gp_pacer_set_refresh(struct gp_pacer *pacer, uint32_t refresh_mhz) {
	pacer->period_ns = gp_refresh_period_ns(refresh_mhz);
}

/*
 * The schedule advances by one period per flush. A late flush shifts it, less one period that the
 * guest may catch up. So a guest with a timer of its own that is late once, and then in time again,
 * is not held: being held for more than 4 ms would cost it the next vblank.
 *
 *   arrivals   0     17     43     50     at 60 Hz, ms: the third is late, the fourth in time
 *   schedule   -      0     17     43     none is held
 */
void gp_pacer_begin(
	struct gp_pacer *pacer, struct gp_pacer_hold *hold, uint64_t now_ns, bool wait_release) {
	uint64_t latest_ns = now_ns + GP_PACER_HOLD_MAX_NS;
	uint64_t catch_up_ns = min_u64(pacer->period_ns, now_ns);
	*hold = (struct gp_pacer_hold){
		.arrived_ns = now_ns,
		.due_ns = min_u64(max_u64(now_ns, pacer->next_ns), latest_ns),
		.wait_release = wait_release,
	};
	/* A burst must not shift the schedule without bound. */
	uint64_t base_ns = min_u64(max_u64(pacer->next_ns, now_ns - catch_up_ns), latest_ns);
	pacer->next_ns = base_ns + pacer->period_ns;
}

void gp_pacer_release(struct gp_pacer_hold *hold, uint64_t now_ns) {
	if (hold->wait_release) {
		hold->wait_release = false;
		hold->released_ns = now_ns;
	}
}

uint64_t gp_pacer_deadline(const struct gp_pacer_hold *hold) {
	return hold->wait_release ? hold->arrived_ns + GP_PACER_HOLD_MAX_NS : hold->due_ns;
}

static enum gp_reply_cause cause_of(const struct gp_pacer_hold *hold) {
	if (hold->wait_release || hold->due_ns >= hold->arrived_ns + GP_PACER_HOLD_MAX_NS) {
		return GP_REPLY_TIMEOUT;
	}
	if (hold->released_ns != 0 && hold->released_ns >= hold->due_ns) {
		return GP_REPLY_RELEASE;
	}
	return hold->due_ns > hold->arrived_ns ? GP_REPLY_SPACING : GP_REPLY_IMMEDIATE;
}

bool gp_pacer_due(const struct gp_pacer_hold *hold, uint64_t now_ns, enum gp_reply_cause *cause) {
	if (now_ns < gp_pacer_deadline(hold)) {
		return false;
	}
	*cause = cause_of(hold);
	return true;
}
