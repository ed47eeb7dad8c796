#ifndef GP_VMM_BRIDGE_QEMU_BRIDGE_H
#define GP_VMM_BRIDGE_QEMU_BRIDGE_H

#include "vmm-bridge/options.h"

/* The bridge of a VM whose frames come from QEMU's own display; beside bridge.h. */

struct gp_qemu_bridge;
struct wl_event_loop;

/* options must stay valid; its display_fd is taken in every case. NULL after logging. */
struct gp_qemu_bridge *gp_qemu_bridge_create(
	struct wl_event_loop *loop, struct gp_bridge_options *options);
/* NULL is fine. */
void gp_qemu_bridge_destroy(struct gp_qemu_bridge *bridge);
/* As gp_bridge_dispatch and gp_bridge_finished. */
bool gp_qemu_bridge_dispatch(struct gp_qemu_bridge *bridge);
bool gp_qemu_bridge_finished(const struct gp_qemu_bridge *bridge);

#endif
