/* Who sees which global. That the filter is in force is for tests/protocol. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compositor/system/security.h"

static void test_shows(void **state) {
	static const struct {
		const char *interface;
		bool bridge, ordinary;
	} rows[] = {
		{"guest_scanout_manager_v1", true, false},
		{"wl_compositor", true, true},
		{"wl_seat", true, true},
		{"wl_output", true, true},
		{"wp_viewporter", true, true},
		{"wp_presentation", true, true},
		{"zwp_tablet_manager_v2", true, true},
		/* Memory that no quota counts. */
		{"wl_shm", false, true},
		{"zwp_linux_dmabuf_v1", false, true},
		{"wp_single_pixel_buffer_manager_v1", false, true},
		/* Pictures of others, their outputs, their input. */
		{"zwlr_screencopy_manager_v1", false, true},
		{"ext_image_copy_capture_manager_v1", false, true},
		{"zwlr_output_manager_v1", false, true},
		{"zwp_virtual_keyboard_manager_v1", false, true},
		/* Those that come later. */
		{"new_manager_v1", false, true},
		{"", false, true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (gp_security_shows(true, rows[i].interface) != rows[i].bridge ||
			gp_security_shows(false, rows[i].interface) != rows[i].ordinary) {
			fail_msg("%s", rows[i].interface);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shows),
	};
	return cmocka_run_group_tests_name("security", tests, NULL, NULL);
}
