/* D2: what an output refused is remembered by class, for a while, and in a bounded space. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "compositor/output/refusals.h"

#define NOW 1000000000000ull

static void test_find(void **state) {
	struct gp_refusals refusals = {0};
	const struct gp_buffer_class one = {1, 2, 3, 64, false, false};
	const struct gp_buffer_class others[] = {{0, 2, 3, 64, false, false},
		{1, 0, 3, 64, false, false}, {1, 2, 0, 64, false, false},
		{1, 2, 3, 128, false, false}, {1, 2, 3, 64, true, false},
		{1, 2, 3, 64, false, true}};
	assert_null(gp_refusals_find(&refusals, &one, NOW));
	assert_true(gp_refusals_add(&refusals, &one, "first", NOW));
	assert_false(gp_refusals_add(&refusals, &one, "second", NOW));
	assert_int_equal(refusals.count, 1);
	assert_string_equal(gp_refusals_find(&refusals, &one, NOW), "first");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_null(gp_refusals_find(&refusals, &others[i], NOW));
		gp_refusals_remove(&refusals, &others[i]);
	}
	assert_non_null(gp_refusals_find(&refusals, &one, NOW));
	gp_refusals_remove(&refusals, &one);
	assert_null(gp_refusals_find(&refusals, &one, NOW));
	assert_int_equal(refusals.count, 0);
}

/* Each refusal holds for longer than the one before; what was taken begins anew. */
static void test_age(void **state) {
	struct gp_refusals refusals = {0};
	const struct gp_buffer_class class = {1, 2, 3, 64, false, false};
	uint64_t now = NOW, pause = GP_REFUSAL_FIRST_NS;
	for (unsigned i = 0; i < 12; i++) {
		assert_true(gp_refusals_add(&refusals, &class, "reason", now) == (i == 0));
		assert_non_null(gp_refusals_find(&refusals, &class, now));
		assert_non_null(gp_refusals_find(&refusals, &class, now + pause - 1));
		now += pause;
		assert_null(gp_refusals_find(&refusals, &class, now));
		pause = pause < GP_REFUSAL_LONGEST_NS ? 2 * pause : pause;
	}
	assert_true(pause == GP_REFUSAL_LONGEST_NS);
	gp_refusals_remove(&refusals, &class);
	assert_true(gp_refusals_add(&refusals, &class, "reason", now));
	assert_null(gp_refusals_find(&refusals, &class, now + GP_REFUSAL_FIRST_NS));
}

static void test_full(void **state) {
	struct gp_refusals refusals = {0};
	char reason[2 * GP_REFUSAL_REASON_MAX];
	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	for (uint32_t i = 0; i <= GP_REFUSALS_MAX; i++) {
		assert_true(gp_refusals_add(
			&refusals, &(struct gp_buffer_class){.format = i}, reason, NOW));
	}
	assert_int_equal(refusals.count, GP_REFUSALS_MAX);
	assert_null(gp_refusals_find(&refusals, &(struct gp_buffer_class){.format = 0}, NOW));
	for (uint32_t i = 1; i <= GP_REFUSALS_MAX; i++) {
		const char *found =
			gp_refusals_find(&refusals, &(struct gp_buffer_class){.format = i}, NOW);
		assert_non_null(found);
		assert_int_equal(strlen(found), GP_REFUSAL_REASON_MAX - 1);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
