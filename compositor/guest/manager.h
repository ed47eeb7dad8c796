#ifndef GP_COMPOSITOR_GUEST_MANAGER_H
#define GP_COMPOSITOR_GUEST_MANAGER_H

#include <stdbool.h>
#include <wayland-server-core.h>

#include "common/log.h"
#include "compositor/memory/importer.h"

struct wlr_renderer;

#define GP_GUEST_REFUSAL_MAX 320
#define GP_GUEST_LOGS 16

struct gp_guest_request {
	struct wl_client *client;
	const char *name;
	char refusal[GP_GUEST_REFUSAL_MAX]; // for the client; empty: it may
};

/* A client has sent the descriptor of a blob, and descriptors are short. */
struct gp_blob_request {
	struct wl_client *client;
	bool granted; // set by the listener
};

/**
 * All guests, and what their objects share. Whoever shows guests or gives them input listens here
 * and on scanouts. The protocol's global is in guest/manager_v1.h.
 */
struct gp_guest_manager {
	struct wl_global *global; // guest_scanout_manager_v1; may be NULL
	struct gp_importer importer;

	struct wl_list guests; // gp_guest.link, oldest first
	bool paused;
	/* Of the lines that guests come and leave, by name: a bridge may do so without end. */
	struct gp_log_limit logs[GP_GUEST_LOGS];

	struct {
		/* A client wants to make a guest; any listener may refuse. */
		struct wl_signal guest_request; // struct gp_guest_request
		struct wl_signal fds_short; // struct gp_blob_request
		/* Before the scanout's first monitor batch, which the listener has to send. */
		struct wl_signal new_scanout; // struct gp_guest_scanout
		struct wl_signal leds; // struct gp_guest
		/* A client revoked memory that an output still uses. */
		struct wl_signal memory_wanted; // struct gp_blob_memory
		struct wl_signal pause; // NULL
	} events;
};

void gp_guest_manager_init(struct gp_guest_manager *manager, struct wlr_renderer *renderer);
/* The limit for lines about guests of this name, connected or not. Others may share it. */
struct gp_log_limit *gp_guest_manager_get_log(struct gp_guest_manager *manager, const char *name);
/**
 * While paused, nothing is shown and no output reads a buffer. Some are still locked: a plane that
 * is not ours keeps its last buffer until it gets another. So revoked memory is unused at once.
 */
void gp_guest_manager_set_paused(struct gp_guest_manager *manager, bool paused);

#endif
