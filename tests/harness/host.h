#ifndef GP_HARNESS_HOST_H
#define GP_HARNESS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct json_object;

/**
 * The host's side of a test: a directory of its own as XDG_RUNTIME_DIR, programs that are started
 * and ended in it, their status, and pictures of the compositor's output.
 */

struct host {
	char dir[64];          // XDG_RUNTIME_DIR, removed at the end
	char bridge_socket[96];
	char wayland_display[32]; // of the compositor, read when it is up
	pid_t compositor, bridge; // 0: not running
	char vhost_socket[96];
};

struct picture {
	uint32_t width, height;
	uint32_t *pixels; // 0x00RRGGBB, packed; free() it
};

/* Paths of the programs come from GUESTPANE, GUESTPANE_BRIDGE and GUESTPANECTL. */
bool host_init(struct host *host);
/* Ends what was started (SIGTERM, then SIGKILL after 5 s) and removes the directory. */
void host_finish(struct host *host);
/* Headless, pixman, outputs of width × height; extra args, NULL-terminated, may be NULL. */
bool host_start_compositor(
	struct host *host, unsigned outputs, unsigned width, unsigned height, const char *const *args);
bool host_start_bridge(struct host *host, const char *const *args);
/* SIGTERM and wait; the exit status, or -1 if it had to be killed or died of a signal. */
int host_stop(pid_t *pid);
/* Whether it still runs. */
bool host_alive(pid_t pid);
unsigned host_count_fds(pid_t pid);
/* The status document of a program, to be put by the caller, or NULL. */
struct json_object *host_status(struct host *host, pid_t pid);
/* A number in a document by path ("counters.bytes_copied", "outputs.0.width"); -1 if absent. */
int64_t host_number(struct json_object *doc, const char *path);
const char *host_string(struct json_object *doc, const char *path);
/* Grabs an output ("HEADLESS-1") by grim. */
bool host_grab(struct host *host, const char *output, struct picture *picture);
/* Grabs until the pixel at x, y has the color, or timeout_ms have passed; the last picture stays. */
bool host_wait_pixel(struct host *host, const char *output, uint32_t x, uint32_t y, uint32_t color,
	int timeout_ms, struct picture *picture);
bool picture_is(const struct picture *picture, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
	uint32_t color);

#endif
