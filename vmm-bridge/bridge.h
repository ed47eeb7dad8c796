#ifndef GP_BRIDGE_H
#define GP_BRIDGE_H

#include "vmm-bridge/options.h"

/**
 * The bridge of one VM: the vhost-user device, the virtio-gpu device behind it, the exporters and
 * the connection to the compositor, put together.
 */

struct wl_event_loop;
struct gp_bridge;

/* options must stay valid; its fd is taken in every case. NULL after logging. */
struct gp_bridge *gp_bridge_create(struct wl_event_loop *loop, struct gp_options *options);
/* NULL is fine. */
void gp_bridge_destroy(struct gp_bridge *bridge);

/* Waits for events, handles them, and sends what follows from them. False: the loop failed. */
bool gp_bridge_dispatch(struct gp_bridge *bridge);
/* Whether the VMM has gone and there cannot be another (--fd). */
bool gp_bridge_finished(const struct gp_bridge *bridge);

#endif
