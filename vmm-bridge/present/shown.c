#include "vmm-bridge/present/shown.h"

#include <string.h>

/* Frames of a scanout, without end and at once: a guest need not wait for the reply to a flush. */
#define FRAME_INTERVAL_NS 1000000ull
#define FRAME_BURST 32

static bool same_rect(const struct gp_rect *a, const struct gp_rect *b) {
	return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height;
}

/* The deferred frame is not shown any more: what it has changed must come with the next one. */
static void drop_deferred(struct gp_shown *shown) {
	shown->lost_frame |= shown->deferred;
	shown->deferred = shown->waiting = shown->paced = false;
	gp_shown_release(shown, GP_SHOWN_WAITING);
}

void gp_shown_set(struct gp_shown *shown, struct gp_memory *memory,
	const struct gp_client_layout *layout, const struct gp_rect *source) {
	if (shown->memory != memory || !gp_layout_equal(&shown->layout, layout) ||
		!same_rect(&shown->source, source)) {
		shown->copied = NULL;
		shown->flushed = false;
		drop_deferred(shown);
	}
	shown->memory = memory;
	shown->layout = *layout;
	shown->source = *source;
}

void gp_shown_disable(struct gp_shown *shown) {
	shown->memory = NULL;
	shown->copied = NULL;
	shown->flushed = false;
	shown->committed = false;
	shown->deferred = shown->waiting = shown->paced = false;
	shown->buffer = NULL;
	shown->n_replaced = 0;
}

void gp_shown_forget_memory(struct gp_shown *shown) {
	shown->memory = NULL;
	shown->flushed = false;
	drop_deferred(shown);
}

void gp_shown_disconnect(struct gp_shown *shown) {
	gp_shown_release(shown, NULL);
	shown->copied = NULL;
	shown->visible = false;
	shown->committed = false;
	shown->buffer = NULL;
}

void gp_shown_forget_buffer(struct gp_shown *shown, const struct gp_client_buffer *buffer) {
	gp_shown_release(shown, buffer);
	if (shown->buffer == buffer) {
		shown->buffer = NULL;
	}
}

bool gp_shown_take_token(struct gp_shown *shown, uint64_t now_ns) {
	if (shown->budget_ns > now_ns + FRAME_BURST * FRAME_INTERVAL_NS) {
		return false;
	}
	uint64_t from_ns = shown->budget_ns > now_ns ? shown->budget_ns : now_ns;
	shown->budget_ns = from_ns + FRAME_INTERVAL_NS;
	return true;
}

bool gp_shown_take_period(struct gp_shown *shown, uint64_t now_ns) {
	if (now_ns < shown->due_ns) {
		return false;
	}
	/* A timer that is late does not make the rate lower. */
	bool late = shown->deferred || shown->lost_frame;
	bool in_step = late && now_ns - shown->due_ns < shown->period_ns;
	shown->due_ns = (in_step ? shown->due_ns : now_ns) + shown->period_ns;
	return true;
}

void gp_shown_defer(struct gp_shown *shown, const struct gp_rect *damage, bool paced) {
	shown->paced = shown->deferred ? shown->paced : paced;
	shown->deferred_damage =
		shown->deferred ? gp_rect_union(&shown->deferred_damage, damage) : *damage;
	shown->deferred = true;
}

void gp_shown_reset_halves(struct gp_shown *shown) {
	for (size_t i = 0; i < 2; i++) {
		shown->missing[i] = (struct gp_rects){.items = {shown->source}, .n = 1};
	}
}

/**
 * A text console that does nothing flushes all of its picture some times in a second; a frame that
 * is the same as the one before costs a comparison, and not a copy, a commit and a composition. Of
 * a moving picture most rows differ at their beginning. Where they do not, a comparison costs as
 * much as the copy: so after such frames only some are compared. Small ones are what they say.
 */
#define COMPARE_BYTES_MIN 65536
#define COMPARE_PAUSE_MAX 15

bool gp_shown_take_comparison(struct gp_shown *shown, uint64_t bytes) {
	if (bytes < COMPARE_BYTES_MIN) {
		return false;
	}
	if (shown->compare_after > 0) {
		shown->compare_after--;
		return false;
	}
	return true;
}

void gp_shown_compared(struct gp_shown *shown, uint32_t differ, uint32_t rows) {
	bool worth = differ <= rows / 2;
	uint32_t pause = worth ? 0 : 2 * shown->compare_pause + 1;
	shown->compare_pause = pause < COMPARE_PAUSE_MAX ? pause : COMPARE_PAUSE_MAX;
	shown->compare_after = shown->compare_pause;
}

void gp_shown_add_missing(struct gp_shown *shown, const struct gp_rect *changed) {
	for (size_t i = 0; i < 2; i++) {
		gp_rects_add(&shown->missing[i], changed);
	}
}

void gp_shown_half_written(struct gp_shown *shown, unsigned half) {
	shown->missing[half].n = 0;
	shown->half = half;
}

bool gp_shown_owe_reply(struct gp_shown *shown, struct gp_client_buffer *replaced) {
	if (shown->n_replaced == GP_SHOWN_REPLIES_MAX) {
		return false;
	}
	shown->replaced[shown->n_replaced++] = replaced;
	return true;
}

void gp_shown_release(struct gp_shown *shown, const struct gp_client_buffer *buffer) {
	for (size_t i = 0; i < shown->n_replaced; i++) {
		if (buffer == NULL || shown->replaced[i] == buffer) {
			shown->replaced[i] = NULL;
		}
	}
}

bool gp_shown_take_reply(struct gp_shown *shown) {
	if (shown->n_replaced == 0 || shown->replaced[0] != NULL) {
		return false;
	}
	shown->n_replaced--;
	memmove(&shown->replaced[0], &shown->replaced[1],
		shown->n_replaced * sizeof(shown->replaced[0]));
	return true;
}
