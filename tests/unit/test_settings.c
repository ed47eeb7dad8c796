/* Which file is read, and which of the command line, the guest and the output wins. */

#include <linux/input-event-codes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "compositor/config/options.h"
#include "compositor/config/settings.h"

static const struct gp_config_identity dp = {"DP-1", "Dell", "U2720Q", "ABC"};
static const struct gp_config_identity hdmi = {"HDMI-A-1", NULL, NULL, NULL};

static char dir[64];
static struct gp_options options;
static struct gp_settings settings;

static int setup(void **state) {
	strcpy(dir, "/tmp/guestpane-settings-XXXXXX");
	assert_non_null(mkdtemp(dir));
	options = (struct gp_options){0};
	settings = (struct gp_settings){0};
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", "/nonexistent", true);
	return 0;
}

static int teardown(void **state) {
	char command[128];
	gp_settings_finish(&settings);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void write_file(const char *name, const char *text) {
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash != NULL;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void check_path(const char *name) {
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_string_equal(settings.path, path);
}

static void test_no_file(void **state) {
	assert_true(gp_settings_init(&settings, &options));
	/* Unless the host has one of its own. */
	if (access("/etc/guestpane/guestpane.conf", F_OK) != 0) {
		assert_string_equal(settings.path, "");
	}
	assert_non_null(settings.config);
	assert_int_equal(gp_settings_get_hotkey(&settings)->keys[0], KEY_LEFTCTRL);
	assert_int_equal(gp_settings_get_scaling(&settings, "one", &dp), GP_SCALING_FIT);
	assert_null(gp_settings_get_pin(&settings, "one", 0));
	assert_null(gp_settings_get_input_pin(&settings, "pen"));
	assert_null(gp_settings_get_input_pin(&settings, NULL));
	assert_false(gp_settings_is_first(&settings, "one"));
	assert_int_equal(gp_settings_get_sleep_when_off_ms(&settings), 5000);
	assert_int_equal(gp_settings_get_sleep_when_idle_ms(&settings), 0);
	assert_int_equal(gp_settings_get_idle_inhibit_ms(&settings), 0);
}

/* The command line comes first. */
static void test_bridge_socket(void **state) {
	write_file("guestpane/guestpane.conf", "bridge-socket none\n");
	setenv("XDG_CONFIG_HOME", dir, true);
	assert_true(gp_settings_init(&settings, &options));
	assert_false(gp_settings_has_general_bridge_socket(&settings));
	options.has_bridge_socket = true;
	assert_true(gp_settings_has_general_bridge_socket(&settings));
	gp_settings_finish(&settings);

	options.has_bridge_socket = false;
	write_file("guestpane/guestpane.conf", "");
	assert_true(gp_settings_init(&settings, &options));
	assert_true(gp_settings_has_general_bridge_socket(&settings));
	options.no_bridge_socket = true;
	assert_false(gp_settings_has_general_bridge_socket(&settings));
}

static void test_paths(void **state) {
	char config_home[128];
	write_file("guestpane/guestpane.conf", "first config-home\n");
	write_file(".config/guestpane/guestpane.conf", "first home\n");
	setenv("HOME", dir, true);
	assert_true(gp_settings_init(&settings, &options));
	check_path(".config/guestpane/guestpane.conf");
	gp_settings_finish(&settings);

	assert_int_equal(chdir(dir), 0);
	setenv("XDG_CONFIG_HOME", ".", true); // counts as not set
	assert_true(gp_settings_init(&settings, &options));
	check_path(".config/guestpane/guestpane.conf");
	gp_settings_finish(&settings);

	setenv("XDG_CONFIG_HOME", dir, true);
	assert_true(gp_settings_init(&settings, &options));
	check_path("guestpane/guestpane.conf");
	assert_true(gp_settings_is_first(&settings, "config-home"));
	gp_settings_finish(&settings);

	/* One that was asked for must exist. */
	snprintf(config_home, sizeof(config_home), "%s/other.conf", dir);
	options.config_path = config_home;
	assert_false(gp_settings_init(&settings, &options));
	assert_non_null(strstr(settings.error, "other.conf: No such file"));
}

static void test_precedence(void **state) {
	write_file("guestpane/guestpane.conf",
		"first one\n"
		"hotkey Pause\n"
		"output * {\n scaling fill\n}\n"
		"output DP-1 {\n scale 2\n}\n"
		"guest one {\n scanout 0 DP-1\n scanout 15 HDMI-A-1\n scaling none\n}\n"
		"guest two\n"
		"input pen {\n output DP-1\n}\n"
		"input touch\n");
	setenv("XDG_CONFIG_HOME", dir, true);
	assert_true(gp_settings_init(&settings, &options));
	assert_int_equal(gp_settings_get_scaling(&settings, "one", &hdmi), GP_SCALING_NONE);
	assert_int_equal(gp_settings_get_scaling(&settings, "two", &hdmi), GP_SCALING_FILL);
	/* A block of its own takes nothing from "*". */
	assert_int_equal(gp_settings_get_scaling(&settings, "two", &dp), GP_SCALING_FIT);
	assert_int_equal(gp_settings_find_output(&settings, &dp)->scale_120, 240);
	assert_int_equal(gp_settings_get_hotkey(&settings)->keys[0], KEY_PAUSE);
	assert_string_equal(gp_settings_get_pin(&settings, "one", 0), "DP-1");
	assert_string_equal(gp_settings_get_pin(&settings, "one", 15), "HDMI-A-1");
	assert_null(gp_settings_get_pin(&settings, "one", 1));
	assert_null(gp_settings_get_pin(&settings, "one", 16));
	assert_null(gp_settings_get_pin(&settings, "two", 0));
	assert_string_equal(gp_settings_get_input_pin(&settings, "pen"), "DP-1");
	assert_null(gp_settings_get_input_pin(&settings, "touch"));
	assert_true(gp_settings_is_first(&settings, "one"));

	options.has_scaling = true;
	options.scaling = GP_SCALING_INTEGER;
	options.has_hotkey = true; // none
	options.first = "two";
	assert_int_equal(gp_settings_get_scaling(&settings, "one", &dp), GP_SCALING_INTEGER);
	assert_int_equal(gp_settings_get_hotkey(&settings)->n, 0);
	assert_false(gp_settings_is_first(&settings, "one"));
	assert_true(gp_settings_is_first(&settings, "two"));
}

static void test_reload(void **state) {
	write_file("guestpane/guestpane.conf", "first one\nlabel 3\n");
	setenv("XDG_CONFIG_HOME", dir, true);
	assert_true(gp_settings_init(&settings, &options));
	write_file("guestpane/guestpane.conf", "first two\nnonsense\n");
	assert_false(gp_settings_reload(&settings));
	assert_non_null(strstr(settings.error, ":2: "));
	assert_true(gp_settings_is_first(&settings, "one"));
	assert_int_equal(gp_settings_get_label_ms(&settings), 3000);
	write_file("guestpane/guestpane.conf", "first two\nlabel off\n");
	assert_true(gp_settings_reload(&settings));
	assert_string_equal(settings.error, "");
	assert_true(gp_settings_is_first(&settings, "two"));
	assert_int_equal(gp_settings_get_label_ms(&settings), 0);
	write_file("guestpane/guestpane.conf", "first two\n");
	assert_true(gp_settings_reload(&settings));
	assert_int_equal(gp_settings_get_label_ms(&settings), 2000);
}

/* A file that comes later is found. */
static void test_reload_finds_file(void **state) {
	setenv("XDG_CONFIG_HOME", dir, true);
	assert_true(gp_settings_init(&settings, &options));
	assert_string_equal(settings.path, "");
	assert_true(gp_settings_reload(&settings));
	assert_string_equal(settings.path, "");
	write_file("guestpane/guestpane.conf", "label off\n");
	assert_true(gp_settings_reload(&settings));
	assert_int_equal(gp_settings_get_label_ms(&settings), 0);
}

static void test_quit(void **state) {
	write_file("guestpane/guestpane.conf", "quit on\n");
	setenv("XDG_CONFIG_HOME", dir, true);
	assert_true(gp_settings_init(&settings, &options));
	assert_true(gp_settings_can_quit(&settings));
	write_file("guestpane/guestpane.conf", "hotkey none\n");
	assert_true(gp_settings_reload(&settings));
	assert_false(gp_settings_can_quit(&settings));
	write_file("guestpane/guestpane.conf", "quit off\n");
	assert_true(gp_settings_reload(&settings));
	assert_false(gp_settings_can_quit(&settings));
	write_file("guestpane/guestpane.conf", "quit never\n");
	assert_false(gp_settings_reload(&settings));
	assert_non_null(strstr(settings.error, "never is not on or off"));
}

static void test_times(void **state) {
	write_file("guestpane/guestpane.conf",
		"sleep-when-off off\nsleep-when-idle 90\nidle-inhibit off\n");
	setenv("XDG_CONFIG_HOME", dir, true);
	assert_true(gp_settings_init(&settings, &options));
	assert_int_equal(gp_settings_get_sleep_when_off_ms(&settings), 0);
	assert_int_equal(gp_settings_get_sleep_when_idle_ms(&settings), 90000);
	assert_int_equal(gp_settings_get_idle_inhibit_ms(&settings), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bridge_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_precedence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload_finds_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_times, setup, teardown),
	};
	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
