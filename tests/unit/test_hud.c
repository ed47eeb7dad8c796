/* What the overlay of an output says of its frames. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "compositor/guest/guest.h"
#include "compositor/guest/scanout.h"
#include "compositor/output/hud.h"
#include "compositor/view/view.h"
#include "guest-scanout-v1-protocol.h"

#define MS UINT64_C(1000000)

static struct gp_guest guest = {.name = "office"};
static struct gp_guest_scanout scanout = {
	.guest = &guest, .index = 1, .width = 1920, .height = 1080};
static struct gp_view view = {.scanout = &scanout};

static void test_lines(void **state) {
	struct gp_hud hud = {.start_ns = 1000 * MS};
	char text[GP_HUD_TEXT_MAX];
	for (int i = 0; i < 30; i++) {
		gp_hud_count(&hud, GUEST_SCANOUT_V1_PATH_DIRECT, "", true, 4 * MS);
	}
	gp_hud_count(&hud, GUEST_SCANOUT_V1_PATH_DIRECT, "", true, 0); // no new one
	gp_hud_print(&hud, &view, 2000 * MS, text);
	assert_string_equal(text,
		"office, scanout 1, 1920x1080\n30.0 frames/s, 4.0 ms from commit to monitor\n"
		"direct");

	/* The overlay itself is in the way now. */
	gp_hud_count(&hud, GUEST_SCANOUT_V1_PATH_GPU, "a label lies over it", false, 8 * MS);
	gp_hud_print(&hud, &view, 2500 * MS, text);
	assert_non_null(strstr(text, "30.0 frames/s")); // the period goes on
	gp_hud_print(&hud, &view, 4000 * MS, text);
	assert_string_equal(text,
		"office, scanout 1, 1920x1080\n0.5 frames/s, 8.0 ms from commit to monitor\n"
		"gpu: a label lies over it\nwithout this overlay: direct");

	/* It would be the same without it. */
	gp_hud_count(&hud, GUEST_SCANOUT_V1_PATH_GPU, "scaled", true, 8 * MS);
	gp_hud_print(&hud, &view, 4000 * MS, text);
	assert_null(strstr(text, "without"));
	gp_hud_print(&hud, NULL, 4000 * MS, text);
	assert_string_equal(text, "no guest");
}

/* The longest reasons fit, or are cut. */
static void test_long(void **state) {
	struct gp_hud hud = {0};
	char text[GP_HUD_TEXT_MAX], reason[2 * GP_PATH_REASON_MAX];
	memset(reason, 'x', sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	gp_hud_count(&hud, GUEST_SCANOUT_V1_PATH_DIRECT, reason, true, 1);
	gp_hud_count(&hud, GUEST_SCANOUT_V1_PATH_COPIED, reason, false, 1);
	gp_hud_print(&hud, &view, UINT64_MAX, text);
	assert_true(strlen(text) < sizeof(text));
	assert_non_null(strstr(text, "copied: xxx"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
