#include "vmm-bridge/gpu/held_reply.h"

#include <stdlib.h>
#include <string.h>

void gp_held_replies_init(
	struct gp_held_replies *replies, const struct gp_gpu_ops *ops, void *data) {
	*replies = (struct gp_held_replies){.ops = ops, .data = data};
	TAILQ_INIT(&replies->list);
}

static void destroy(struct gp_held_reply *reply) {
	TAILQ_REMOVE(&reply->replies->list, reply, link);
	free(reply);
}

void gp_held_replies_finish(struct gp_held_replies *replies) {
	while (!TAILQ_EMPTY(&replies->list)) {
		destroy(TAILQ_FIRST(&replies->list));
	}
}

/* Takes over as many of the chain's buffers as a header needs. */
static void take_buffers(struct gp_held_reply *reply, const struct gp_chain *chain) {
	size_t left = sizeof(reply->hdr);
	for (size_t i = 0; i < chain->n_in && left > 0; i++) {
		struct iovec part = chain->in[i];
		if (part.iov_len == 0) {
			continue;
		}
		if (part.iov_len > left) {
			part.iov_len = left;
		}
		left -= part.iov_len;
		reply->in[reply->n_in++] = part;
	}
}

struct gp_held_reply *gp_held_reply_create(
	struct gp_held_replies *replies, unsigned queue, const struct gp_chain *chain) {
	struct gp_held_reply *reply = calloc(1, sizeof(*reply));
	if (reply == NULL) {
		return NULL;
	}
	reply->replies = replies;
	reply->queue = queue;
	reply->head = chain->head;
	reply->waits = 1;
	take_buffers(reply, chain);
	TAILQ_INSERT_TAIL(&replies->list, reply, link);
	return reply;
}

void gp_held_reply_wait(struct gp_held_reply *reply) {
	reply->waits++;
}

void gp_held_reply_signal(struct gp_held_reply *reply) {
	reply->waits--;
	if (reply->waits == 0) {
		gp_held_reply_send(reply);
	}
}

void gp_held_reply_send(struct gp_held_reply *reply) {
	const uint8_t *bytes = (const uint8_t *)&reply->hdr;
	uint32_t written = 0;
	for (size_t i = 0; i < reply->n_in; i++) {
		memcpy(reply->in[i].iov_base, bytes + written, reply->in[i].iov_len);
		written += (uint32_t)reply->in[i].iov_len;
	}
	struct gp_held_replies *replies = reply->replies;
	unsigned queue = reply->queue;
	uint16_t head = reply->head;
	destroy(reply);
	replies->ops->push(replies->data, queue, head, written, true);
}

bool gp_held_reply_uses(const struct gp_held_reply *reply, const struct gp_memory_object *object) {
	for (size_t i = 0; i < reply->n_in && object->map != NULL; i++) {
		const uint8_t *base = reply->in[i].iov_base;
		if (base >= object->map && base < object->map + object->size) {
			return true;
		}
	}
	return false;
}

uint64_t gp_held_reply_wait_revoked(struct gp_held_reply *reply, uint32_t resource_id) {
	reply->token = ++reply->replies->last_token;
	reply->resource_id = resource_id;
	gp_held_reply_wait(reply);
	return reply->token;
}

void gp_held_replies_revoked(
	struct gp_held_replies *replies, uint32_t resource_id, uint64_t token) {
	struct gp_held_reply *reply;
	TAILQ_FOREACH(reply, &replies->list, link) {
		if (token != 0 && reply->token == token && reply->resource_id == resource_id) {
			reply->token = 0;
			gp_held_reply_signal(reply);
			return;
		}
	}
}
