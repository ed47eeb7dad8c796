#ifndef GP_VMM_BRIDGE_KEEPER_CHANNEL_H
#define GP_VMM_BRIDGE_KEEPER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/keeper/grant.h"
#include "vmm-bridge/vhost/message.h"

/**
 * Messages between keeper and worker: a datagram each, on a SOCK_SEQPACKET pair, which holds what
 * was sent when its sender ends. Descriptors are passed along and stay the sender's.
 */

enum gp_channel_kind {
	/* What is stored of a front end (store.h): from the worker, and back to the next one. */
	GP_CHANNEL_CONNECTED, // one descriptor: the front end's socket
	GP_CHANNEL_DISCONNECTED,
	GP_CHANNEL_REQUEST, // frame, with its descriptors
	GP_CHANNEL_HANDLED, // number: 1 if it was accepted, else 0

	/* To the worker, at its start, after which come the front ends. */
	GP_CHANNEL_SHARED, // one descriptor: struct gp_shared. number: how many workers there were
	GP_CHANNEL_GRANT, // payload: struct gp_grant; its descriptor, if there is one
	GP_CHANNEL_READY, // that was all

	/* From keeper to keeper (handover.h): the above, and these. */
	GP_CHANNEL_HELLO, // number: GP_HANDOVER_VERSION; payload: struct gp_handover_hello
	GP_CHANNEL_REFUSED, // payload: the reason, as text

	/* The worker asks for something (broker.h); replies come in order. */
	GP_CHANNEL_CALL, // number: enum gp_broker_call; device: serial number; payload
	GP_CHANNEL_REPLY, // number: the result; device: the call's; payload, descriptors
};

struct gp_channel_message {
	uint32_t kind;
	uint32_t device; // index
	int32_t number;
	struct gp_vhost_frame frame; // REQUEST: all of it; others: payload, size and descriptors
};

/* Waits for room. False with errno. */
bool gp_channel_send(int fd, const struct gp_channel_message *message);
bool gp_channel_send_grant(int fd, const struct gp_grant *grant);
/* Takes the descriptor of a GRANT. False: it is malformed. */
bool gp_channel_read_grant(struct gp_channel_message *message, struct gp_grant *grant);
/**
 * Does not wait. 1 with a message, whose descriptors are the caller's; 0 if there is none now;
 * -errno on failure: -ECONNRESET at the end, -EPROTO for a malformed one (dropped).
 */
int gp_channel_receive(int fd, struct gp_channel_message *message);
/* The same, but waits so long for one; -1: for ever. */
int gp_channel_wait(int fd, struct gp_channel_message *message, int timeout_ms);

#endif
