/*
 * What ordinary clients get, with tools as people have them: nothing that was not asked for, and what
 * was asked for works. tests/protocol/test_globals.c has the lists.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/e2e/seat_case.h"

static void path_of(const struct host *host, const char *name, char path[128]) {
	snprintf(path, 128, "%s/%s", host->dir, name);
}

/* Runs a tool on a client socket. Returns its exit status, and the text if there is a place for it. */
static int run_on(struct host *host, const char *display, const char *const *argv, char **text) {
	char *said = NULL;
	char before[sizeof(host->wayland_display)];
	strcpy(before, host->wayland_display);
	snprintf(host->wayland_display, sizeof(host->wayland_display), "%s", display);
	int status = host_run(host, argv, &said);
	strcpy(host->wayland_display, before);
	printf("# %s on %s: status %d\n", argv[0], display, status);
	if (text != NULL) {
		*text = said;
	} else {
		free(said);
	}
	return status;
}

/* Each permission is good for its own tool, and for no other one. */
static void test_tools(struct host *host) {
	char grab[128];
	path_of(host, "tool.ppm", grab);
	const char *const grim[] = {"grim", "-t", "ppm", grab, NULL};
	const char *const randr[] = {"wlr-randr", NULL};
	assert_true(host_start_compositor(host, 1, W, H,
		(const char *[]){"--client-socket", "plain=plain", "--client-socket",
			"see=see:capture", "--client-socket", "set=set:outputs", NULL}));
	assert_int_not_equal(run_on(host, "plain", grim, NULL), 0);
	assert_int_not_equal(run_on(host, "plain", randr, NULL), 0);
	assert_int_not_equal(run_on(host, "set", grim, NULL), 0);
	assert_int_not_equal(run_on(host, "see", randr, NULL), 0);
	assert_int_equal(run_on(host, "see", grim, NULL), 0);
	char *text;
	assert_int_equal(run_on(host, "set", randr, &text), 0);
	assert_non_null(strstr(text, OUTPUT));
	free(text);

	struct picture picture = {0};
	assert_true(picture_read(&picture, grab));
	assert_int_equal(picture.width, W);
	assert_false(picture_is_flat(&picture)); // the status screen
	picture_finish(&picture);
}

/* A client types and points only by a socket with that permission, and no bridge does. */
static void test_input(struct host *host) {
	char path[128];
	struct fake_seat seat;
	assert_true(host_start_compositor(host, 1, W, H,
		(const char *[]){"--client-socket", "see=see:capture,outputs,power,idle",
			"--client-socket", "type=type:input", NULL}));
	path_of(host, "see", path);
	const char *const without[] = {path, host->bridge_socket};
	for (size_t i = 0; i < 2; i++) {
		assert_true(fake_seat_connect(&seat, without[i]));
		assert_non_null(seat.seat);
		assert_null(seat.keyboards);
		assert_null(seat.pointers);
		fake_seat_finish(&seat);
	}
	path_of(host, "type", path);
	assert_true(fake_seat_connect(&seat, path));
	assert_non_null(seat.keyboard);
	assert_non_null(seat.pointer);
	assert_int_equal(host_status_number(&host->compositor, "seat.devices"), 2);
	fake_seat_finish(&seat);
}

/* Runs guestpane with options, and in it a shell, to their end. Returns what they print. */
static char *run_shell(struct host *host, const char *const *options, const char *script) {
	const char *argv[24] = {getenv("GUESTPANE"), "--control-socket", host->compositor.control};
	size_t n = 3;
	char *text = NULL;
	for (; *options != NULL; options++) {
		argv[n++] = *options;
	}
	argv[n++] = "--";
	argv[n++] = "sh";
	argv[n++] = "-c";
	argv[n++] = script;
	setenv("WLR_BACKENDS", "headless", 1);
	setenv("WLR_RENDERER", "pixman", 1);
	setenv("WLR_LIBINPUT_NO_DEVICES", "1", 1);
	assert_int_equal(host_run(host, argv, &text), 0);
	assert_non_null(text);
	return text;
}

#define SHOW                                                                                       \
	"echo \"display=${WAYLAND_DISPLAY-unset} bridge=${GUESTPANE_BRIDGE_SOCKET-unset}\"; "      \
	"find \"$XDG_RUNTIME_DIR\" -type s | LC_ALL=C sort"

static void assert_said(const char *text, const char *format, ...) {
	char wanted[512];
	va_list args;
	va_start(args, format);
	vsnprintf(wanted, sizeof(wanted), format, args);
	va_end(args);
	if (strstr(text, wanted) == NULL) {
		fail_msg("no \"%s\" in \"%s\"", wanted, text);
	}
}

/* Unless asked for, there is no socket but that of bridges, and the command gets no display. */
static void test_none(struct host *host) {
	/* As if it were a window: the parent's display is not for the command. */
	strcpy(host->wayland_display, "parent");
	char *text = run_shell(host, (const char *[]){NULL}, SHOW);
	assert_said(text,
		"display=unset bridge=%s/guestpane/bridge.sock\n"
		"%s\n%s/guestpane/bridge.sock\n",
		host->dir, host->compositor.control, host->dir);
	free(text);
	host->wayland_display[0] = '\0';
}

/* The command gets the first client socket of the command line. Those of the file are there, too. */
static void test_command(struct host *host) {
	char config[128];
	path_of(host, "guestpane.conf", config);
	FILE *file = fopen(config, "we");
	assert_non_null(file);
	fputs("client-socket tool from-file power\nclient-socket other other idle\n", file);
	fclose(file);
	char *text = run_shell(host,
		(const char *[]){"--config", config, "--client-socket", "tool=tool:outputs",
			"--client-socket", "third=third", NULL},
		SHOW "; wlr-randr; "
		     "\"$GUESTPANECTL\" --socket \"$XDG_RUNTIME_DIR/guestpane.ctl\" status");
	assert_said(text, "display=tool ");
	assert_said(text, "%s/other\n%s/third\n%s/tool\n", host->dir, host->dir, host->dir);
	assert_null(strstr(text, "from-file")); // the command line overrides it
	assert_said(text, OUTPUT);
	assert_said(text, "CLIENT SOCKET");
	assert_said(text, "%s/tool", host->dir);
	assert_said(text, "outputs\n");
	free(text);
}

/* Where each guest has its own socket there need not be a general one. */
static void test_no_bridge_socket(struct host *host) {
	char option[160];
	snprintf(option, sizeof(option), "vm0=%s/vm0.sock", host->dir);
	const char *options[] = {"--bridge-socket", "none", "--bridge-socket", option, NULL};
	char *text = run_shell(host, options, SHOW);
	assert_said(text, "display=unset bridge=unset\n%s\n%s/vm0.sock\n", host->compositor.control,
		host->dir);
	assert_null(strstr(text, "no bridge can connect"));
	free(text);
	options[2] = NULL;
	text = run_shell(host, options, SHOW);
	assert_said(text, "no bridge can connect");
	free(text);
}

static const struct host_case cases[] = {
	{"tools by permission", test_tools, 0},
	{"input by permission", test_input, 0},
	{"no socket by itself", test_none, 0},
	{"the command's display", test_command, 0},
	{"no general bridge socket", test_no_bridge_socket, 0},
};

int main(int argc, char **argv) {
	return cases_run("clients", cases, sizeof(cases) / sizeof(cases[0]), NULL);
}
