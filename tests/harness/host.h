#ifndef GP_TESTS_HARNESS_HOST_H
#define GP_TESTS_HARNESS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/harness/picture.h"
#include "tests/harness/program.h"
#include "tests/harness/status.h"

/**
 * The host's side of a test: a directory of its own as XDG_RUNTIME_DIR, and programs that are
 * started in it.
 *
 * Programs die with the test's process. What they write goes to a file in the directory, one for
 * each program, which host_print_logs shows as TAP diagnostics.
 */

#define HOST_BRIDGES 2

struct host {
	char dir[48]; // XDG_RUNTIME_DIR, removed at the end
	char bridge_socket[96];
	/* The compositor's socket for clients that may do everything; empty until it is up. */
	char wayland_display[32];
	struct program compositor, bridges[HOST_BRIDGES];
	char vhost_sockets[HOST_BRIDGES][96];
	const char *backend; // WLR_BACKENDS of the compositor, NULL: headless
	const char *renderer; // WLR_RENDERER of the compositor, NULL: pixman
	const char *parent_display; // WAYLAND_DISPLAY of the compositor, may be NULL
	const char *preload; // LD_PRELOAD of the compositor, may be NULL
	int vmm_fd; // the next bridge has it as descriptor 0, with --fd; 0: it listens
	bool cursor_in_grabs; // grim -c: also what the compositor shows on a cursor plane
};

/* Paths of the programs come from GUESTPANE, GUESTPANE_BRIDGE and GUESTPANECTL. */
bool host_init(struct host *host);
/**
 * Ends what was started (SIGTERM, then SIGKILL after 10 s) and removes the directory. Whether all
 * that still ran ended by itself with status 0.
 */
bool host_finish(struct host *host);
/* The end of each program's log, as TAP diagnostics. */
void host_print_logs(struct host *host);

/* Outputs of width × height if headless; extra args, NULL-terminated, may be NULL. */
bool host_start_compositor(struct host *host, unsigned outputs, unsigned width, unsigned height,
	const char *const *args);
/* The bridge of one VM at vhost_sockets[index]; its name is "vm<index>". */
bool host_start_bridge(struct host *host, unsigned index, const char *const *args);
/**
 * Runs a program of the host to its end, its output into *output (to be freed, NULL-terminated).
 * The exit status, or -1.
 */
int host_run(struct host *host, const char *const *argv, char **output);

#endif
