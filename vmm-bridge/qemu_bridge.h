#ifndef GP_VMM_BRIDGE_QEMU_BRIDGE_H
#define GP_VMM_BRIDGE_QEMU_BRIDGE_H

#include "vmm-bridge/options.h"

/* The bridge of a VM whose frames come from QEMU's own display; beside bridge.h. */

struct gp_qemu_bridge;
struct gp_worker;
struct wl_event_loop;

/* options and worker must outlive it. NULL after logging. */
struct gp_qemu_bridge *gp_qemu_bridge_create(struct wl_event_loop *loop,
	const struct gp_bridge_options *options, struct gp_worker *worker);
/* After all rights were given up. False after logging: it is only to be destroyed. */
bool gp_qemu_bridge_start(struct gp_qemu_bridge *bridge);
/* NULL is fine. */
void gp_qemu_bridge_destroy(struct gp_qemu_bridge *bridge);
/* As gp_bridge_dispatch and gp_bridge_finished. */
bool gp_qemu_bridge_dispatch(struct gp_qemu_bridge *bridge);
bool gp_qemu_bridge_finished(const struct gp_qemu_bridge *bridge);

#endif
