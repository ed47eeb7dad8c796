#include "vmm-bridge/present/presenter.h"

#include "common/clock.h"
#include "common/monitor.h"
#include "common/trace.h"

#define STILLS_BYTES_MAX (1ull << 30) // of all scanouts

void gp_presenter_init(struct gp_presenter *presenter, struct gp_client *client,
	uint32_t n_scanouts, const struct gp_presenter_events *events, void *data) {
	*presenter = (struct gp_presenter){
		.events = events,
		.data = data,
		.client = client,
		.n_scanouts = n_scanouts,
	};
	gp_import_cache_init(&presenter->cache, client, presenter->scanouts, n_scanouts);
	gp_revokes_init(&presenter->revokes, &presenter->cache);
	for (uint32_t i = 0; i < n_scanouts; i++) {
		gp_presenter_set_refresh(presenter, i, 0);
	}
}

void gp_presenter_set_refresh(
	struct gp_presenter *presenter, uint32_t scanout, uint32_t refresh_mhz) {
	presenter->scanouts[scanout].period_ns = gp_refresh_period_ns(refresh_mhz);
}

void gp_presenter_finish(struct gp_presenter *presenter) {
	gp_presenter_disconnected(presenter);
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		gp_still_destroy(presenter->stills[i]);
		presenter->stills[i] = NULL;
	}
	gp_revokes_finish(&presenter->revokes);
}

/* Ends imports whose memory was taken back, and that were kept as the last ones on screen. */
static void end_orphans(struct gp_presenter *presenter) {
	struct gp_import *import;
	wl_list_for_each (import, &presenter->cache.imports, link) {
		if (import->memory == NULL && !import->ending &&
			!gp_import_cache_is_shown(&presenter->cache, import)) {
			gp_import_cache_end(&presenter->cache, import);
		}
	}
}

static struct gp_client_rect client_rect(const struct gp_rect *rect) {
	return (struct gp_client_rect){rect->x, rect->y, rect->width, rect->height};
}

/**
 * What the half lacks beside the changes is what is on screen. It is not read from the guest, who may
 * have painted there since: that would get there without damage, and the flush that comes for it
 * would find nothing to change.
 */
static void complete_from_screen(struct gp_presenter *presenter, struct gp_shown *shown,
	struct gp_import *import, unsigned half, const struct gp_rects *changed) {
	struct gp_rects *missing = &shown->missing[half];
	for (size_t i = 0; half != shown->half && i < missing->n; i++) {
		if (!gp_rects_contain(changed, &missing->items[i])) {
			presenter->bytes_copied += gp_import_copy_half(
				import, shown->half, half, &shown->layout, &missing->items[i]);
		}
	}
	missing->n = 0;
}

/* changed NULL: all of it. */
static void update_copy(struct gp_presenter *presenter, struct gp_shown *shown,
	struct gp_import *import, unsigned half, const struct gp_rects *changed) {
	if (changed == NULL) {
		gp_shown_reset_halves(shown);
	} else {
		complete_from_screen(presenter, shown, import, half, changed);
	}
	for (size_t i = 0; changed != NULL && i < changed->n; i++) {
		gp_shown_add_missing(shown, &changed->items[i]);
	}
	const struct gp_rects *missing = &shown->missing[half];
	for (size_t i = 0; i < missing->n; i++) {
		presenter->bytes_copied +=
			gp_import_update(import, half, &shown->layout, &missing->items[i]);
	}
	gp_shown_half_written(shown, half);
}

/* The same of a half that the memory itself has. Returns what has changed. */
static struct gp_rect update_half(
	struct gp_presenter *presenter, struct gp_memory *memory, unsigned half) {
	struct gp_rect changed;
	uint64_t start_ns = gp_trace_now();
	presenter->bytes_copied += memory->ops->update_half(memory, half, &changed);
	if (gp_trace_on) {
		gp_trace_step(GP_TRACE_COPY, start_ns, gp_trace_now());
	}
	return changed;
}

/* Whether the scanout shows all that its memory has, which takes halves of its own to know. */
static bool is_up_to_date(const struct gp_presenter *presenter, uint32_t index) {
	const struct gp_shown *shown = &presenter->scanouts[index];
	if (shown->memory == NULL || shown->memory->ops->get_half == NULL) {
		return false;
	}
	const struct gp_memory_half half = shown->memory->ops->get_half(shown->memory);
	return !half.stale && half.reported && shown->copied != NULL && shown->buffer != NULL &&
		!shown->lost_frame;
}

static void commit(struct gp_presenter *presenter, uint32_t index, struct gp_client_buffer *buffer,
	const struct gp_rect *seen, const struct gp_rect *damage, const struct gp_import *import) {
	struct gp_shown *shown = &presenter->scanouts[index];
	const struct gp_client_rect source = client_rect(seen), part = client_rect(damage);
	gp_client_show(presenter->client, index, buffer, &source, &part);
	gp_shown_release(shown, buffer); // it is on screen again
	shown->buffer = buffer;
	shown->buffer_source = *seen;
	shown->copied = import;
	shown->committed = true;
}

/**
 * Of memory with halves of its own, all scanouts that show it show the same half: else each could
 * keep the one that another one needs, and no release would ever come.
 */
static void show_half_elsewhere(struct gp_presenter *presenter, uint32_t index,
	struct gp_import *import, unsigned half, const struct gp_rect *changed) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		struct gp_shown *shown = &presenter->scanouts[i];
		if (i == index || shown->memory != import->memory || shown->copied != import ||
			shown->buffer == NULL) {
			continue;
		}
		struct gp_rect damage;
		bool any = gp_rect_intersect(changed, &shown->source, &damage);
		struct gp_client_buffer *buffer = gp_import_cache_get_buffer(
			&presenter->cache, import, &shown->layout, i, half);
		if (buffer == NULL || (buffer == shown->buffer && !any)) {
			shown->lost_frame |= buffer == NULL;
			continue;
		}
		commit(presenter, i, buffer, &shown->source, &damage, import);
		/* This was its frame: it has all that it waited for. */
		shown->due_ns = gp_now_ns() + shown->period_ns;
		shown->deferred = shown->waiting = shown->paced = false;
		gp_shown_release(shown, GP_SHOWN_WAITING);
	}
}

/**
 * Shows the scanout's buffer. damage is what changed since the frame before, NULL: everything.
 * Returns the buffer, or NULL if nothing was shown, perhaps as it is the same as the frame before;
 * *previous is the one that it replaced.
 */
static struct gp_client_buffer *show(struct gp_presenter *presenter, uint32_t index,
	const struct gp_rect *damage, struct gp_client_buffer **previous) {
	struct gp_shown *shown = &presenter->scanouts[index];
	struct gp_still *still = presenter->stills[index];
	struct gp_memory *memory = still != NULL ? &still->base : shown->memory;
	const struct gp_client_layout *layout = still != NULL ? &still->layout : &shown->layout;
	const struct gp_rect *seen = still != NULL ? &still->source : &shown->source;
	*previous = NULL;
	if (!gp_client_connected(presenter->client) || memory == NULL ||
		(presenter->paused && !memory->host_copy)) {
		return NULL;
	}
	struct gp_import *import = gp_import_cache_get(&presenter->cache, memory, layout);
	int half = import != NULL ? gp_import_cache_find_half(&presenter->cache, import, index) : 0;
	struct gp_client_buffer *buffer = import != NULL && half >= 0
		? gp_import_cache_get_buffer(
			  &presenter->cache, import, layout, index, (unsigned)half)
		: NULL;
	if (buffer == NULL) {
		shown->copied = NULL;
		shown->lost_frame = true;
		return NULL;
	}
	if (shown->lost_frame) {
		damage = NULL; // what is on screen is older than the frame before
		shown->lost_frame = false;
	}
	*previous = shown->buffer;
	if (memory->ops->get_half != NULL) {
		struct gp_rect changed = {0}, part = *seen;
		if (!presenter->paused) {
			changed = update_half(presenter, memory, (unsigned)half);
		}
		if (damage != NULL && shown->copied == import) {
			gp_rect_intersect(&changed, seen, &part);
		}
		commit(presenter, index, buffer, seen, &part, import);
		show_half_elsewhere(presenter, index, import, (unsigned)half, &changed);
		return buffer;
	}
	/* The guest's damage is what differs from the frame before, not from an older copy. */
	if (import->copy != NULL && damage != NULL && shown->copied == import) {
		const struct gp_rects changed =
			gp_import_cache_find_changes(&presenter->cache, import, index, damage);
		if (changed.n == 0) {
			*previous = NULL;
			return NULL;
		}
		update_copy(presenter, shown, import, (unsigned)half, &changed);
		const struct gp_rect part = gp_rects_bounds(&changed);
		commit(presenter, index, buffer, seen, &part, import);
		return buffer;
	}
	if (import->copy != NULL) {
		update_copy(presenter, shown, import, (unsigned)half, NULL);
	}
	commit(presenter, index, buffer, seen, damage != NULL ? damage : seen, import);
	return buffer;
}

/* Shows a frame that was lost or deferred, if there was one. damage is that of show. */
static void show_again(
	struct gp_presenter *presenter, uint32_t index, const struct gp_rect *damage) {
	struct gp_shown *shown = &presenter->scanouts[index];
	struct gp_client_buffer *previous;
	shown->deferred &= presenter->paused; // it waits for the resume
	shown->waiting = shown->paced = false;
	if (shown->flushed && !presenter->paused &&
		gp_import_cache_must_wait(&presenter->cache, index)) {
		gp_shown_defer(shown, damage != NULL ? damage : &shown->source, false);
		shown->waiting = true;
		return;
	}
	if (shown->flushed || presenter->stills[index] != NULL) {
		show(presenter, index, damage, &previous);
		end_orphans(presenter);
	}
	gp_shown_release(shown, GP_SHOWN_WAITING);
}

void gp_presenter_set(struct gp_presenter *presenter, uint32_t scanout, struct gp_memory *memory,
	const struct gp_client_layout *layout, const struct gp_rect *source) {
	gp_shown_set(&presenter->scanouts[scanout], memory, layout, source);
}

static void drop_still(struct gp_presenter *presenter, uint32_t index) {
	struct gp_still *still = presenter->stills[index];
	presenter->stills[index] = NULL;
	presenter->blank_reasons[index] = NULL;
	if (still != NULL) {
		gp_presenter_revoke(presenter, &still->base, 0, false); // what is on screen stays
		gp_still_destroy(still);
	}
}

void gp_presenter_disable(struct gp_presenter *presenter, uint32_t scanout) {
	bool committed = presenter->scanouts[scanout].committed;
	gp_shown_disable(&presenter->scanouts[scanout]);
	if (committed) {
		gp_client_show(presenter->client, scanout, NULL, NULL, NULL);
	}
	drop_still(presenter, scanout);
	end_orphans(presenter);
}

static bool shown_elsewhere(const struct gp_presenter *presenter, uint32_t scanout,
	const struct gp_client_buffer *buffer) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		if (i != scanout && presenter->scanouts[i].buffer == buffer) {
			return true;
		}
	}
	return false;
}

/* held: the guest waits for the reply, which paces it. */
static bool flush(
	struct gp_presenter *presenter, uint32_t scanout, const struct gp_rect *damage, bool held) {
	struct gp_shown *shown = &presenter->scanouts[scanout];
	if (presenter->paused) {
		gp_shown_defer(shown, damage, false);
		return false;
	}
	shown->flushed = shown->memory != NULL;
	if (is_up_to_date(presenter, scanout)) {
		return false;
	}
	bool paced = !held && shown->memory != NULL && shown->memory->ops->get_half != NULL;
	if (gp_import_cache_must_wait(&presenter->cache, scanout)) {
		/* Until it is copied the guest must not paint over it. */
		gp_shown_defer(shown, damage, paced);
		shown->waiting = true;
		return held && gp_shown_owe_reply(shown, GP_SHOWN_WAITING);
	}
	uint64_t now_ns = gp_now_ns();
	if (shown->deferred ||
		!(paced ? gp_shown_take_period(shown, now_ns)
			: gp_shown_take_token(shown, now_ns))) {
		gp_shown_defer(shown, damage, paced);
		return false;
	}
	struct gp_client_buffer *previous;
	struct gp_client_buffer *buffer = show(presenter, scanout, damage, &previous);
	/* The copy has just been made: the guest's own memory is not read any more. */
	bool copied = buffer != NULL &&
		(shown->copied->copy != NULL || shown->memory->ops->get_half != NULL);
	bool owed = held && buffer != NULL && !copied && previous != NULL && previous != buffer &&
		shown->visible && !shown_elsewhere(presenter, scanout, previous) &&
		gp_client_buffer_busy(previous) && gp_shown_owe_reply(shown, previous);
	end_orphans(presenter);
	return owed;
}

bool gp_presenter_flush(
	struct gp_presenter *presenter, uint32_t scanout, const struct gp_rect *damage) {
	return flush(presenter, scanout, damage, true);
}

void gp_presenter_flush_without_reply(
	struct gp_presenter *presenter, uint32_t scanout, const struct gp_rect *damage) {
	flush(presenter, scanout, damage, false);
}

bool gp_presenter_revoke(
	struct gp_presenter *presenter, struct gp_memory *memory, uint64_t token, bool wait) {
	struct gp_import *import, *tmp;
	wl_list_for_each_safe (import, tmp, &memory->imports, memory_link) {
		wl_list_remove(&import->memory_link);
		wl_list_init(&import->memory_link);
		import->memory = NULL;
		/* A copy is ours: it stays on screen until the guest has new memory. */
		if (!import->ending &&
			(import->file.revocable ||
				!gp_import_cache_is_shown(&presenter->cache, import))) {
			gp_import_cache_end(&presenter->cache, import);
		}
	}
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		if (presenter->scanouts[i].memory == memory) {
			gp_shown_forget_memory(&presenter->scanouts[i]);
		}
	}
	/* Nor need anybody wait until the compositor ends its use of a copy. */
	if (!gp_revokes_is_read(&presenter->revokes, memory->id)) {
		return true;
	}
	if (!wait && gp_revokes_add(&presenter->revokes, memory->id, token)) {
		return false;
	}
	gp_revokes_wait(&presenter->revokes);
	return true;
}

void gp_presenter_end(struct gp_presenter *presenter, struct gp_memory *memory) {
	struct gp_import *import = gp_import_find_newest(memory);
	if (import != NULL && !import->ending) {
		gp_import_cache_end(&presenter->cache, import);
	}
}

void gp_presenter_end_all(struct gp_presenter *presenter) {
	struct gp_import *import;
	wl_list_for_each (import, &presenter->cache.imports, link) {
		if (!import->ending) {
			gp_import_cache_end(&presenter->cache, import);
		}
	}
}

void gp_presenter_wait_revoked(struct gp_presenter *presenter) {
	gp_revokes_wait(&presenter->revokes);
}

/**
 * What the scanout shows, or would show to a compositor that comes, becomes a still. A frame that
 * waited is one of before the stop. What only we write stays as it is.
 */
static void freeze(struct gp_presenter *presenter, uint32_t index, uint64_t *bytes_left) {
	struct gp_shown *shown = &presenter->scanouts[index];
	bool waited = shown->flushed && (shown->deferred || shown->lost_frame);
	struct gp_memory *memory = shown->flushed ? shown->memory : NULL;
	struct gp_client_layout layout = shown->layout;
	struct gp_rect source = shown->source;
	const uint8_t *copy = NULL;
	if (shown->buffer != NULL && !waited) {
		const struct gp_import_buffer *buffer;
		const struct gp_import *import =
			gp_import_cache_find_buffer(&presenter->cache, shown->buffer, &buffer);
		memory = import != NULL ? import->memory : NULL;
		if (import != NULL && import->copy != NULL) {
			copy = import->copy + buffer->half * import->half_size;
		}
		layout = import != NULL ? buffer->layout : layout;
		source = shown->buffer_source;
	}
	shown->deferred = shown->waiting = shown->paced = shown->lost_frame = false;
	gp_shown_release(shown, GP_SHOWN_WAITING);
	if (memory == NULL || (memory->host_copy && !waited)) {
		return;
	}
	const char **reason = &presenter->blank_reasons[index];
	if (!memory->host_copy) {
		presenter->stills[index] =
			gp_still_create(memory, copy, &layout, &source, *bytes_left, reason);
	}
	if (presenter->stills[index] != NULL) {
		*reason = NULL;
		*bytes_left -= presenter->stills[index]->bytes;
		presenter->bytes_copied += presenter->stills[index]->bytes;
	}
	struct gp_client_buffer *previous;
	if (show(presenter, index, NULL, &previous) == NULL && shown->committed) {
		gp_client_show(presenter->client, index, NULL, NULL, NULL);
		gp_shown_release(shown, NULL);
		shown->buffer = NULL;
		shown->committed = false;
	}
}

/* Halves of its own become what a copy would be: from then on they need nothing of the guest's. */
static void complete_half(struct gp_presenter *presenter, uint32_t index) {
	struct gp_memory *memory = presenter->scanouts[index].memory;
	if (memory == NULL || memory->ops->get_half == NULL) {
		return;
	}
	const struct gp_memory_half last = memory->ops->get_half(memory);
	const struct gp_import *import = gp_import_find_newest(memory);
	int half = (int)last.index;
	if (last.stale && import != NULL && !import->ending) {
		half = gp_import_cache_find_half(&presenter->cache, import, index);
		/* Nobody waits for a release now. The other one has been replaced already. */
		half = half >= 0 ? half : (int)((last.index + 1) % import->n_halves);
	}
	update_half(presenter, memory, (unsigned)half);
}

void gp_presenter_pause(struct gp_presenter *presenter) {
	if (presenter->paused) {
		return;
	}
	presenter->paused = true;
	uint64_t bytes_left = STILLS_BYTES_MAX;
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		complete_half(presenter, i);
		freeze(presenter, i, &bytes_left);
	}
	struct gp_import *import;
	wl_list_for_each (import, &presenter->cache.imports, link) {
		if (import->file.revocable && !import->ending) {
			gp_import_cache_end(&presenter->cache, import);
		}
	}
	end_orphans(presenter);
	gp_presenter_wait_revoked(presenter);
}

void gp_presenter_resume(struct gp_presenter *presenter) {
	if (!presenter->paused) {
		return;
	}
	presenter->paused = false;
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		struct gp_shown *shown = &presenter->scanouts[i];
		struct gp_still *still = presenter->stills[i];
		presenter->stills[i] = NULL;
		shown->copied = NULL; // the guest may have drawn meanwhile
		shown->flushed |= shown->deferred && shown->memory != NULL;
		show_again(presenter, i, NULL);
		presenter->stills[i] = still;
		drop_still(presenter, i);
	}
}

void gp_presenter_connected(struct gp_presenter *presenter) {
	gp_import_cache_forget_refusals(&presenter->cache);
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		show_again(presenter, i, NULL);
	}
}

void gp_presenter_disconnected(struct gp_presenter *presenter) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		gp_shown_disconnect(&presenter->scanouts[i]);
	}
	gp_import_cache_clear(&presenter->cache);
	presenter->any_refused = false;
}

void gp_presenter_visibility(struct gp_presenter *presenter, uint32_t scanout, bool visible) {
	presenter->scanouts[scanout].visible = visible;
	if (!visible) {
		gp_shown_release(&presenter->scanouts[scanout], NULL);
	}
}

void gp_presenter_released(struct gp_presenter *presenter, const struct gp_client_buffer *buffer) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		gp_shown_release(&presenter->scanouts[i], buffer);
	}
}

void gp_presenter_failed(struct gp_presenter *presenter, struct gp_import *import,
	const struct gp_client_buffer *buffer, const struct gp_client_failure *failure) {
	gp_import_refuse(import, buffer, failure);
	presenter->any_refused = true;
}

void gp_presenter_renderer_changed(struct gp_presenter *presenter) {
	gp_presenter_end_all(presenter);
	gp_presenter_connected(presenter);
}

void gp_presenter_revoked(struct gp_presenter *presenter, struct gp_import *import) {
	presenter->any_freed = true;
	gp_import_destroy(import);
}

static void show_lost_frames(struct gp_presenter *presenter) {
	presenter->any_freed = false;
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		if (presenter->scanouts[i].lost_frame) {
			show_again(presenter, i, NULL);
		}
	}
}

/* Deals with one refusal; the list of imports has changed then. False: there is none. */
static bool handle_refusal(struct gp_presenter *presenter) {
	struct gp_import *import;
	wl_list_for_each (import, &presenter->cache.imports, link) {
		struct gp_memory *memory = import->memory;
		if (import->refused.format == 0 || memory == NULL) {
			continue;
		}
		bool again = gp_import_cache_handle_refusal(&presenter->cache, import);
		for (uint32_t i = 0; again && i < presenter->n_scanouts; i++) {
			if (presenter->scanouts[i].memory == memory ||
				(presenter->stills[i] != NULL &&
					&presenter->stills[i]->base == memory)) {
				show_again(presenter, i, NULL);
			}
		}
		return true;
	}
	return false;
}

/* False: one has to wait longer. */
static bool show_deferred_frames(struct gp_presenter *presenter) {
	bool done = true;
	for (uint32_t i = 0; i < presenter->n_scanouts && !presenter->paused; i++) {
		struct gp_shown *shown = &presenter->scanouts[i];
		if (shown->waiting) {
			shown->waiting = gp_import_cache_must_wait(
				&presenter->cache, i); // a release brings us here again
		}
		uint64_t now_ns = gp_now_ns();
		if (shown->deferred && !shown->waiting &&
			(shown->paced ? gp_shown_take_period(shown, now_ns)
				      : gp_shown_take_token(shown, now_ns))) {
			struct gp_rect damage = shown->deferred_damage;
			show_again(presenter, i, &damage);
		}
		done = done && (!shown->deferred || shown->waiting || shown->paced);
	}
	return done;
}

static void send_replies(struct gp_presenter *presenter) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		while (gp_shown_take_reply(&presenter->scanouts[i])) {
			presenter->events->buffer_released(presenter->data, i);
		}
	}
	gp_revokes_send(&presenter->revokes, presenter->events->memory_revoked, presenter->data);
}

bool gp_presenter_end_turn(struct gp_presenter *presenter) {
	if (presenter->any_freed) {
		show_lost_frames(presenter);
	}
	if (presenter->any_refused) {
		presenter->any_refused = false;
		while (handle_refusal(presenter)) {
			// more may have come
		}
	}
	bool done = show_deferred_frames(presenter);
	send_replies(presenter);
	gp_revokes_end_turn(&presenter->revokes);
	return done;
}

uint64_t gp_presenter_deadline(const struct gp_presenter *presenter) {
	uint64_t deadline_ns = gp_revokes_deadline(&presenter->revokes);
	for (uint32_t i = 0; i < presenter->n_scanouts && !presenter->paused; i++) {
		const struct gp_shown *shown = &presenter->scanouts[i];
		uint64_t ns = shown->due_ns;
		if (shown->deferred && shown->paced && !shown->waiting) {
			deadline_ns = deadline_ns == 0 || ns < deadline_ns ? ns : deadline_ns;
		}
	}
	return deadline_ns;
}

void gp_presenter_get_info(
	const struct gp_presenter *presenter, uint32_t scanout, struct gp_presenter_info *info) {
	const struct gp_shown *shown = &presenter->scanouts[scanout];
	const struct gp_still *still = presenter->stills[scanout];
	const struct gp_memory *memory = still != NULL ? &still->base : shown->memory;
	const struct gp_import *import = memory != NULL ? gp_import_find_newest(memory) : NULL;
	const char *blank_reason = presenter->blank_reasons[scanout];
	*info = (struct gp_presenter_info){
		.visible = shown->visible,
		.reason = blank_reason != NULL ? blank_reason : "",
	};
	if (import != NULL && !import->ending) {
		info->how = import->file.how;
		info->reason = import->file.reason;
	}
}
