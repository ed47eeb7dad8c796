#include "vmm-bridge/keeper/store.h"

#include <stdlib.h>
#include <string.h>

#include "common/fd.h"
#include "vmm-bridge/keeper/channel.h"

void gp_store_init(struct gp_store *store) {
	*store = (struct gp_store){.socket = -1};
	TAILQ_INIT(&store->requests);
}

static void request_destroy(struct gp_store_request *request) {
	if (request != NULL) {
		gp_vhost_frame_close_fds(&request->frame);
		free(request);
	}
}

static void drop(struct gp_store *store, struct gp_store_request *request) {
	TAILQ_REMOVE(&store->requests, request, link);
	store->count--;
	request_destroy(request);
}

void gp_store_clear(struct gp_store *store) {
	while (!TAILQ_EMPTY(&store->requests)) {
		drop(store, TAILQ_FIRST(&store->requests));
	}
	request_destroy(store->pending);
	store->pending = NULL;
	gp_fd_close(&store->socket);
}

void gp_store_connect(struct gp_store *store, int socket) {
	gp_store_clear(store);
	store->socket = socket;
}

bool gp_store_begin(struct gp_store *store, struct gp_vhost_frame *frame) {
	struct gp_store_request *request = calloc(1, sizeof(*request));
	if (request == NULL || store->count == GP_STORE_REQUESTS_MAX) {
		free(request);
		gp_vhost_frame_close_fds(frame);
		return false;
	}
	request->frame = *frame;
	frame->n_fds = 0;
	request_destroy(store->pending);
	store->pending = request;
	return true;
}

/* Of the queue, or of the part of the configuration, that the request is about; 0 for others. */
static uint32_t get_index(const struct gp_vhost_message *message) {
	switch (message->request) {
	case GP_VHOST_SET_VRING_NUM:
	case GP_VHOST_SET_VRING_BASE:
	case GP_VHOST_GET_VRING_BASE:
	case GP_VHOST_SET_VRING_ENABLE:
		return message->vring_state.index;
	case GP_VHOST_SET_VRING_ADDR:
		return message->vring_addr.index;
	case GP_VHOST_SET_VRING_KICK:
	case GP_VHOST_SET_VRING_CALL:
	case GP_VHOST_SET_VRING_ERR:
		return message->vring_fd.index;
	case GP_VHOST_SET_CONFIG:
		return message->config.offset;
	default:
		return 0;
	}
}

#define ANY UINT32_MAX

static void drop_kind(struct gp_store *store, uint32_t kind, uint32_t index) {
	struct gp_store_request *request = TAILQ_FIRST(&store->requests);
	while (request != NULL) {
		struct gp_store_request *next = TAILQ_NEXT(request, link);
		struct gp_vhost_message message;
		if (request->frame.request == kind &&
			gp_vhost_decode(&request->frame, &message) == NULL &&
			(index == ANY || get_index(&message) == index)) {
			drop(store, request);
		}
		request = next;
	}
}

/* Drops the addition of the region that is removed; false if it was in the table. */
static bool drop_region(struct gp_store *store, const struct gp_vhost_region *region) {
	struct gp_store_request *request;
	TAILQ_FOREACH(request, &store->requests, link) {
		struct gp_vhost_message message;
		if (request->frame.request == GP_VHOST_ADD_MEM_REG &&
			gp_vhost_decode(&request->frame, &message) == NULL &&
			message.region.gpa == region->gpa && message.region.uva == region->uva &&
			message.region.size == region->size) {
			drop(store, request);
			return true;
		}
	}
	return false;
}

/* Drops what the request makes void. Returns whether it has to be replayed itself. */
static bool apply(struct gp_store *store, const struct gp_vhost_message *message) {
	uint32_t index = get_index(message);
	switch (message->request) {
	case GP_VHOST_SET_FEATURES:
	case GP_VHOST_SET_BACKEND_REQ_FD:
	case GP_VHOST_SET_CONFIG:
	case GP_VHOST_SET_VRING_NUM:
	case GP_VHOST_SET_VRING_ADDR:
	case GP_VHOST_SET_VRING_BASE:
	case GP_VHOST_SET_VRING_KICK:
	case GP_VHOST_SET_VRING_CALL:
	case GP_VHOST_SET_VRING_ERR:
	case GP_VHOST_SET_VRING_ENABLE:
		drop_kind(store, message->request, index);
		return true;
	case GP_VHOST_SET_MEM_TABLE:
		drop_kind(store, GP_VHOST_SET_MEM_TABLE, ANY);
		drop_kind(store, GP_VHOST_ADD_MEM_REG, ANY);
		drop_kind(store, GP_VHOST_REM_MEM_REG, ANY);
		return true;
	case GP_VHOST_ADD_MEM_REG:
		return true;
	case GP_VHOST_REM_MEM_REG: // may have come with a descriptor, which nobody needs
		gp_vhost_frame_close_fds(&store->pending->frame);
		return !drop_region(store, &message->region);
	case GP_VHOST_GET_VRING_BASE: // stops the queue; later requests decide how it continues
		drop_kind(store, GP_VHOST_SET_VRING_KICK, index);
		drop_kind(store, GP_VHOST_SET_VRING_BASE, index);
		return false;
	case GP_VHOST_RESET_DEVICE:
		drop_kind(store, GP_VHOST_SET_VRING_KICK, ANY);
		drop_kind(store, GP_VHOST_SET_VRING_BASE, ANY);
		drop_kind(store, GP_VHOST_SET_VRING_ENABLE, ANY);
		return false;
	default:
		return false;
	}
}

void gp_store_end(struct gp_store *store, bool accepted) {
	struct gp_store_request *request = store->pending;
	struct gp_vhost_message message;
	bool needed = request != NULL && accepted &&
		gp_vhost_decode(&request->frame, &message) == NULL && apply(store, &message);
	store->pending = NULL;
	if (needed) {
		TAILQ_INSERT_TAIL(&store->requests, request, link);
		store->count++;
	} else {
		request_destroy(request);
	}
}

const struct gp_store_request *gp_store_find(
	const struct gp_store *store, uint32_t kind, uint32_t queue) {
	const struct gp_store_request *request;
	TAILQ_FOREACH(request, &store->requests, link) {
		struct gp_vhost_message message;
		if (request->frame.request == kind &&
			gp_vhost_decode(&request->frame, &message) == NULL &&
			get_index(&message) == queue) {
			return request;
		}
	}
	return NULL;
}

bool gp_store_take(struct gp_store *store, struct gp_channel_message *message) {
	bool ok = true;
	switch (message->kind) {
	case GP_CHANNEL_CONNECTED:
		gp_store_connect(
			store, message->frame.n_fds > 0 ? gp_fd_take(&message->frame.fds[0]) : -1);
		break;
	case GP_CHANNEL_DISCONNECTED:
		gp_store_clear(store);
		break;
	case GP_CHANNEL_REQUEST:
		ok = gp_store_begin(store, &message->frame);
		break;
	case GP_CHANNEL_HANDLED:
		gp_store_end(store, message->number != 0);
		break;
	}
	gp_vhost_frame_close_fds(&message->frame);
	return ok;
}

bool gp_store_send(const struct gp_store *store, int channel, unsigned device) {
	if (store->socket == -1) {
		return true;
	}
	struct gp_channel_message message = {
		.kind = GP_CHANNEL_CONNECTED,
		.device = device,
		.frame = {.fds = {store->socket}, .n_fds = 1},
	};
	const struct gp_channel_message handled = {
		.kind = GP_CHANNEL_HANDLED, .device = device, .number = 1};
	bool ok = gp_channel_send(channel, &message);
	message.kind = GP_CHANNEL_REQUEST;
	const struct gp_store_request *request;
	TAILQ_FOREACH(request, &store->requests, link) {
		message.frame = request->frame;
		ok = ok && gp_channel_send(channel, &message) && gp_channel_send(channel, &handled);
	}
	if (store->pending != NULL) {
		message.frame = store->pending->frame;
		ok = ok && gp_channel_send(channel, &message);
	}
	return ok;
}
