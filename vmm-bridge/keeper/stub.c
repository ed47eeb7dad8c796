#include "vmm-bridge/keeper/stub.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "vmm-bridge/keeper/store.h"
#include "vmm-bridge/vhost/offered_features.h"
#include "vmm-bridge/virtio/guest_memory.h"

static void note_reset(struct gp_stub *stub) {
	for (unsigned i = 0; i < stub->info->n_queues; i++) {
		stub->checkpoint->worked[i] = 0;
		if (gp_store_find(stub->store, GP_VHOST_SET_VRING_KICK, i) == NULL) {
			stub->checkpoint->rings[i] = (struct gp_ring_checkpoint){0};
		}
	}
	stub->reset = true;
}

/**
 * A queue starts that did not run. It may be the old one, which a worker will go on with, with the
 * chains that are in flight. A queue that has worked and begins at 0 means a reset (C9).
 */
static void note_start(struct gp_stub *stub, uint32_t queue) {
	struct gp_ring_checkpoint *ring = &stub->checkpoint->rings[queue];
	const struct gp_store_request *request =
		gp_store_find(stub->store, GP_VHOST_SET_VRING_BASE, queue);
	struct gp_vhost_message message;
	uint16_t base = ring->last_avail;
	if (request != NULL && gp_vhost_decode(&request->frame, &message) == NULL) {
		base = (uint16_t)message.vring_state.num;
	}
	if (base == 0 && stub->checkpoint->worked[queue] != 0) {
		note_reset(stub);
	} else if (base != ring->last_avail) {
		*ring = (struct gp_ring_checkpoint){.last_avail = base};
	}
}

static void get_config(struct gp_stub *stub, const struct gp_vhost_message *message,
	struct gp_vhost_reply *reply) {
	uint8_t written[GP_VHOST_CONFIG_MAX] = {0};
	const struct gp_store_request *request;
	TAILQ_FOREACH(request, &stub->store->requests, link) {
		struct gp_vhost_message set;
		if (request->frame.request == GP_VHOST_SET_CONFIG &&
			gp_vhost_decode(&request->frame, &set) == NULL) {
			memcpy(written + set.config.offset, set.config.bytes, set.config.size);
		}
	}
	const uint32_t header[] = {
		message->config.offset, message->config.size, message->config.flags};
	memcpy(reply->payload, header, sizeof(header));
	reply->size = sizeof(header) + message->config.size;
	stub->info->get_config(stub->info->data, written, message->config.offset,
		message->config.size, reply->payload + sizeof(header));
}

/* Fills in the reply of a request that has one of its own. False: it is refused. */
static bool handle(struct gp_stub *stub, const struct gp_vhost_message *message,
	struct gp_vhost_reply *reply) {
	switch (message->request) {
	case GP_VHOST_GET_FEATURES:
		gp_vhost_reply_u64(reply, stub->info->features | GP_VHOST_TRANSPORT_FEATURES);
		return true;
	case GP_VHOST_GET_PROTOCOL_FEATURES:
		gp_vhost_reply_u64(reply, GP_VHOST_PROTOCOL_FEATURES);
		return true;
	case GP_VHOST_GET_QUEUE_NUM:
		gp_vhost_reply_u64(reply, stub->info->n_queues);
		return true;
	case GP_VHOST_GET_MAX_MEM_SLOTS:
		gp_vhost_reply_u64(reply, GP_MEMORY_REGIONS_MAX);
		return true;
	case GP_VHOST_GET_CONFIG:
		get_config(stub, message, reply);
		return true;
	case GP_VHOST_GET_VRING_BASE: {
		uint32_t queue = message->vring_state.index;
		if (queue >= stub->info->n_queues) {
			return false;
		}
		const uint32_t state[] = {queue, stub->checkpoint->rings[queue].last_avail};
		memcpy(reply->payload, state, sizeof(state));
		reply->size = sizeof(state);
		return true;
	}
	case GP_VHOST_SET_VRING_KICK: {
		uint32_t queue = message->vring_fd.index;
		if (queue >= stub->info->n_queues || message->vring_fd.no_fd) {
			return false;
		}
		if (gp_store_find(stub->store, GP_VHOST_SET_VRING_KICK, queue) == NULL) {
			note_start(stub, queue);
		}
		return true;
	}
	default:
		return strcmp(gp_vhost_request_name(message->request), "unknown request") != 0;
	}
}

/* The request is pending in the store. False after logging: the connection must end. */
static bool reply_to_pending(struct gp_stub *stub) {
	const struct gp_vhost_frame *frame = &stub->store->pending->frame;
	struct gp_vhost_message message;
	struct gp_vhost_reply reply = {0};
	const char *error = gp_vhost_decode(frame, &message);
	if (error != NULL) {
		gp_error("vhost: %s: %s; connection dropped", gp_vhost_request_name(frame->request),
			error);
		return false;
	}
	bool accepted = handle(stub, &message, &reply);
	gp_store_end(stub->store, accepted);
	if (message.request == GP_VHOST_RESET_DEVICE) {
		note_reset(stub); // by now no queue is started
	}
	if (reply.size == 0 && message.need_reply) {
		gp_vhost_reply_u64(&reply, accepted ? 0 : 1);
	}
	if (reply.size != 0 && !gp_vhost_reply_send(&reply, message.request, stub->store->socket)) {
		gp_error_errno("vhost: reply to %s; connection dropped",
			gp_vhost_request_name(message.request));
		return false;
	}
	return true;
}

void gp_stub_init(struct gp_stub *stub, const struct gp_stub_info *info, struct gp_store *store,
	struct gp_vhost_checkpoint *checkpoint) {
	*stub = (struct gp_stub){.info = info, .store = store, .checkpoint = checkpoint};
	gp_vhost_reader_init(&stub->reader);
	if (store->pending != NULL) {
		reply_to_pending(stub); // a failure shows again when the socket is read
	}
}

void gp_stub_finish(struct gp_stub *stub) {
	gp_vhost_reader_next(&stub->reader);
}

bool gp_stub_dispatch(struct gp_stub *stub, bool *more) {
	int r = gp_vhost_reader_read(&stub->reader, stub->store->socket);
	if (r == 0) {
		*more = false;
		return true;
	}
	if (r < 0) {
		gp_info("vhost: the front end has disconnected: %s", strerror(-r));
		return false;
	}
	bool ok = gp_store_begin(stub->store, &stub->reader.frame) && reply_to_pending(stub);
	gp_vhost_reader_next(&stub->reader);
	return ok;
}
