#ifndef GP_VMM_BRIDGE_STUB_INFOS_H
#define GP_VMM_BRIDGE_STUB_INFOS_H

#include "vmm-bridge/keeper/shared.h"
#include "vmm-bridge/keeper/stub.h"
#include "vmm-bridge/options.h"

/* What the keeper says of the bridge's devices while no worker does. */
struct gp_stub_infos {
	const struct gp_bridge_options *options;
	struct gp_stub_info items[GP_KEEPER_DEVICES_MAX];
};

/* options must outlive it. */
void gp_stub_infos_init(struct gp_stub_infos *infos, const struct gp_bridge_options *options);

#endif
