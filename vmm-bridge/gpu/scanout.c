#include "vmm-bridge/gpu/scanout.h"

#include <stdlib.h>

#include "common/trace.h"

void gp_scanout_init(struct gp_scanout *scanout, const struct gp_gpu_ops *ops, void *data,
	uint32_t index, uint32_t refresh_mhz) {
	*scanout = (struct gp_scanout){.ops = ops, .data = data, .index = index};
	gp_pacer_init(&scanout->pacer, refresh_mhz);
	TAILQ_INIT(&scanout->flushes);
}

static void flush_destroy(struct gp_scanout *scanout, struct gp_flush *flush) {
	if (flush->reply == NULL) {
		scanout->n_replied--;
	}
	TAILQ_REMOVE(&scanout->flushes, flush, link);
	free(flush);
}

void gp_scanout_finish(struct gp_scanout *scanout) {
	while (!TAILQ_EMPTY(&scanout->flushes)) {
		flush_destroy(scanout, TAILQ_FIRST(&scanout->flushes));
	}
	scanout->resource_id = 0;
	scanout->shown = false;
	scanout->timeouts = 0;
}

static void forget_replied(struct gp_scanout *scanout) {
	struct gp_flush *flush = TAILQ_FIRST(&scanout->flushes);
	while (flush != NULL) {
		struct gp_flush *next = TAILQ_NEXT(flush, link);
		if (flush->reply == NULL) {
			flush_destroy(scanout, flush);
		}
		flush = next;
	}
}

static void forget_oldest_replied(struct gp_scanout *scanout) {
	struct gp_flush *flush;
	TAILQ_FOREACH(flush, &scanout->flushes, link) {
		if (flush->reply == NULL) {
			flush_destroy(scanout, flush);
			return;
		}
	}
}

void gp_scanout_set(
	struct gp_scanout *scanout, struct gp_resource *resource, const struct gp_framebuffer *fb) {
	scanout->resource_id = resource->id;
	scanout->fb = *fb;
	scanout->shown = true;
	scanout->ops->scanout_set(scanout->data, scanout->index, resource, &scanout->fb);
}

void gp_scanout_remember(struct gp_scanout *scanout, const struct gp_resource *resource,
	const struct gp_framebuffer *fb) {
	scanout->resource_id = resource->id;
	scanout->fb = *fb;
}

void gp_scanout_hide(struct gp_scanout *scanout) {
	if (!scanout->shown) {
		return;
	}
	scanout->shown = false;
	forget_replied(scanout);
	struct gp_flush *flush;
	TAILQ_FOREACH(flush, &scanout->flushes, link) {
		gp_pacer_release(&flush->hold, flush->hold.arrived_ns);
	}
	scanout->ops->scanout_disable(scanout->data, scanout->index);
}

void gp_scanout_disable(struct gp_scanout *scanout) {
	gp_scanout_hide(scanout);
	scanout->resource_id = 0;
}

/* Counts the reply. frame is the id in the trace of what it replies to, 0: none. */
static void count_reply(struct gp_scanout *scanout, enum gp_reply_cause cause, uint64_t frame) {
	scanout->replies[cause]++;
	if (frame != 0 && gp_trace_on) {
		uint64_t now_ns = gp_trace_now();
		gp_trace_event("reply", GP_TRACE_LAST, frame, now_ns, now_ns, "cause",
			gp_reply_cause_name(cause));
	}
}

static void add_flush(struct gp_scanout *scanout, struct gp_held_reply *reply, uint64_t frame,
	bool wait_release, uint64_t now_ns) {
	struct gp_flush *flush = calloc(1, sizeof(*flush));
	if (flush == NULL) {
		return; // replied to at once
	}
	if (reply != NULL) {
		gp_pacer_begin(&scanout->pacer, &flush->hold, now_ns, wait_release);
		gp_held_reply_wait(reply);
	} else {
		scanout->n_replied++;
	}
	flush->reply = reply;
	flush->frame = frame;
	TAILQ_INSERT_TAIL(&scanout->flushes, flush, link);
	if (scanout->n_replied > GP_SCANOUT_REPLIED_MAX) {
		forget_oldest_replied(scanout);
	}
}

void gp_scanout_flush(struct gp_scanout *scanout, const struct gp_rect *rect,
	struct gp_held_reply *reply, uint64_t now_ns) {
	struct gp_rect damage;
	if (!scanout->shown || !gp_rect_intersect(rect, &scanout->fb.rect, &damage)) {
		scanout->replies[GP_REPLY_IMMEDIATE]++;
		return;
	}
	scanout->n_flushes++;
	bool wait_release =
		scanout->ops->scanout_flush(scanout->data, scanout->index, &damage, reply != NULL);
	uint64_t frame = gp_trace_on ? gp_trace_take_committed() : 0;
	if (reply == NULL) {
		count_reply(scanout, GP_REPLY_IMMEDIATE, frame);
	}
	if (reply != NULL || wait_release) {
		add_flush(scanout, reply, frame, wait_release, now_ns);
	}
}

void gp_scanout_buffer_released(struct gp_scanout *scanout, uint64_t now_ns) {
	struct gp_flush *flush;
	TAILQ_FOREACH(flush, &scanout->flushes, link) {
		if (flush->reply == NULL) {
			flush_destroy(scanout, flush);
			return;
		}
		if (flush->hold.wait_release) {
			gp_pacer_release(&flush->hold, now_ns);
			return;
		}
	}
}

/* Ends the flush; its place stays if a release is still owed. */
static void reply_flush(
	struct gp_scanout *scanout, struct gp_flush *flush, enum gp_reply_cause cause) {
	struct gp_held_reply *reply = flush->reply;
	bool owed = flush->hold.wait_release;
	count_reply(scanout, cause, flush->frame);
	scanout->timeouts = owed ? scanout->timeouts + 1 : 0;
	flush->reply = NULL;
	scanout->n_replied++;
	if (!owed) {
		flush_destroy(scanout, flush);
	} else if (scanout->n_replied > GP_SCANOUT_REPLIED_MAX) {
		forget_oldest_replied(scanout);
	}
	gp_held_reply_signal(reply);
}

void gp_scanout_dispatch(struct gp_scanout *scanout, uint64_t now_ns) {
	struct gp_flush *flush = TAILQ_FIRST(&scanout->flushes);
	while (flush != NULL) {
		struct gp_flush *next = TAILQ_NEXT(flush, link);
		enum gp_reply_cause cause;
		if (flush->reply != NULL && gp_pacer_due(&flush->hold, now_ns, &cause)) {
			reply_flush(scanout, flush, cause);
		}
		flush = next;
	}
	if (scanout->timeouts >= GP_SCANOUT_TIMEOUTS_MAX) {
		scanout->timeouts = 0;
		forget_replied(scanout);
	}
}

uint64_t gp_scanout_deadline(const struct gp_scanout *scanout) {
	uint64_t deadline_ns = UINT64_MAX;
	struct gp_flush *flush;
	TAILQ_FOREACH(flush, &scanout->flushes, link) {
		uint64_t ns = gp_pacer_deadline(&flush->hold);
		if (flush->reply != NULL && ns < deadline_ns) {
			deadline_ns = ns;
		}
	}
	return deadline_ns;
}

void gp_scanout_forget_reply(struct gp_scanout *scanout, const struct gp_held_reply *reply) {
	struct gp_flush *flush = TAILQ_FIRST(&scanout->flushes);
	while (flush != NULL) {
		struct gp_flush *next = TAILQ_NEXT(flush, link);
		if (flush->reply == reply) {
			count_reply(scanout, GP_REPLY_DRAIN, flush->frame);
			flush->reply = NULL;
			scanout->n_replied++;
			if (!flush->hold.wait_release) {
				flush_destroy(scanout, flush);
			}
		}
		flush = next;
	}
}
