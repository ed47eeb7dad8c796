#ifndef GP_TESTS_HARNESS_HOST_H
#define GP_TESTS_HARNESS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct json_object;

/**
 * The host's side of a test: a directory of its own as XDG_RUNTIME_DIR, programs that are started
 * and ended in it, their status, and pictures of the compositor's output.
 *
 * Programs die with the test's process. What they write goes to a file in the directory, one for
 * each program, which host_print_logs shows as TAP diagnostics.
 */

#define HOST_BRIDGES 2

struct program {
	pid_t pid; // 0: not running
	int pidfd; // -1: not running
	char name[24];
	char control[96]; // its control socket
	char log[96]; // its output; a restarted program goes on in the same file
};

struct host {
	char dir[48]; // XDG_RUNTIME_DIR, removed at the end
	char bridge_socket[96];
	char wayland_display[32]; // of the compositor, read when it is up
	struct program compositor, bridges[HOST_BRIDGES];
	char vhost_sockets[HOST_BRIDGES][96];
	const char *backend; // WLR_BACKENDS of the compositor, NULL: headless
	const char *parent_display; // WAYLAND_DISPLAY of the compositor, may be NULL
	const char *preload; // LD_PRELOAD of the compositor, may be NULL
	int vmm_fd; // the next bridge has it as descriptor 0, with --fd; 0: it listens
	bool cursor_in_grabs; // grim -c: also what the compositor shows on a cursor plane
};

struct picture {
	uint32_t width, height;
	uint32_t *pixels; // 0x00RRGGBB, packed; picture_finish frees it
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

/* With pixman, outputs of width × height if headless; extra args, NULL-terminated, may be NULL. */
bool host_start_compositor(struct host *host, unsigned outputs, unsigned width, unsigned height,
	const char *const *args);
/* The bridge of one VM at vhost_sockets[index]; its name is "vm<index>". */
bool host_start_bridge(struct host *host, unsigned index, const char *const *args);
/**
 * Runs a program of the host to its end, its output into *output (to be freed, NULL-terminated).
 * The exit status, or -1.
 */
int host_run(struct host *host, const char *const *argv, char **output);
/* SIGTERM and wait; the exit status, or -1 if it had to be killed or died of a signal. */
int host_stop(struct program *program);
/* SIGKILL and wait. */
void host_kill(struct program *program);
/* Whether it still runs. */
bool host_alive(const struct program *program);
/* How often a program has waited so far. */
uint64_t host_count_wakeups(const struct program *program);
/**
 * Open descriptors of a program: the least seen for 200 ms, as clients that have gone may be
 * noticed a moment later.
 */
unsigned host_count_fds(const struct program *program);
/* Waits until there are not more than so many. */
bool host_wait_fds(const struct program *program, unsigned count, int timeout_ms);

/* The status document of a program, to be put by the caller, or NULL. */
struct json_object *host_status(const struct program *program);
/* A number in a document by path ("counters.bytes_copied", "outputs.0.width"); -1 if absent. */
int64_t host_number(struct json_object *doc, const char *path);
/* A string; "" if absent. Valid as long as the document. */
const char *host_string(struct json_object *doc, const char *path);
/* Both of a fresh status; the string is put into a static buffer. */
int64_t host_status_number(const struct program *program, const char *path);
const char *host_status_string(const struct program *program, const char *path);
/* Asks for the status until the number (string) is there; false after timeout_ms. */
bool host_wait_number(
	const struct program *program, const char *path, int64_t value, int timeout_ms);
bool host_wait_string(
	const struct program *program, const char *path, const char *value, int timeout_ms);

/* Grabs an output ("HEADLESS-1") by grim. */
bool host_grab(struct host *host, const char *output, struct picture *picture);
/* Grabs until the pixel at x, y has the color, or timeout_ms pass; the last picture stays. */
bool host_wait_pixel(struct host *host, const char *output, uint32_t x, uint32_t y, uint32_t color,
	int timeout_ms, struct picture *picture);
/* The same until it has another color. */
bool host_wait_not_pixel(struct host *host, const char *output, uint32_t x, uint32_t y,
	uint32_t color, int timeout_ms, struct picture *picture);
/* Reads a PPM of 8 bits. */
bool picture_read(struct picture *picture, const char *path);
void picture_finish(struct picture *picture);
uint32_t picture_at(const struct picture *picture, uint32_t x, uint32_t y);
/* Whether all pixels of a rectangle have the color; the first that has not is told. */
bool picture_is(const struct picture *picture, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
	uint32_t color);
/* Whether all pixels have one color. */
bool picture_is_flat(const struct picture *picture);
/* Whether any pixel has the color. */
bool picture_has(const struct picture *picture, uint32_t color);

/* CLOCK_MONOTONIC, and a pause, both in milliseconds. */
uint64_t host_now_ms(void);
void host_sleep_ms(unsigned ms);

#endif
