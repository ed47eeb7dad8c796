/*
 * E2: what guestpane --doctor says of the VM's devices.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/harness/cases.h"

static void assert_says(const char *text, const char *line) {
	if (strstr(text, line) == NULL) {
		fail_msg("it does not say \"%s\"", line);
	}
}

static void test_devices(struct host *host) {
	char *text;
	const char *argv[] = {getenv("GUESTPANE"), "--doctor", NULL};
	host->renderer = "gles2"; // it takes its time
	int status = host_run(host, argv, &text);
	assert_non_null(text);
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		printf("# %.*s\n", (int)(end - line), line);
	}
	assert_int_equal(status, 0);
	assert_says(text, "[ok]   seat0\n");
	assert_says(text, "(bochs-drm): a monitor at ");
	assert_says(text, "(bochs-drm): primary planes 1, formats XR24");
	assert_says(text, "(bochs-drm): no cursor plane");
	assert_says(text, "[ok]   /dev/dri/card");
	assert_says(text, "(bochs-drm): takes guest memory for a framebuffer");
	/* Our bridge and QEMU's device: the one imports, the other does not. */
	assert_says(text, "(virtio_gpu): cursor planes");
	assert_says(text, "(virtio_gpu): takes guest memory for a framebuffer");
	assert_says(text, "(virtio_gpu): does not import guest memory");
	assert_says(text, "/dev/dri/renderD128: ");
	assert_says(text, "Zero copy will work, within the warnings above.");
	free(text);
}

static const struct host_case cases[] = {
	{"devices", test_devices, 0},
};

int main(int argc, char **argv) {
	return cases_run(
		"doctor", cases, sizeof(cases) / sizeof(cases[0]), argc > 2 ? argv[2] : NULL);
}
