/* The command line of guestpane. */

#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "compositor/config/options.h"

static struct gp_options options;
static int exit_status;

/* Parses arguments that are separated by spaces, with what is printed out of the way. */
static bool parse(const char *text) {
	static char line[512], *argv[40];
	int argc = 0;
	snprintf(line, sizeof(line), "guestpane %s", text);
	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
		argv[argc++] = word;
	}
	argv[argc] = NULL;

	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	fflush(stdout);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	optind = 0; // getopt_long starts again
	bool goes_on = gp_options_parse(&options, argc, argv, &exit_status);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(null);
	close(out);
	close(err);
	return goes_on;
}

static int setup(void **state) {
	setenv("XDG_RUNTIME_DIR", "/tmp", true);
	return 0;
}

static void test_defaults(void **state) {
	assert_true(parse(""));
	assert_int_equal(options.width, 1280);
	assert_int_equal(options.height, 800);
	assert_int_equal(options.log_level, GP_LOG_INFO);
	assert_string_equal(options.bridge_socket, "/tmp/guestpane/bridge.sock");
	assert_string_equal(options.control_socket, "/tmp/guestpane/compositor.ctl");
	assert_false(options.has_hotkey || options.has_scaling || options.fullscreen ||
		options.vt_switch || options.check_config || options.has_bridge_socket ||
		options.no_bridge_socket);
	assert_int_equal(options.client_grants.n, 0);
	assert_null(options.command);
	assert_null(options.config_path);
	assert_null(options.first);
	assert_null(options.trace_path);
}

static void test_all(void **state) {
	assert_true(parse("--bridge-socket /b --control-socket /c --size 16384x1 --hotkey none "
			  "--fullscreen --vt-switch --client-socket vnc=/v --config /f "
			  "--first one --scaling fill --log-level debug --trace /t "
			  "command --size 1"));
	assert_string_equal(options.bridge_socket, "/b");
	assert_string_equal(options.control_socket, "/c");
	assert_int_equal(options.width, 16384);
	assert_int_equal(options.height, 1);
	assert_true(options.has_hotkey);
	assert_int_equal(options.hotkey.n, 0);
	assert_true(options.fullscreen && options.vt_switch && options.has_bridge_socket);
	assert_int_equal(options.client_grants.n, 1);
	assert_string_equal(options.config_path, "/f");
	assert_string_equal(options.first, "one");
	assert_int_equal(options.scaling, GP_SCALING_FILL);
	assert_int_equal(options.log_level, GP_LOG_DEBUG);
	assert_string_equal(options.trace_path, "/t");
	/* What follows the command is the command's. */
	assert_string_equal(options.command[0], "command");
	assert_string_equal(options.command[1], "--size");
	assert_string_equal(options.command[2], "1");
	assert_null(options.command[3]);
}

/* What stands before the first = is a guest, unless it cannot be the name of one or has a slash. */
static void test_bridge_sockets(void **state) {
	const struct gp_guest_sockets *sockets = &options.guest_sockets;
	assert_true(
		parse("--bridge-socket office=/o --bridge-socket ./a=b --bridge-socket lab=c=d"));
	assert_string_equal(options.bridge_socket, "./a=b");
	assert_int_equal(sockets->n, 2);
	assert_string_equal(sockets->list[0].guest, "office");
	assert_string_equal(sockets->list[0].path, "/o");
	assert_string_equal(sockets->list[1].guest, "lab");
	assert_string_equal(sockets->list[1].path, "c=d");

	assert_true(parse("--bridge-socket =b"));
	assert_string_equal(options.bridge_socket, "=b");
	assert_true(parse("--bridge-socket a\tb=c"));
	assert_string_equal(options.bridge_socket, "a\tb=c");

	char text[256] = "--bridge-socket ";
	memset(text + strlen(text), 'n', GP_GUEST_NAME_MAX);
	strcat(text, "=/s");
	assert_true(parse(text));
	assert_int_equal(sockets->n, 1);
	assert_int_equal(strlen(sockets->list[0].guest), GP_GUEST_NAME_MAX);
	strcpy(text, "--bridge-socket ");
	memset(text + strlen(text), 'n', GP_GUEST_NAME_MAX + 1);
	strcat(text, "=/s");
	assert_true(parse(text));
	assert_int_equal(sockets->n, 0); // a path

	char longest[256] = "--bridge-socket a=/";
	memset(longest + strlen(longest), 'x', GP_PATH_MAX - 2);
	assert_true(parse(longest));
	strcat(longest, "x");
	assert_false(parse(longest));
	assert_int_equal(exit_status, GP_EXIT_USAGE);

	struct gp_guest_sockets many = {0};
	for (unsigned i = 0; i < GP_GUEST_SOCKETS_MAX; i++) {
		char name[8];
		snprintf(name, sizeof(name), "g%u", i);
		assert_null(gp_guest_sockets_add(&many, name, "/s"));
	}
	assert_non_null(gp_guest_sockets_add(&many, "one more", "/s"));
	assert_int_equal(many.n, GP_GUEST_SOCKETS_MAX);
}

static void test_no_bridge_socket(void **state) {
	assert_true(parse("--bridge-socket none --bridge-socket a=/a"));
	assert_true(options.no_bridge_socket);
	assert_false(options.has_bridge_socket);
	assert_int_equal(options.guest_sockets.n, 1);
	assert_true(parse("--bridge-socket ./none"));
	assert_false(options.no_bridge_socket);
	assert_string_equal(options.bridge_socket, "./none");
}

/* Permissions stand behind the last colon, unless a slash follows it. */
static void test_client_sockets(void **state) {
	const struct gp_client_grants *grants = &options.client_grants;
	assert_true(parse("--client-socket vnc=/run/vnc:capture,input "
			  "--client-socket plain_1=wayland-5 --client-socket c=/a:b/c:power "
			  "--client-socket d=/a=b:c/d"));
	assert_int_equal(grants->n, 4);
	assert_string_equal(grants->list[0].name, "vnc");
	assert_string_equal(grants->list[0].path, "/run/vnc");
	assert_int_equal(grants->list[0].permissions, GP_PERMISSION_CAPTURE | GP_PERMISSION_INPUT);
	assert_string_equal(grants->list[1].name, "plain_1");
	assert_string_equal(grants->list[1].path, "wayland-5");
	assert_int_equal(grants->list[1].permissions, 0);
	assert_string_equal(grants->list[2].path, "/a:b/c");
	assert_int_equal(grants->list[2].permissions, GP_PERMISSION_POWER);
	assert_string_equal(grants->list[3].path, "/a=b:c/d");
	assert_ptr_equal(gp_client_grants_find(grants, "c"), &grants->list[2]);
	assert_null(gp_client_grants_find(grants, "capture"));

	/* Each name is read as it is written. */
	for (size_t i = 0; i < GP_PERMISSIONS; i++) {
		uint32_t permissions = 0;
		const char *name = gp_permission_name(i);
		assert_true(gp_permissions_add(&permissions, name, strlen(name)));
		assert_int_equal(permissions, 1u << i);
		assert_non_null(strstr(GP_PERMISSIONS_RULE, name));
	}

	struct gp_client_grants many = {0};
	for (unsigned i = 0; i < GP_CLIENT_GRANTS_MAX; i++) {
		char name[8];
		snprintf(name, sizeof(name), "c%u", i);
		assert_null(gp_client_grants_add(&many, name, "/s", 0));
	}
	assert_non_null(gp_client_grants_add(&many, "one-more", "/s", 0));
}

static void test_mistakes(void **state) {
	static const char *const rows[] = {
		"--unknown",
		"--size",
		"--size 1280",
		"--size 1280x",
		"--size x800",
		"--size 0x800",
		"--size 1280x16385",
		"--size 1280x800x1",
		"--size -1x800",
		"--size +1x800",
		"--size 99999999999999999999x1",
		"--hotkey A",
		"--scaling big",
		"--log-level loud",
		"--fullscreen=yes",
		"--bridge-socket /a --bridge-socket /b",
		"--bridge-socket a=/a --bridge-socket a=/b",
		"--bridge-socket a=",
		"--bridge-socket none --bridge-socket /a",
		"--bridge-socket /a --bridge-socket none",
		"--client-socket /a",
		"--client-socket =/a",
		"--client-socket a=",
		"--client-socket a=:capture",
		"--client-socket a=b/c",
		"--client-socket a/b=/c",
		"--client-socket a=/b:",
		"--client-socket a=/b:capture,",
		"--client-socket a=/b:captur",
		"--client-socket a=/b:captures",
		"--client-socket a=/b:all",
		"--client-socket a=/a --client-socket a=/b",
		"--client-socket a2345678901234567890123456789012=/a",
		"--allow-virtual-input",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (parse(rows[i]) || exit_status != GP_EXIT_USAGE) {
			fail_msg("%s: status %d", rows[i], exit_status);
		}
	}
	char text[256] = "--bridge-socket /";
	memset(text + strlen(text), 'x', GP_PATH_MAX - 2);
	assert_true(parse(text));
	strcat(text, "x");
	assert_false(parse(text));
	assert_int_equal(exit_status, GP_EXIT_USAGE);
}

static void test_ends(void **state) {
	assert_false(parse("--help"));
	assert_int_equal(exit_status, GP_EXIT_OK);
	assert_false(parse("--version"));
	assert_int_equal(exit_status, GP_EXIT_OK);
	/* There may be no place for a socket, unless none is made. */
	unsetenv("XDG_RUNTIME_DIR");
	assert_false(parse(""));
	assert_int_equal(exit_status, GP_EXIT_RUNTIME);
	assert_false(parse("--bridge-socket /b"));
	assert_true(parse("--bridge-socket /b --control-socket /c"));
	assert_true(parse("--check-config"));
	assert_true(options.check_config);
	assert_true(parse("--doctor"));
	assert_true(options.doctor);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_defaults, setup),
		cmocka_unit_test_setup(test_all, setup),
		cmocka_unit_test_setup(test_bridge_sockets, setup),
		cmocka_unit_test_setup(test_no_bridge_socket, setup),
		cmocka_unit_test_setup(test_client_sockets, setup),
		cmocka_unit_test_setup(test_mistakes, setup),
		cmocka_unit_test_setup(test_ends, setup),
	};
	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
