#ifndef GP_VMM_BRIDGE_KEEPER_CHANNEL_H
#define GP_VMM_BRIDGE_KEEPER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/vhost/message.h"

/**
 * Messages from the worker to the keeper: a datagram each, on a SOCK_SEQPACKET pair, which holds
 * what was sent when the worker ends. Descriptors are passed along and stay the sender's.
 */

enum gp_channel_kind {
	GP_CHANNEL_CONNECTED, // one descriptor: the front end's socket
	GP_CHANNEL_DISCONNECTED,
	GP_CHANNEL_REQUEST, // frame, with its descriptors
	GP_CHANNEL_HANDLED,
};

struct gp_channel_message {
	uint32_t kind;
	uint32_t device; // index
	uint32_t accepted; // HANDLED: 0 or 1
	struct gp_vhost_frame frame; // REQUEST: all of it; CONNECTED: the descriptor
};

/* Waits for room. False with errno. */
bool gp_channel_send(int fd, const struct gp_channel_message *message);
/**
 * Does not wait. 1 with a message, whose descriptors are the caller's; 0 if there is none now;
 * -errno on failure: -ECONNRESET at the end, -EPROTO for a malformed one (dropped).
 */
int gp_channel_receive(int fd, struct gp_channel_message *message);

#endif
