#ifndef GP_VMM_BRIDGE_VHOST_REQUESTS_H
#define GP_VMM_BRIDGE_VHOST_REQUESTS_H

#include <stdbool.h>

#include "vmm-bridge/vhost/message.h"

struct gp_vhost_device;

/**
 * Does what one frame of the front end asks for, and answers. Descriptors are taken from the frame
 * as needed. False, after logging, if the connection must end.
 */
bool gp_vhost_handle_frame(struct gp_vhost_device *device, struct gp_vhost_frame *frame);

#endif
