/* The configuration file: what is read, and that each mistake is reported with its line. */

#include <linux/input-event-codes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "compositor/config/config.h"

static char path[64];
static char error[GP_CONFIG_ERROR_MAX];

static struct gp_config *load(const char *text) {
	strcpy(path, "/tmp/guestpane-config-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	error[0] = '\0';
	struct gp_config *config = gp_config_load(path, error);
	unlink(path);
	return config;
}

static const struct gp_config_identity dp = {"DP-1", "Dell Inc.", "U2720Q", "ABC"};
static const struct gp_config_identity headless = {"HEADLESS-1", NULL, NULL, NULL};

static void test_all(void **state) {
	struct gp_config *config = load("# a comment\n"
					"first one\n"
					"label 0.25\n"
					"hotkey RightCtrl+Menu\n"
					"sleep-when-off off\n"
					"sleep-when-idle 600\n"
					"idle-inhibit 1.5\n"
					"bridge-socket \"an office\" /run/office.sock\n"
					"bridge-socket lab /run/lab=1.sock\n"
					"bridge-socket none\n"
					"client-socket vnc /run/vnc.sock capture input\n"
					"client-socket plain wayland-9\n"
					"output DP-1 {\n"
					"	mode 1920x1080@59.94\n"
					"	scale 1.25\n"
					"	transform flipped-90\n"
					"	position -1920 0\n"
					"	adaptive-sync on\n"
					"	scaling integer\n"
					"}\n"
					"output * {\n"
					"	scaling fill\n"
					"}\n"
					"guest one {\n"
					"	scanout 0 \"Dell Inc. U2720Q ABC\"\n"
					"	scanout 3 HEADLESS-1\n"
					"	scaling none\n"
					"}\n"
					"guest two\n"
					"input \"A Touch Screen\" {\n"
					"	output \"Dell Inc. U2720Q ABC\"\n"
					"}\n"
					"input pen\n");
	if (config == NULL) {
		fail_msg("%s", error);
	}
	assert_string_equal(config->first, "one");
	assert_true(config->has_label);
	assert_int_equal(config->label_ms, 250);
	assert_true(config->has_hotkey);
	assert_int_equal(config->hotkey.n, 2);
	assert_int_equal(config->hotkey.keys[0], KEY_RIGHTCTRL);
	assert_int_equal(config->sleep_when_off_ms, GP_CONFIG_NEVER);
	assert_int_equal(config->sleep_when_idle_ms, 600000);
	assert_int_equal(config->idle_inhibit_ms, 1500);
	assert_int_equal(config->guest_sockets.n, 2);
	assert_string_equal(config->guest_sockets.list[0].guest, "an office");
	assert_string_equal(config->guest_sockets.list[0].path, "/run/office.sock");
	assert_string_equal(config->guest_sockets.list[1].path, "/run/lab=1.sock");
	assert_true(config->no_bridge_socket);
	assert_int_equal(config->client_grants.n, 2);
	assert_string_equal(config->client_grants.list[0].name, "vnc");
	assert_string_equal(config->client_grants.list[0].path, "/run/vnc.sock");
	assert_int_equal(config->client_grants.list[0].permissions,
		GP_PERMISSION_CAPTURE | GP_PERMISSION_INPUT);
	assert_int_equal(config->client_grants.list[1].permissions, 0);
	const struct gp_config_output *output = gp_config_find_output(config, &dp);
	assert_ptr_equal(output, &config->outputs[0]);
	assert_int_equal(output->width, 1920);
	assert_int_equal(output->height, 1080);
	assert_int_equal(output->refresh_mhz, 59940);
	assert_int_equal(output->scale_120, 150);
	assert_int_equal(output->transform, 5);
	assert_true(output->has_position);
	assert_int_equal(output->x, -1920);
	assert_true(output->has_adaptive_sync && output->adaptive_sync);
	assert_true(output->has_scaling);
	assert_int_equal(output->scaling, GP_SCALING_INTEGER);

	output = gp_config_find_output(config, &headless);
	assert_ptr_equal(output, &config->outputs[1]);
	assert_int_equal(output->width, 0);
	assert_int_equal(output->transform, -1);
	assert_false(output->has_position || output->has_adaptive_sync);

	const struct gp_config_guest *guest = gp_config_find_guest(config, "one");
	assert_true(gp_config_matches(guest->scanouts[0], &dp));
	assert_false(gp_config_matches(guest->scanouts[0], &headless));
	assert_string_equal(guest->scanouts[1], "");
	assert_true(gp_config_matches(guest->scanouts[3], &headless));
	assert_int_equal(guest->scaling, GP_SCALING_NONE);
	assert_false(gp_config_find_guest(config, "two")->has_scaling);
	assert_null(gp_config_find_guest(config, "three"));
	assert_true(gp_config_matches(gp_config_find_input(config, "A Touch Screen")->output, &dp));
	assert_string_equal(gp_config_find_input(config, "pen")->output, "");
	assert_null(gp_config_find_input(config, "Dell"));
	free(config);
}

static void test_empty(void **state) {
	struct gp_config *config = load("");
	assert_non_null(config);
	assert_null(gp_config_find_output(config, &dp));
	assert_false(config->has_hotkey || config->has_label || config->no_bridge_socket);
	assert_int_equal(config->client_grants.n, 0);
	free(config);
}

static const struct {
	const char *text;
	int line;
	const char *cause;
} mistakes[] = {
	{"\nfrist one\n", 2, "unknown setting frist"},
	{"first\n", 1, "first needs 1 parameter"},
	{"first a b\n", 1, "first needs 1 parameter"},
	{"first a {\n b c\n}\n", 1, "no block"},
	{"first \"\"\n", 1, "a name has"},
	{"label\n", 1, "label needs 1 parameter"},
	{"label on\n", 1, "a label stays for 0 to 60 seconds, or is off"},
	{"label -1\n", 1, "a label stays"},
	{"label 61\n", 1, "a label stays"},
	{"hotkey LeftCtrl LeftMeta\n", 1, "hotkey needs 1 parameter"},
	{"first a\nhotkey LeftCtrl+A\n", 2, "LeftCtrl+A is not none, or one to four of"},
	{"hotkey \"\"\n", 1, "is not none"},
	{"sleep-when-idle 0\n", 1, "sleep-when-idle is off, or 0.1 to 86400 seconds"},
	{"sleep-when-off on\n", 1, "sleep-when-off is off, or"},
	{"idle-inhibit\n", 1, "idle-inhibit needs 1 parameter"},
	{"output DP-1 {\n mode 1920\n}\n", 2, "not a mode"},
	{"output DP-1 {\n mode 1920x1080@\n}\n", 2, "not a mode"},
	{"output DP-1 {\n mode 19.5x1080\n}\n", 2, "not a mode"},
	{"output DP-1 {\n mode 0x1080\n}\n", 2, "not a mode"},
	{"output DP-1 {\n mode 1920x1080@nan\n}\n", 2, "not a mode"},
	{"output DP-1 {\n\n scale 0\n}\n", 3, "a scale is"},
	{"output DP-1 {\n transform 45\n}\n", 2, "not a transform"},
	{"output DP-1 {\n position 1\n}\n", 2, "position needs 2 parameters"},
	{"output DP-1 {\n position 1 x\n}\n", 2, "a position is"},
	{"output DP-1 {\n adaptive-sync yes\n}\n", 2, "on or off"},
	{"output DP-1 {\n scaling big\n}\n", 2, "scaling is"},
	{"output DP-1 {\n color red\n}\n", 2, "no setting color"},
	{"output DP-1\noutput DP-1\n", 2, "appears twice"},
	{"guest a {\n scanout 16 DP-1\n}\n", 2, "a scanout is a number"},
	{"guest a {\n scanout -0 DP-1\n}\n", 2, "a scanout is a number"},
	{"guest a {\n scanout 1 DP-1\n scanout 1 DP-2\n}\n", 3, "appears twice"},
	{"guest a {\n output DP-1\n}\n", 2, "no setting output"},
	{"guest a\nguest a\n", 2, "appears twice"},
	{"input a {\n output\n}\n", 2, "output needs 1 parameter"},
	{"input a {\n scanout 0 DP-1\n}\n", 2, "no setting scanout"},
	{"input a\ninput a\n", 2, "appears twice"},
	{"bridge-socket /run/a.sock\n", 1, "bridge-socket needs 2 parameters"},
	{"bridge-socket a a.sock\n", 1, "begins with /"},
	{"bridge-socket a \"\"\n", 1, "begins with /"},
	{"bridge-socket \"\" /a\n", 1, "a guest's name has"},
	{"bridge-socket a /a\nbridge-socket a /b\n", 2, "has a bridge socket already"},
	{"bridge-socket a /a {\n b\n}\n", 1, "no block"},
	{"bridge-socket none {\n b\n}\n", 1, "no block"},
	{"client-socket a\n", 1, "client-socket needs a name and a path"},
	{"client-socket a b/c\n", 1, "begins with /"},
	{"client-socket a /b all\n", 1, "all is not a permission; there are capture"},
	{"client-socket \"a b\" /c\n", 1, "letters, digits"},
	{"client-socket a /b\nclient-socket a /c\n", 2, "of that name already"},
	{"client-socket a /b {\n c\n}\n", 1, "no block"},
};

static void test_mistakes(void **state) {
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		char start[80];
		assert_null(load(mistakes[i].text));
		snprintf(start, sizeof(start), "%s:%d: ", path, mistakes[i].line);
		if (strncmp(error, start, strlen(start)) != 0 ||
			strstr(error, mistakes[i].cause) == NULL) {
			fail_msg("case %zu: %s", i, error);
		}
	}
}

static void test_unreadable(void **state) {
	assert_null(gp_config_load("/nonexistent/guestpane.conf", error));
	assert_non_null(strstr(error, "/nonexistent/guestpane.conf: No such file"));
	assert_null(load("output DP-1 {\n"));
	assert_non_null(strstr(error, "not in scfg's syntax"));
}

static void test_too_many(void **state) {
	char text[4096] = "", line[32];
	for (int i = 0; i <= GP_CONFIG_GUESTS_MAX; i++) {
		snprintf(line, sizeof(line), "guest g%d\n", i);
		strcat(text, line);
	}
	assert_null(load(text));
	assert_non_null(strstr(error, "more than"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
