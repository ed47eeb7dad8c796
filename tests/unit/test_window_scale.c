/* D18: how many pixels a window has. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compositor/nested/window_scale.h"

static void test_pixels(void **state) {
	static const struct {
		uint32_t scale_120;
		int32_t length, pixels;
	} rows[] = {
		{120, 1, 1},
		{120, 1920, 1920},
		{240, 1920, 3840},
		{180, 640, 960},
		/* Half away from zero. */
		{180, 3, 5},
		{150, 2, 3},
		{150, 1, 1},
		{160, 2, 3},
		{121, 1, 1},
		{60, 3, 2},
		/* Never nothing, and no overflow. */
		{30, 1, 1},
		{240, INT32_MAX, INT32_MAX},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			gp_scale_pixels(rows[i].scale_120, rows[i].length), rows[i].pixels);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pixels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
