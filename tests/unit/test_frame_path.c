/* D1: which way a frame took to the screen, and the reason that the user reads. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "compositor/output/frame_path.h"
#include "guest-scanout-v1-protocol.h"

#define CPU ", and the pixman renderer reads with the CPU"

static const struct {
	struct gp_frame_facts facts;
	uint32_t path;
	const char *reason;
} cases[] = {
	{{.direct = true}, GUEST_SCANOUT_V1_PATH_DIRECT, ""},
	{{.direct = true, .mapped = true}, GUEST_SCANOUT_V1_PATH_DIRECT, ""},
	{{.direct = true, .parent = true}, GUEST_SCANOUT_V1_PATH_PARENT, ""},
	{{.direct = true, .parent = true, .mapped = true}, GUEST_SCANOUT_V1_PATH_PARENT, ""},
	{{.direct = true, .other_gpu = true}, GUEST_SCANOUT_V1_PATH_GPU,
		"another GPU drives the monitor"},
	/* That is not why it was not tried. */
	{{.other_gpu = true, .scaled = true}, GUEST_SCANOUT_V1_PATH_GPU,
		"the picture has not the size of the output"},
	{{.copied = true}, GUEST_SCANOUT_V1_PATH_COPIED, "the picture is a copy in shared memory"},
	{{.copied = true, .direct = true}, GUEST_SCANOUT_V1_PATH_COPIED,
		"the picture is a copy in shared memory"},
	{{.copied = true, .direct = true, .parent = true}, GUEST_SCANOUT_V1_PATH_COPIED,
		"the picture is a copy in shared memory"},
	{{.direct = true, .no_plane = "no plane"}, GUEST_SCANOUT_V1_PATH_GPU, "no plane"},
	{{0}, GUEST_SCANOUT_V1_PATH_GPU, "the output does not take the buffer"},
	{{.mapped = true}, GUEST_SCANOUT_V1_PATH_MAPPED, "the output does not take the buffer" CPU},
	{{.mapped = true, .no_plane = "no plane"}, GUEST_SCANOUT_V1_PATH_MAPPED, "no plane" CPU},
	{{.rotated = true}, GUEST_SCANOUT_V1_PATH_GPU, "the output is rotated"},
	{{.rotated = true, .captured = true}, GUEST_SCANOUT_V1_PATH_GPU,
		"the output is being captured"},
	/* What we refuse locks composition, as a capture does: the cause counts. */
	{{.captured = true, .refusal = "refused"}, GUEST_SCANOUT_V1_PATH_GPU, "refused"},
	{{.captured = true, .refusal = "refused", .translucent = true}, GUEST_SCANOUT_V1_PATH_GPU,
		"the picture has an alpha channel, which must not be shown"},
	{{.translucent = true, .overlaid = true}, GUEST_SCANOUT_V1_PATH_GPU,
		"a cursor or a label lies over the picture"},
	{{.overlaid = true, .scaled = true}, GUEST_SCANOUT_V1_PATH_GPU,
		"the picture has not the size of the output"},
	{{.scaled = true, .no_plane = "no plane"}, GUEST_SCANOUT_V1_PATH_GPU, "no plane"},
};

static void test_cases(void **state) {
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char reason[GP_PATH_REASON_MAX] = "not set";
		assert_int_equal(gp_frame_path(&cases[i].facts, reason), cases[i].path);
		assert_string_equal(reason, cases[i].reason);
	}
}

static void test_long_reason(void **state) {
	char refusal[2 * GP_PATH_REASON_MAX], reason[GP_PATH_REASON_MAX];
	memset(refusal, 'x', sizeof(refusal) - 1);
	refusal[sizeof(refusal) - 1] = '\0';
	const struct gp_frame_facts facts = {.refusal = refusal, .mapped = true};
	assert_int_equal(gp_frame_path(&facts, reason), GUEST_SCANOUT_V1_PATH_MAPPED);
	assert_int_equal(strlen(reason), sizeof(reason) - 1);
}

static void test_names(void **state) {
	assert_string_equal(gp_path_name(GUEST_SCANOUT_V1_PATH_NONE), "none");
	assert_string_equal(gp_path_name(GUEST_SCANOUT_V1_PATH_DIRECT), "direct");
	assert_string_equal(gp_path_name(GUEST_SCANOUT_V1_PATH_COPIED), "copied");
	assert_string_equal(gp_path_name(GUEST_SCANOUT_V1_PATH_PARENT), "parent");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_long_reason),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
