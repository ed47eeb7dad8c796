#ifndef GP_VMM_BRIDGE_VHOST_FRONT_END_H
#define GP_VMM_BRIDGE_VHOST_FRONT_END_H

#include <stdbool.h>

#include "common/log.h"
#include "vmm-bridge/vhost/back_channel.h"
#include "vmm-bridge/vhost/message.h"
#include "vmm-bridge/vhost/ops.h"
#include "vmm-bridge/vhost/queues.h"

/**
 * A front end's requests, and the replies to them: what they set up is the queues and the back
 * channel.
 */

struct gp_vhost_front_end {
	struct wl_event_loop *loop;
	const struct gp_vhost_info *info;
	struct gp_vhost_queues *queues;
	int socket; // owned, or -1
	struct gp_back_channel back_channel;
	bool config_changed; // the guest has to be notified at the next start
	bool replaying; // requests that an earlier process replied to
	struct gp_log_limit errors;
};

/**
 * Does what one frame of the front end asks for, and replies. Descriptors are taken from the frame
 * as needed. False, after logging, if the connection must end.
 */
bool gp_vhost_front_end_handle(struct gp_vhost_front_end *front, struct gp_vhost_frame *frame);

#endif
