/*
 * D8: guestpane in a window of another compositor.
 */

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"

#define WINDOW "WL-1"

/* The desktop (parent.c). */
struct desktop {
	pid_t pid;
	int commands;
	FILE *words;
};

static void expect(struct desktop *desktop, const char *start) {
	char line[256];
	do {
		struct pollfd fd = {.fd = fileno(desktop->words), .events = POLLIN};
		if (poll(&fd, 1, WAIT_MS) != 1 || !fgets(line, sizeof(line), desktop->words)) {
			fail_msg("the desktop does not say \"%s\"", start);
		}
	} while (strncmp(line, start, strlen(start)) != 0);
}

static void command(struct desktop *desktop, const char *line) {
	assert_int_equal(write(desktop->commands, line, strlen(line)), strlen(line));
}

static void desktop_start(struct desktop *desktop, struct host *host) {
	int in[2], out[2];
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	desktop->pid = fork();
	if (desktop->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("XDG_RUNTIME_DIR", host->dir, 1);
		execl(getenv("GUESTPANE_PARENT"), "parent", NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	desktop->commands = in[1];
	desktop->words = fdopen(out[0], "r");
	setvbuf(desktop->words, NULL, _IONBF, 0); // so that poll sees what is left
	expect(desktop, "display parent-0");
}

static void desktop_end(struct desktop *desktop) {
	kill(desktop->pid, SIGKILL);
	waitpid(desktop->pid, NULL, 0);
	close(desktop->commands);
	fclose(desktop->words);
}

static void start(struct desktop *desktop, struct host *host) {
	desktop_start(desktop, host);
	host->backend = "wayland";
	host->parent_display = "parent-0";
	assert_true(host_start_compositor(host, 1, W, H, NULL));
	assert_string_equal(host_status_string(&host->compositor, "backend"), "wayland");
}

static void assert_ended(struct program *program) {
	uint64_t end = host_now_ms() + WAIT_MS;
	while (host_alive(program) && host_now_ms() < end) {
		host_sleep_ms(10);
	}
	assert_false(host_alive(program));
	assert_int_equal(host_stop(program), 0);
}

static void test_show(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob blob;
	start(&desktop, host);
	expect(&desktop, "shown 640 480");
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, WINDOW, RED);
	expect(&desktop, "title vm0 – Guestpane");
	host_stop(vm.bridge);
	expect(&desktop, "title Guestpane");
	vm_assert_status_screen(&vm, WINDOW, RED);
	vm_finish(&vm);
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

/* How often the guest was told of a new configuration within a moment. */
static unsigned count_changes(struct vm *vm) {
	unsigned n = 0;
	while (fe_backend_message(&vm->fe, 500) > 0) {
		n++;
	}
	return n;
}

static void test_resize(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob blob;
	uint32_t width, height;
	char line[32];
	start(&desktop, host);
	expect(&desktop, "shown 640 480");
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	vm_assert_color(&vm, WINDOW, RED);
	count_changes(&vm);

	/* A person drags the border: the guest is not told each size, but the last one. */
	for (int i = 1; i <= 20; i++) {
		snprintf(line, sizeof(line), "size %d %d\n", 640 + 10 * i, 480 + 10 * i);
		command(&desktop, line);
		host_sleep_ms(20);
	}
	expect(&desktop, "shown 840 680");
	unsigned changes = count_changes(&vm);
	printf("# 20 sizes: the guest was told %u times\n", changes);
	assert_true(changes >= 1 && changes <= 5);
	vm_edid_size(&vm, 0, &width, &height);
	assert_int_equal(width, 840);
	assert_int_equal(height, 680);

	/* A guest that does not care is scaled. */
	assert_true(host_wait_pixel(host, WINDOW, 420, 340, RED, WAIT_MS, &vm.picture));
	assert_int_equal(vm.picture.width, 840);
	assert_true(picture_is(&vm.picture, 0, 26, 840, 628, RED));
	vm_finish(&vm);
	assert_int_equal(host_stop(&host->compositor), 0);
	desktop_end(&desktop);
}

static void test_close(struct host *host) {
	struct desktop desktop;
	struct vm vm;
	struct gg_blob blob;
	start(&desktop, host);
	vm_start(&vm, host, 0, NULL);
	vm_blob(&vm, &blob, 1, RED);
	vm_show(&vm, 0, 1);
	command(&desktop, "close\n");
	expect(&desktop, "gone");
	assert_ended(&host->compositor);
	/* The guest goes on. */
	vm_show(&vm, 0, 1);
	vm_finish(&vm);
	desktop_end(&desktop);
}

static void test_desktop_ends(struct host *host) {
	struct desktop desktop;
	start(&desktop, host);
	desktop_end(&desktop);
	assert_ended(&host->compositor);
}

static const struct host_case cases[] = {
	{"show", test_show, 0},
	{"resize", test_resize, 0},
	{"close", test_close, 0},
	{"the desktop ends", test_desktop_ends, 0},
};

int main(int argc, char **argv) {
	return vm_main("nested", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
