/*
 * Some rectangles: none is lost, and there are never too many.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/rects.h"

static void test_add(void **state) {
	struct gp_rects rects = {0};
	assert_int_equal(gp_rects_bounds(&rects).width, 0);
	gp_rects_add(&rects, &(struct gp_rect){5, 5, 0, 7});
	gp_rects_add(&rects, &(struct gp_rect){5, 5, 7, 0});
	assert_int_equal(rects.n, 0);
	gp_rects_add(&rects, &(struct gp_rect){10, 10, 4, 4});
	gp_rects_add(&rects, &(struct gp_rect){11, 11, 2, 2}); // inside
	assert_int_equal(rects.n, 1);
	gp_rects_add(&rects, &(struct gp_rect){12, 12, 4, 4});
	assert_int_equal(rects.n, 2);
	assert_true(gp_rects_contain(&rects, &(struct gp_rect){12, 12, 4, 4}));
	assert_false(gp_rects_contain(&rects, &(struct gp_rect){10, 10, 6, 6}));
	gp_rects_add(&rects, &(struct gp_rect){0, 0, 16, 16}); // all of them
	assert_int_equal(rects.n, 1);
	assert_int_equal(rects.items[0].width, 16);
}

static void test_many(void **state) {
	struct gp_rects rects = {0};
	for (uint32_t i = 0; i < 5 * GP_RECTS_MAX; i++) {
		gp_rects_add(&rects, &(struct gp_rect){3 * i, i, 2, 1});
		assert_true(rects.n <= GP_RECTS_MAX);
	}
	for (uint32_t i = 0; i < 5 * GP_RECTS_MAX; i++) {
		assert_true(gp_rects_contain(&rects, &(struct gp_rect){3 * i, i, 2, 1}));
	}
	struct gp_rect bounds = gp_rects_bounds(&rects);
	assert_int_equal(bounds.x, 0);
	assert_int_equal(bounds.width, 3 * (5 * GP_RECTS_MAX - 1) + 2);
	assert_int_equal(bounds.height, 5 * GP_RECTS_MAX);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
