#ifndef GP_VMM_BRIDGE_CONTROL_SOCKET_H
#define GP_VMM_BRIDGE_CONTROL_SOCKET_H

#include "common/control.h"
#include "vmm-bridge/options.h"

/**
 * The bridge's control socket, at its default path or at that of the command line. A picture is
 * worth more than its state: a default path that cannot be used is only logged, and *control is
 * NULL then. But a bridge that listens there is of the same name, and the compositor takes only one
 * of it. False after logging.
 */
bool gp_control_socket_create(struct gp_control **control, struct wl_event_loop *loop,
	const struct gp_bridge_options *options, gp_control_handler handler, void *data);

#endif
