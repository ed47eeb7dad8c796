/* Who sees which global. That the filter is in force is for tests/protocol. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compositor/config/client_grant.h"
#include "compositor/system/security.h"

#define ALL ((UINT32_C(1) << GP_PERMISSIONS) - 1)

static const struct row {
	const char *interface;
	bool bridge, client;
	uint32_t permission; // of a client that sees it, if it is not for all
} rows[] = {
	{"guest_scanout_manager_v1", true, false, 0},
	{"zwp_tablet_manager_v2", true, false, 0},
	{"zwp_pointer_constraints_v1", true, false, 0},
	{"zwp_relative_pointer_manager_v1", true, false, 0},
	{"wl_compositor", true, true, 0},
	{"wl_seat", true, true, 0},
	{"wl_output", true, true, 0},
	{"wp_viewporter", true, true, 0},
	{"wp_presentation", true, true, 0},
	/* Memory that no quota counts. */
	{"wl_shm", false, true, 0},
	{"zwp_linux_dmabuf_v1", false, true, 0},
	{"wp_single_pixel_buffer_manager_v1", false, true, 0},
	/* Pictures of others, their outputs, their input. */
	{"zwlr_screencopy_manager_v1", false, false, GP_PERMISSION_CAPTURE},
	{"ext_image_copy_capture_manager_v1", false, false, GP_PERMISSION_CAPTURE},
	{"ext_output_image_capture_source_manager_v1", false, false, GP_PERMISSION_CAPTURE},
	{"ext_foreign_toplevel_image_capture_source_manager_v1", false, false,
		GP_PERMISSION_CAPTURE},
	{"zwlr_output_manager_v1", false, false, GP_PERMISSION_OUTPUTS},
	{"zwlr_output_power_manager_v1", false, false, GP_PERMISSION_POWER},
	{"zwp_virtual_keyboard_manager_v1", false, false, GP_PERMISSION_INPUT},
	{"zwlr_virtual_pointer_manager_v1", false, false, GP_PERMISSION_INPUT},
	{"ext_idle_notifier_v1", false, false, GP_PERMISSION_IDLE},
	{"ext_foreign_toplevel_list_v1", false, false, GP_PERMISSION_TOPLEVELS},
	{"zwlr_foreign_toplevel_manager_v1", false, false, GP_PERMISSION_TOPLEVELS},
	/* Those that come later. */
	{"new_manager_v1", false, false, 0},
	{"", false, false, 0},
};

static void check(
	enum gp_client_kind kind, uint32_t permissions, const struct row *row, bool shown) {
	if (gp_security_shows(kind, permissions, row->interface) != shown) {
		fail_msg("kind %d with %x: %s", kind, permissions, row->interface);
	}
}

static void test_shows(void **state) {
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		check(GP_CLIENT_KIND_BRIDGE, 0, row, row->bridge);
		check(GP_CLIENT_KIND_ORDINARY, 0, row, row->client);
		check(GP_CLIENT_KIND_ORDINARY, ALL, row, row->client || row->permission != 0);
		check(GP_CLIENT_KIND_CONFINED, 0, row, row->client);
		/* Each permission by itself. */
		for (size_t bit = 0; bit < GP_PERMISSIONS; bit++) {
			uint32_t permission = UINT32_C(1) << bit;
			check(GP_CLIENT_KIND_ORDINARY, permission, row,
				row->client || row->permission == permission);
		}
	}
}

/* Permissions are those of sockets that the user asked for. */
static void test_others_have_none(void **state) {
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(GP_CLIENT_KIND_BRIDGE, UINT32_MAX, &rows[i], rows[i].bridge);
		check(GP_CLIENT_KIND_CONFINED, UINT32_MAX, &rows[i], rows[i].client);
	}
}

/* Who is confined makes no sockets for others. */
static void test_security_context(void **state) {
	const char *interface = "wp_security_context_manager_v1";
	assert_true(gp_security_shows(GP_CLIENT_KIND_ORDINARY, 0, interface));
	assert_false(gp_security_shows(GP_CLIENT_KIND_CONFINED, ALL, interface));
	assert_false(gp_security_shows(GP_CLIENT_KIND_BRIDGE, 0, interface));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shows),
		cmocka_unit_test(test_others_have_none),
		cmocka_unit_test(test_security_context),
	};
	return cmocka_run_group_tests_name("security", tests, NULL, NULL);
}
