#include "vmm-bridge/gpu/held_reply.h"

#include <stdlib.h>
#include <string.h>

void gp_held_replies_init(
	struct gp_held_replies *fences, const struct gp_gpu_ops *ops, void *data) {
	*fences = (struct gp_held_replies){.ops = ops, .data = data};
	TAILQ_INIT(&fences->list);
}

static void fence_destroy(struct gp_held_reply *fence) {
	TAILQ_REMOVE(&fence->fences->list, fence, link);
	free(fence);
}

void gp_held_replies_finish(struct gp_held_replies *fences) {
	while (!TAILQ_EMPTY(&fences->list)) {
		fence_destroy(TAILQ_FIRST(&fences->list));
	}
}

/* Keeps as many of the chain's buffers as a header needs. */
static void keep_buffers(struct gp_held_reply *fence, const struct gp_chain *chain) {
	size_t left = sizeof(fence->hdr);
	for (size_t i = 0; i < chain->n_in && left > 0; i++) {
		struct iovec part = chain->in[i];
		if (part.iov_len == 0) {
			continue;
		}
		if (part.iov_len > left) {
			part.iov_len = left;
		}
		left -= part.iov_len;
		fence->in[fence->n_in++] = part;
	}
}

struct gp_held_reply *gp_held_reply_create(
	struct gp_held_replies *fences, unsigned queue, const struct gp_chain *chain) {
	struct gp_held_reply *fence = calloc(1, sizeof(*fence));
	if (fence == NULL) {
		return NULL;
	}
	fence->fences = fences;
	fence->queue = queue;
	fence->head = chain->head;
	fence->waits = 1;
	keep_buffers(fence, chain);
	TAILQ_INSERT_TAIL(&fences->list, fence, link);
	return fence;
}

void gp_held_reply_wait(struct gp_held_reply *fence) {
	fence->waits++;
}

void gp_held_reply_signal(struct gp_held_reply *fence) {
	fence->waits--;
	if (fence->waits == 0) {
		gp_held_reply_send(fence);
	}
}

void gp_held_reply_send(struct gp_held_reply *fence) {
	const uint8_t *bytes = (const uint8_t *)&fence->hdr;
	uint32_t written = 0;
	for (size_t i = 0; i < fence->n_in; i++) {
		memcpy(fence->in[i].iov_base, bytes + written, fence->in[i].iov_len);
		written += (uint32_t)fence->in[i].iov_len;
	}
	struct gp_held_replies *fences = fence->fences;
	unsigned queue = fence->queue;
	uint16_t head = fence->head;
	fence_destroy(fence);
	fences->ops->push(fences->data, queue, head, written, true);
}

bool gp_held_reply_uses(const struct gp_held_reply *fence, const struct gp_memory_object *object) {
	for (size_t i = 0; i < fence->n_in && object->map != NULL; i++) {
		const uint8_t *base = fence->in[i].iov_base;
		if (base >= object->map && base < object->map + object->size) {
			return true;
		}
	}
	return false;
}

uint64_t gp_held_reply_wait_revoked(struct gp_held_reply *fence, uint32_t resource_id) {
	fence->token = ++fence->fences->last_token;
	fence->resource_id = resource_id;
	gp_held_reply_wait(fence);
	return fence->token;
}

void gp_held_replies_revoked(struct gp_held_replies *fences, uint32_t resource_id, uint64_t token) {
	struct gp_held_reply *fence;
	TAILQ_FOREACH(fence, &fences->list, link) {
		if (token != 0 && fence->token == token && fence->resource_id == resource_id) {
			fence->token = 0;
			gp_held_reply_signal(fence);
			return;
		}
	}
}
