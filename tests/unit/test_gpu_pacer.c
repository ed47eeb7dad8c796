#include "vmm-bridge/gpu/pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MS 1000000ull
#define START (1000 * MS)
#define SECONDS 10

/* A small, reproducible source of noise: [-range, range]. */
static int64_t noise(uint32_t *seed, int64_t range) {
	*seed = *seed * 1664525u + 1013904223u;
	return range == 0 ? 0 : (int64_t)(*seed >> 8) % (2 * range + 1) - range;
}

/* Replies to one flush of a simulation: the time of the reply. */
static uint64_t reply(
	struct gp_pacer *pacer, uint64_t now_ns, bool wait, uint64_t release_ns, uint64_t *held) {
	struct gp_pacer_hold hold;
	gp_pacer_begin(pacer, &hold, now_ns, wait);
	enum gp_reply_cause cause;
	uint64_t at_ns = now_ns;
	while (!gp_pacer_due(&hold, at_ns, &cause)) {
		uint64_t wake_ns = gp_pacer_deadline(&hold);
		assert_true(wake_ns > at_ns);
		if (hold.wait_release && release_ns <= wake_ns) {
			at_ns = release_ns > at_ns ? release_ns : at_ns;
			gp_pacer_release(&hold, at_ns);
		} else {
			at_ns = wake_ns;
		}
	}
	assert_true(at_ns - now_ns < 50 * MS);
	*held += at_ns - now_ns;
	return at_ns;
}

/* C3: guests with a vblank timer of their own. */
struct timer_case {
	const char *name;
	uint32_t refresh_mhz; // of the mode
	int32_t guest_ppm; // how much faster the guest's clock is
	int64_t jitter_ns;
	uint64_t release_ns; // after the flush; 0: nothing is replaced
};

static const struct timer_case timer_cases[] = {
	{"exact", 60000, 0, 0, 0},
	{"jitter 2 ms", 60000, 0, 2 * MS, 0},
	{"jitter 4 ms", 60000, 0, 4 * MS, 0},
	{"guest is faster", 60000, 500, 2 * MS, 0},
	{"guest is slower", 60000, -500, 2 * MS, 0},
	{"release after 1 ms", 60000, 200, 2 * MS, 1 * MS},
	{"release after 3 ms", 60000, 0, 2 * MS, 3 * MS},
	{"144 Hz", 144000, 100, 1 * MS, 0},
	{"59.94 Hz", 59940, 0, 2 * MS, 0},
	{"24 Hz", 24000, 0, 2 * MS, 0},
	{"24 Hz, release after 3 ms", 24000, 200, 2 * MS, 3 * MS},
	{"10 Hz", 10000, 0, 2 * MS, 0},
};

/*
 * The guest draws at its ticks, if the reply to the last flush came early enough before the tick to
 * get a frame done: half a period.
 */
static void run_timer_case(const struct timer_case *test) {
	struct gp_pacer pacer;
	gp_pacer_init(&pacer, test->refresh_mhz);
	uint64_t period = 1000000000000ull / test->refresh_mhz;
	uint64_t guest_period = period - (uint64_t)((int64_t)period * test->guest_ppm / 1000000);
	uint64_t ticks = SECONDS * 1000 * MS / guest_period;
	uint64_t frames = 0, held = 0, replied = 0;
	uint32_t seed = 1;
	for (uint64_t i = 0; i < ticks; i++) {
		uint64_t tick = START + i * guest_period;
		if (replied + period / 2 > tick) {
			continue;
		}
		uint64_t now = tick + (uint64_t)noise(&seed, test->jitter_ns);
		replied = reply(&pacer, now, test->release_ns != 0, now + test->release_ns, &held);
		frames++;
	}
	if (frames * 100 < ticks * 95 || held / frames > 4 * MS) {
		print_error("# %s: %llu frames in %llu ticks, held for %llu us\n", test->name,
			(unsigned long long)frames, (unsigned long long)ticks,
			(unsigned long long)(held / frames / 1000));
		fail();
	}
}

static void test_guest_with_timer(void **state) {
	for (size_t i = 0; i < sizeof(timer_cases) / sizeof(timer_cases[0]); i++) {
		run_timer_case(&timer_cases[i]);
	}
}

/* C3: guests that draw as soon as they have the reply. */
struct free_case {
	const char *name;
	uint32_t refresh_mhz;
	uint64_t draw_ns; // from the reply to the next flush
	int64_t jitter_ns;
	uint64_t latch_ns; // release at the next multiple of this; 0: nothing is replaced
};

static const struct free_case free_cases[] = {
	{"no drawing", 60000, 0, 0, 0},
	{"2 ms", 60000, 2 * MS, 1 * MS, 0},
	{"10 ms", 60000, 10 * MS, 5 * MS, 0},
	{"composited at 60 Hz", 60000, 2 * MS, 1 * MS, 16666667},
	{"composited at 60 Hz, slow", 60000, 12 * MS, 3 * MS, 16666667},
	{"144 Hz", 144000, 1 * MS, 1 * MS, 0},
	{"30 Hz", 30000, 1 * MS, 1 * MS, 0},
	{"25 Hz", 25000, 0, 0, 0},
	{"24 Hz", 24000, 1 * MS, 1 * MS, 0},
	{"23.976 Hz", 23976, 0, 0, 0},
	{"scanned out at 24 Hz", 24000, 2 * MS, 1 * MS, 41666667},
};

static void run_free_case(const struct free_case *test) {
	struct gp_pacer pacer;
	gp_pacer_init(&pacer, test->refresh_mhz);
	uint64_t now = START, held = 0, frames = 0;
	uint32_t seed = 1;
	while (now < START + SECONDS * 1000 * MS) {
		uint64_t latch =
			test->latch_ns == 0 ? 0 : now - now % test->latch_ns + test->latch_ns;
		uint64_t at = reply(&pacer, now, latch != 0, latch, &held);
		now = at + test->draw_ns + (uint64_t)noise(&seed, test->jitter_ns);
		frames++;
	}
	uint64_t wanted = (uint64_t)test->refresh_mhz * SECONDS / 1000;
	if (frames > wanted + 3 || // both ends, and the period that may be caught up
		frames * 100 < wanted * 95) {
		print_error("# %s: %llu frames instead of %llu\n", test->name,
			(unsigned long long)frames, (unsigned long long)wanted);
		fail();
	}
}

static void test_guest_without_timer(void **state) {
	for (size_t i = 0; i < sizeof(free_cases) / sizeof(free_cases[0]); i++) {
		run_free_case(&free_cases[i]);
	}
}

/* A mode that is slower than a reply may be: each comes as late as it may, and no later. */
static void test_slow_mode(void **state) {
	struct gp_pacer pacer;
	gp_pacer_init(&pacer, 10000);
	uint64_t now = START, held = 0;
	unsigned frames = 0;
	for (; now < START + SECONDS * 1000 * MS; frames++) {
		now = reply(&pacer, now, false, 0, &held);
	}
	assert_uint_in_range(frames, SECONDS * 22, SECONDS * 23);
	/* Its schedule is not more than one reply ahead: a faster mode has its rate at once. */
	gp_pacer_set_refresh(&pacer, 60000);
	uint64_t start = now;
	for (frames = 0; frames < 60; frames++) {
		now = reply(&pacer, now, false, 0, &held);
	}
	assert_true(now - start < 1100 * MS);
}

/* Any number of flushes at once: each has its reply within the limit, and soon all is normal. */
static void test_burst(void **state) {
	struct gp_pacer pacer;
	gp_pacer_init(&pacer, 60000);
	struct gp_pacer_hold hold;
	for (int i = 0; i < 1000; i++) {
		gp_pacer_begin(&pacer, &hold, START, false);
		assert_true(gp_pacer_deadline(&hold) <= START + GP_PACER_HOLD_MAX_NS);
	}
	enum gp_reply_cause cause;
	assert_false(gp_pacer_due(&hold, START, &cause));
	assert_true(gp_pacer_due(&hold, gp_pacer_deadline(&hold), &cause));
	assert_int_equal(cause, GP_REPLY_TIMEOUT);
	gp_pacer_begin(&pacer, &hold, START + 100 * MS, false);
	assert_true(gp_pacer_deadline(&hold) <= START + 100 * MS);
}

static void test_causes(void **state) {
	struct gp_pacer pacer;
	gp_pacer_init(&pacer, 60000);
	struct gp_pacer_hold hold;
	enum gp_reply_cause cause;

	gp_pacer_begin(&pacer, &hold, START, false);
	assert_true(gp_pacer_due(&hold, START, &cause));
	assert_int_equal(cause, GP_REPLY_IMMEDIATE);

	/* A second one at once catches up the period before the first; the third is too early. */
	gp_pacer_begin(&pacer, &hold, START, false);
	assert_true(gp_pacer_due(&hold, START, &cause));
	gp_pacer_begin(&pacer, &hold, START + 1 * MS, false);
	assert_false(gp_pacer_due(&hold, START + 1 * MS, &cause));
	assert_int_equal(gp_pacer_deadline(&hold), START + pacer.period_ns);
	assert_true(gp_pacer_due(&hold, gp_pacer_deadline(&hold), &cause));
	assert_int_equal(cause, GP_REPLY_SPACING);

	/* Released before its time, and after. */
	gp_pacer_begin(&pacer, &hold, START + 20 * MS, true);
	gp_pacer_release(&hold, START + 21 * MS);
	assert_false(gp_pacer_due(&hold, START + 21 * MS, &cause));
	assert_true(gp_pacer_due(&hold, gp_pacer_deadline(&hold), &cause));
	assert_int_equal(cause, GP_REPLY_SPACING);
	gp_pacer_begin(&pacer, &hold, START + 100 * MS, true);
	assert_false(gp_pacer_due(&hold, START + 110 * MS, &cause));
	gp_pacer_release(&hold, START + 110 * MS);
	assert_true(gp_pacer_due(&hold, START + 110 * MS, &cause));
	assert_int_equal(cause, GP_REPLY_RELEASE);

	/* Never released. */
	gp_pacer_begin(&pacer, &hold, START + 200 * MS, true);
	assert_int_equal(gp_pacer_deadline(&hold), START + 200 * MS + GP_PACER_HOLD_MAX_NS);
	assert_false(gp_pacer_due(&hold, gp_pacer_deadline(&hold) - 1, &cause));
	assert_true(gp_pacer_due(&hold, gp_pacer_deadline(&hold), &cause));
	assert_int_equal(cause, GP_REPLY_TIMEOUT);
}

static void test_refresh(void **state) {
	static const struct {
		uint32_t refresh_mhz;
		uint64_t period_ns;
	} cases[] = {
		{60000, 16666666},
		{59940, 16683350},
		{0, 16666666},
		{1, 1000 * MS},
		{UINT32_MAX, 1 * MS},
	};
	struct gp_pacer pacer;
	gp_pacer_init(&pacer, 60000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		gp_pacer_set_refresh(&pacer, cases[i].refresh_mhz);
		assert_int_equal(pacer.period_ns, cases[i].period_ns);
	}
}

/* A clock that starts at zero. */
static void test_time_zero(void **state) {
	struct gp_pacer pacer;
	gp_pacer_init(&pacer, 60000);
	struct gp_pacer_hold hold;
	gp_pacer_begin(&pacer, &hold, 0, false);
	assert_int_equal(gp_pacer_deadline(&hold), 0);
	gp_pacer_begin(&pacer, &hold, 0, false);
	assert_int_equal(gp_pacer_deadline(&hold), pacer.period_ns);
}

static void test_cause_names(void **state) {
	assert_string_equal(gp_reply_cause_name(GP_REPLY_RELEASE), "release");
	assert_string_equal(gp_reply_cause_name(GP_REPLY_CAUSES), "unknown");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guest_with_timer),
		cmocka_unit_test(test_guest_without_timer),
		cmocka_unit_test(test_slow_mode),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_cause_names),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_time_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
