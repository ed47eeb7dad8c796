#ifndef GP_VMM_BRIDGE_KEEPER_STUBS_H
#define GP_VMM_BRIDGE_KEEPER_STUBS_H

#include <stdbool.h>

#include "vmm-bridge/keeper/shared.h"
#include "vmm-bridge/keeper/stub.h"

/**
 * Stubs for all front ends, while there is no worker and will be none.
 */

struct gp_stubs;
struct wl_event_loop;
struct wl_event_source;

struct gp_stub_source {
	struct gp_stubs *stubs;
	struct gp_stub stub;
	struct wl_event_source *source; // NULL: there is no front end
};

struct gp_stubs {
	struct gp_stub_source sources[GP_KEEPER_DEVICES_MAX];
	struct gp_store *stores; // of as many
	struct gp_vhost_checkpoint *checkpoints; // of as many, or NULL: not started
	int shared; // borrowed
	/* The last front end has disconnected. May finish the stubs. */
	void (*ended)(void *data);
	void *data;
};

/**
 * infos and stores are of GP_KEEPER_DEVICES_MAX and must outlive it; shared is the file of struct
 * gp_shared. False after logging.
 */
bool gp_stubs_start(struct gp_stubs *stubs, struct wl_event_loop *loop,
	const struct gp_stub_info *infos, struct gp_store *stores, int shared,
	void (*ended)(void *data), void *data);
/* The front ends stay connected. Zeroed ones may be finished. */
void gp_stubs_finish(struct gp_stubs *stubs);

#endif
