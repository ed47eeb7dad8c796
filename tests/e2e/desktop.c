#include "tests/e2e/desktop.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/e2e/vm.h"

const char *desktop_expect_without(struct desktop *desktop, const char *start, const char *never) {
	static char line[256];
	do {
		struct pollfd fd = {.fd = fileno(desktop->words), .events = POLLIN};
		if (poll(&fd, 1, WAIT_MS) != 1 || !fgets(line, sizeof(line), desktop->words)) {
			fail_msg("the desktop does not say \"%s\"", start);
		}
		if (never != NULL && strncmp(line, never, strlen(never)) == 0) {
			fail_msg("the desktop says \"%s\" before \"%s\"", never, start);
		}
	} while (strncmp(line, start, strlen(start)) != 0);
	return line + strlen(start);
}

const char *desktop_expect(struct desktop *desktop, const char *start) {
	return desktop_expect_without(desktop, start, NULL);
}

void desktop_do(struct desktop *desktop, const char *format, ...) {
	char line[256];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[n++] = '\n';
	assert_int_equal(write(desktop->commands, line, (size_t)n), n);
}

void desktop_start(struct desktop *desktop, struct host *host) {
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
	desktop_expect(desktop, "display parent-0");
	host->backend = "wayland";
	host->parent_display = "parent-0";
}

void desktop_end(struct desktop *desktop) {
	kill(desktop->pid, SIGKILL);
	waitpid(desktop->pid, NULL, 0);
	close(desktop->commands);
	fclose(desktop->words);
}
