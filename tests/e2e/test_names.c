/*
 * Whose name a guest has: names that are for one socket, names in use, and who is kept out by whom.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/socket.h"
#include "tests/e2e/vm.h"

#define IDLE 64

/* Lines of a program's log that contain the text. */
static unsigned count_lines(const struct program *program, const char *text) {
	char line[512];
	unsigned n = 0;
	FILE *file = fopen(program->log, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		n += strstr(line, text) != NULL;
	}
	fclose(file);
	return n;
}

static void wait_display(const struct program *bridge, const char *display) {
	assert_true(host_wait_string(bridge, "display", display, WAIT_MS));
}

/* A name that is for a socket appears there, and only there; no other name does. */
static void test_socket_of_guest(struct host *host) {
	char path[96], option[128];
	snprintf(path, sizeof(path), "%s/vm0.sock", host->dir);
	snprintf(option, sizeof(option), "vm0=%s", path);
	assert_true(host_start_compositor(
		host, 1, W, H, (const char *[]){"--bridge-socket", option, NULL}));
	const struct program *compositor = &host->compositor;
	assert_string_equal(
		host_status_string(compositor, "bridge_sockets.0.path"), host->bridge_socket);
	assert_string_equal(host_status_string(compositor, "bridge_sockets.0.guest"), "");
	assert_string_equal(host_status_string(compositor, "bridge_sockets.1.path"), path);
	assert_string_equal(host_status_string(compositor, "bridge_sockets.1.guest"), "vm0");

	assert_true(host_start_bridge(host, 0, NULL));
	wait_display(&host->bridges[0], "refused");
	assert_string_equal(host_status_string(&host->bridges[0], "display_reason"),
		"a guest of this name is not for this socket");
	assert_int_equal(count_lines(&host->bridges[0], path), 1); // where to go
	assert_true(host_start_bridge(host, 1, (const char *[]){"--display", path, NULL}));
	wait_display(&host->bridges[1], "refused");
	assert_string_equal(host_status_string(compositor, "guests.0.name"), "");

	assert_int_equal(host_stop(&host->bridges[0]), 0);
	assert_true(host_start_bridge(host, 0, (const char *[]){"--display", path, NULL}));
	wait_display(&host->bridges[0], "connected");
	assert_string_equal(host_status_string(&host->bridges[0], "display_reason"), "");
	assert_string_equal(host_status_string(compositor, "guests.0.name"), "vm0");
	assert_string_equal(host_status_string(compositor, "guests.0.socket"), path);
}

/* The second one waits, without haste, and shows its guest when the first one ends. */
static void test_in_use(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	assert_true(host_start_compositor(
		host, 1, W, H, (const char *[]){"--log-level", "debug", NULL}));
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	assert_true(host_start_bridge(host, 1, (const char *[]){"--name", "vm0", NULL}));
	struct program *second = &host->bridges[1];
	wait_display(second, "refused");
	assert_string_equal(host_status_string(second, "display_reason"),
		"a guest of this name is shown already");
	unsigned before = count_lines(&host->compositor, "bridge connected");
	host_sleep_ms(3000);
	unsigned tries = count_lines(&host->compositor, "bridge connected") - before;
	printf("# %u tries in 3 s\n", tries);
	assert_true(tries >= 1 && tries <= 6);
	assert_int_equal(count_lines(second, "does not take"), 1);
	assert_int_equal(count_lines(second, "libwayland"), 1);
	assert_int_equal(vm_counter(&vm, "display_connections"), 1);
	vm_assert_color(&vm, OUTPUT, RED);

	assert_int_equal(host_stop(vm.bridge), 0);
	vm_finish(&vm);
	wait_display(second, "connected");
	assert_int_equal(host_status_number(second, "counters.display_connections"), 1);
}

/* A bridge that was killed is no obstacle to the next one, as fast as that may be. */
static void test_killed(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	for (unsigned i = 0; i < 5; i++) {
		vm_start(&vm, host, 0, NULL);
		assert_int_equal(vm_counter(&vm, "display_connections"), 1);
		assert_int_equal(count_lines(vm.bridge, "does not take"), 0);
		vm_show_new(&vm, &red, 1, i % 2 ? BLUE : RED);
		host_kill(vm.bridge);
		vm_finish(&vm);
	}
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, GREEN);
	vm_finish(&vm);
}

/* This process connects as often as it can; the bridge's process is none of that. */
static void test_idle(struct host *host) {
	struct vm vm;
	struct gg_blob red;
	int fds[IDLE];
	for (unsigned i = 0; i < IDLE; i++) {
		/* The backlog may be full. */
		while ((fds[i] = gp_socket_connect(host->bridge_socket)) < 0 && errno == EAGAIN) {
			host_sleep_ms(5);
		}
		assert_true(fds[i] >= 0);
	}
	vm_start(&vm, host, 0, NULL);
	vm_show_new(&vm, &red, 1, RED);
	unsigned connected = 0;
	for (unsigned i = 0; i < IDLE; i++) {
		connected += !gp_socket_hung_up(fds[i]);
		gp_fd_close(&fds[i]);
	}
	printf("# %u of %u idle connections were left\n", connected, IDLE);
	assert_true(connected >= 1 && connected <= 8);
	assert_int_equal(vm_counter(&vm, "display_connections"), 1);
	vm_finish(&vm);
}

/* A second bridge of a name does not start: the first one has its control socket. */
static void test_second(struct host *host) {
	char socket[96], text[64], *output;
	const char *bridge = getenv("GUESTPANE_BRIDGE");
	assert_non_null(bridge);
	snprintf(socket, sizeof(socket), "%s/other.sock", host->dir);
	snprintf(host->bridges[0].control, sizeof(host->bridges[0].control),
		"%s/guestpane/bridge-vm0.ctl", host->dir);
	snprintf(text, sizeof(text), "%s/guestpane", host->dir);
	assert_int_equal(mkdir(text, 0700), 0);
	assert_true(host_start_bridge(host, 0, NULL));
	snprintf(text, sizeof(text), "a bridge named vm0 runs already (process %d)",
		(int)host->bridges[0].pid);
	const char *const argv[] = {bridge, "--socket-path", socket, "--name", "vm0", "--display",
		host->bridge_socket, NULL};
	assert_int_equal(host_run(host, argv, &output), 1);
	assert_non_null(strstr(output, text));
	free(output);
	assert_int_not_equal(access(socket, F_OK), 0);
	wait_display(&host->bridges[0], "connected");
	/* One that was killed leaves its socket behind. */
	host_kill(&host->bridges[0]);
	assert_int_equal(access(host->bridges[0].control, F_OK), 0);
	assert_true(host_start_bridge(host, 0, NULL));
	wait_display(&host->bridges[0], "connected");
}

static const struct host_case cases[] = {
	{"socket of a guest", test_socket_of_guest, 0},
	{"name in use", test_in_use, 0},
	{"killed and started again", test_killed, 1},
	{"idle connections", test_idle, 1},
	{"second bridge of a name", test_second, 1},
};

int main(int argc, char **argv) {
	return vm_main("names", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
