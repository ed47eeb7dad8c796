#ifndef GP_VMM_BRIDGE_KEEPER_STORE_H
#define GP_VMM_BRIDGE_KEEPER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "vmm-bridge/vhost/message.h"

struct gp_channel_message;

/**
 * The requests of a front end that set up a device: what a fresh process has to replay. A request
 * that a later one makes void is dropped, so there are some hundred at most, of which most are
 * memory regions. All that this file knows of a request is which others it makes void.
 */

#define GP_STORE_REQUESTS_MAX 2048

struct gp_store_request {
	TAILQ_ENTRY(gp_store_request) link;
	struct gp_vhost_frame frame; // with its descriptors
};

struct gp_store {
	int socket; // of the front end; -1: there is none
	TAILQ_HEAD(, gp_store_request) requests; // in their order
	size_t count;
	struct gp_store_request *pending; // not handled yet, or NULL
};

void gp_store_init(struct gp_store *store);
/* Closes all descriptors, and is empty. */
void gp_store_clear(struct gp_store *store);
/* A front end; takes the socket. What was there is void. */
void gp_store_connect(struct gp_store *store, int socket);
/**
 * A request is about to be handled. Takes the descriptors of the frame, also on failure: false if
 * memory is short, or there are too many.
 */
bool gp_store_begin(struct gp_store *store, struct gp_vhost_frame *frame);
/* That request was handled. */
void gp_store_end(struct gp_store *store, bool accepted);

/* The request of that kind about the queue that is kept, or NULL. */
const struct gp_store_request *gp_store_find(
	const struct gp_store *store, uint32_t kind, uint32_t queue);

/**
 * Does what a message about a front end says, and closes the descriptors that it does not need.
 * False: there was no room for a request.
 */
bool gp_store_take(struct gp_store *store, struct gp_channel_message *message);
/* Sends all of it, so that an empty one at the other end becomes the same. False with errno. */
bool gp_store_send(const struct gp_store *store, int channel, unsigned device);

#endif
