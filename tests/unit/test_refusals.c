/* D2: what an output refused is remembered by class, and no more of it than there is room for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "compositor/output/refusals.h"

static void test_find(void **state) {
	struct gp_refusals refusals = {0};
	const struct gp_buffer_class one = {1, 2, 3, false};
	const struct gp_buffer_class others[] = {
		{0, 2, 3, false}, {1, 0, 3, false}, {1, 2, 0, false}, {1, 2, 3, true}};
	assert_null(gp_refusals_find(&refusals, &one));
	gp_refusals_add(&refusals, &one, "first");
	gp_refusals_add(&refusals, &one, "second");
	assert_int_equal(refusals.count, 1);
	assert_string_equal(gp_refusals_find(&refusals, &one), "first");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_null(gp_refusals_find(&refusals, &others[i]));
	}
}

static void test_full(void **state) {
	struct gp_refusals refusals = {0};
	char reason[2 * GP_REFUSAL_REASON_MAX];
	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	for (uint32_t i = 0; i <= GP_REFUSALS_MAX; i++) {
		gp_refusals_add(&refusals, &(struct gp_buffer_class){.format = i}, reason);
	}
	assert_int_equal(refusals.count, GP_REFUSALS_MAX);
	assert_null(gp_refusals_find(&refusals, &(struct gp_buffer_class){.format = 0}));
	for (uint32_t i = 1; i <= GP_REFUSALS_MAX; i++) {
		const char *found =
			gp_refusals_find(&refusals, &(struct gp_buffer_class){.format = i});
		assert_non_null(found);
		assert_int_equal(strlen(found), GP_REFUSAL_REASON_MAX - 1);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
