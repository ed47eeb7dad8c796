#ifndef GP_VMM_BRIDGE_BRIDGE_H
#define GP_VMM_BRIDGE_BRIDGE_H

#include "vmm-bridge/options.h"

/**
 * The bridge of one VM: the vhost-user device, the virtio-gpu device behind it, the presenter, the
 * seat and the connection to the compositor, put together.
 */

struct gp_bridge;
struct gp_worker;
struct wl_event_loop;

/* options and worker must outlive it. It looks at the host. NULL after logging. */
struct gp_bridge *gp_bridge_create(struct wl_event_loop *loop,
	const struct gp_bridge_options *options, struct gp_worker *worker);
/**
 * To be called next, when the worker has got its start, and after all rights were given up: opens
 * nothing. Takes over the front ends that an earlier process has left with the keeper, if any, and
 * handles what the guest has left. False after logging: it cannot be served.
 */
bool gp_bridge_start(struct gp_bridge *bridge);
/* NULL is fine. */
void gp_bridge_destroy(struct gp_bridge *bridge);

/**
 * Whether a front end is connected. If so, it has the replies that it can get now, and another
 * process can go on with it (gp_bridge_start): this one must end without gp_bridge_destroy.
 */
bool gp_bridge_leave(struct gp_bridge *bridge);

/* Waits for events, handles them, and sends what follows from them. False: the loop failed. */
bool gp_bridge_dispatch(struct gp_bridge *bridge);
/* Whether the VMM has disconnected and no other can connect (--fd). */
bool gp_bridge_finished(const struct gp_bridge *bridge);

#endif
