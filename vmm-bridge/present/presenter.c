#include "vmm-bridge/present/presenter.h"

#include <stdlib.h>

#include "common/clock.h"

/**
 * What the VMM's requests in a turn of the loop, which stands still meanwhile, and the guest's
 * DETACH wait for the compositor at most (B9).
 */
#define REVOKE_WAIT_NS 50000000ull

#define STILLS_BYTES_MAX (1ull << 30) // of all scanouts

void gp_presenter_init(struct gp_presenter *presenter, struct gp_client *client,
	uint32_t n_scanouts, const struct gp_presenter_events *events, void *data) {
	*presenter = (struct gp_presenter){
		.events = events,
		.data = data,
		.client = client,
		.n_scanouts = n_scanouts,
		.late_log = GP_LOG_LIMIT_INIT,
	};
	gp_import_cache_init(&presenter->cache, client, presenter->scanouts, n_scanouts);
}

void gp_presenter_finish(struct gp_presenter *presenter) {
	gp_presenter_disconnected(presenter);
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		gp_still_destroy(presenter->stills[i]);
		presenter->stills[i] = NULL;
	}
	free(presenter->revokes);
	presenter->revokes = NULL;
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

/* The guest's damage is what differs from the frame before, not from an older copy. */
static void update_copy(struct gp_presenter *presenter, struct gp_shown *shown,
	struct gp_import *import, unsigned half, const struct gp_rect *damage) {
	if (damage != NULL && shown->copied == import) {
		struct gp_rect changed;
		gp_rect_intersect(damage, &shown->source, &changed);
		gp_shown_add_missing(shown, &changed);
	} else {
		gp_shown_reset_halves(shown);
	}
	const struct gp_missing *missing = &shown->missing[half];
	for (size_t i = 0; i < missing->n; i++) {
		presenter->bytes_copied +=
			gp_import_update(import, half, &shown->layout, &missing->rects[i]);
	}
	gp_shown_half_written(shown, half);
}

/* Whether the next frame is a copy, and all of it that could be written to is being read. */
static bool must_wait(const struct gp_presenter *presenter, uint32_t index) {
	const struct gp_shown *shown = &presenter->scanouts[index];
	const struct gp_import *import =
		shown->memory != NULL ? gp_import_find_newest(shown->memory) : NULL;
	return import != NULL && !import->ending && import->copy != NULL &&
		gp_import_cache_find_half(&presenter->cache, import, index) < 0;
}

/**
 * Shows the scanout's buffer. damage is what changed since the frame before, NULL: everything.
 * Returns the buffer, or NULL if nothing was shown; *previous is the one that it replaced.
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
	if (import->copy != NULL) {
		update_copy(presenter, shown, import, (unsigned)half, damage);
	}
	const struct gp_client_rect source = client_rect(seen);
	const struct gp_client_rect part = damage != NULL ? client_rect(damage) : source;
	gp_client_show(presenter->client, index, buffer, &source, &part);
	gp_shown_release(shown, buffer); // it is on screen again
	*previous = shown->buffer;
	shown->buffer = buffer;
	shown->buffer_source = *seen;
	shown->copied = import;
	shown->committed = true;
	return buffer;
}

/* Shows a frame that was lost or deferred, if there was one. damage is that of show. */
static void show_again(
	struct gp_presenter *presenter, uint32_t index, const struct gp_rect *damage) {
	struct gp_shown *shown = &presenter->scanouts[index];
	struct gp_client_buffer *previous;
	shown->deferred &= presenter->paused; // it waits for the resume
	shown->waiting = false;
	if (shown->flushed && !presenter->paused && must_wait(presenter, index)) {
		gp_shown_defer(shown, damage != NULL ? damage : &shown->source);
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

bool gp_presenter_flush(
	struct gp_presenter *presenter, uint32_t scanout, const struct gp_rect *damage) {
	struct gp_shown *shown = &presenter->scanouts[scanout];
	if (presenter->paused) {
		gp_shown_defer(shown, damage);
		return false;
	}
	shown->flushed = shown->memory != NULL;
	if (must_wait(presenter, scanout)) {
		/* Until it is copied the guest must not paint over it. */
		gp_shown_defer(shown, damage);
		shown->waiting = true;
		return gp_shown_owe_reply(shown, GP_SHOWN_WAITING);
	}
	if (shown->deferred || !gp_shown_take_token(shown, gp_now_ns())) {
		gp_shown_defer(shown, damage);
		return false;
	}
	struct gp_client_buffer *previous;
	struct gp_client_buffer *buffer = show(presenter, scanout, damage, &previous);
	/* The copy has just been made: the guest's own memory is not read any more. */
	bool copied = buffer != NULL && shown->copied->copy != NULL;
	bool owed = buffer != NULL && !copied && previous != NULL && previous != buffer &&
		shown->visible && !shown_elsewhere(presenter, scanout, previous) &&
		gp_client_buffer_busy(previous) && gp_shown_owe_reply(shown, previous);
	end_orphans(presenter);
	return owed;
}

/* Whether one has to wait until the compositor reads it no longer. */
static bool is_awaited(const struct gp_import *import) {
	return import->ending && import->file.revocable && !import->late;
}

/* Whether the compositor may read memory of that id, though the guest has taken it back. */
static bool is_read(const struct gp_presenter *presenter, uint64_t memory_id) {
	const struct gp_import *import;
	wl_list_for_each (import, &presenter->cache.imports, link) {
		if (import->memory_id == memory_id && is_awaited(import)) {
			return true;
		}
	}
	return false;
}

/**
 * Nobody waits any longer for a compositor that stands still: it loses the connection soon
 * (client/blob.c), or catches up. memory_id NULL: for anything.
 */
static void give_up(struct gp_presenter *presenter, const uint64_t *memory_id) {
	uint64_t before = presenter->late_revokes;
	struct gp_import *import;
	wl_list_for_each (import, &presenter->cache.imports, link) {
		if (is_awaited(import) && (memory_id == NULL || import->memory_id == *memory_id)) {
			import->late = true;
			presenter->late_revokes++;
		}
	}
	if (presenter->late_revokes > before) {
		gp_log_limited(&presenter->late_log, GP_LOG_WARN,
			"the compositor did not give memory back within %llu ms; the VM does not "
			"wait for it",
			REVOKE_WAIT_NS / 1000000);
	}
}

static void wait_revoked(struct gp_presenter *presenter) {
	uint64_t now_ns = gp_now_ns();
	if (presenter->wait_until_ns == 0) {
		presenter->wait_until_ns = now_ns + REVOKE_WAIT_NS;
	}
	uint64_t left_ns =
		presenter->wait_until_ns > now_ns ? presenter->wait_until_ns - now_ns : 0;
	if (!gp_client_wait_revoked(presenter->client, (int)(left_ns / 1000000))) {
		give_up(presenter, NULL);
	}
}

static bool add_revoke(struct gp_presenter *presenter, uint64_t memory_id, uint64_t token) {
	if (presenter->n_revokes == presenter->revokes_capacity) {
		size_t capacity = 2 * presenter->revokes_capacity + 8;
		void *revokes =
			reallocarray(presenter->revokes, capacity, sizeof(presenter->revokes[0]));
		if (revokes == NULL) {
			return false;
		}
		presenter->revokes = revokes;
		presenter->revokes_capacity = capacity;
	}
	presenter->revokes[presenter->n_revokes++] = (struct gp_pending_revoke){
		.memory_id = memory_id,
		.token = token,
		.deadline_ns = gp_now_ns() + REVOKE_WAIT_NS,
	};
	return true;
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
	if (!is_read(presenter, memory->id)) {
		return true;
	}
	if (!wait && add_revoke(presenter, memory->id, token)) {
		return false;
	}
	wait_revoked(presenter);
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
	const struct gp_import *import;
	wl_list_for_each (import, &presenter->cache.imports, link) {
		if (is_awaited(import)) {
			wait_revoked(presenter);
			return; // the list has changed
		}
	}
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
	shown->deferred = shown->waiting = shown->lost_frame = false;
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

void gp_presenter_pause(struct gp_presenter *presenter) {
	if (presenter->paused) {
		return;
	}
	presenter->paused = true;
	uint64_t bytes_left = STILLS_BYTES_MAX;
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
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
	const struct gp_client_buffer *buffer, bool lasting, const char *message) {
	gp_import_refuse(import, buffer, lasting, message);
	presenter->any_refused = true;
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
			shown->waiting = must_wait(presenter, i); // a release brings us here again
		}
		if (shown->deferred && !shown->waiting && gp_shown_take_token(shown, gp_now_ns())) {
			struct gp_rect damage = shown->deferred_damage;
			show_again(presenter, i, &damage);
		}
		done = done && (!shown->deferred || shown->waiting);
	}
	return done;
}

static void send_replies(struct gp_presenter *presenter) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		while (gp_shown_take_reply(&presenter->scanouts[i])) {
			presenter->events->buffer_released(presenter->data, i);
		}
	}
	for (size_t i = 0; i < presenter->n_revokes;) {
		const struct gp_pending_revoke revoke = presenter->revokes[i];
		if (is_read(presenter, revoke.memory_id)) {
			if (gp_now_ns() < revoke.deadline_ns) {
				i++;
				continue;
			}
			give_up(presenter, &revoke.memory_id);
		}
		presenter->revokes[i] = presenter->revokes[--presenter->n_revokes];
		presenter->events->memory_revoked(presenter->data, revoke.memory_id, revoke.token);
	}
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
	presenter->wait_until_ns = 0;
	return done;
}

uint64_t gp_presenter_deadline(const struct gp_presenter *presenter) {
	uint64_t deadline_ns = 0;
	for (size_t i = 0; i < presenter->n_revokes; i++) {
		uint64_t ns = presenter->revokes[i].deadline_ns;
		deadline_ns = deadline_ns == 0 || ns < deadline_ns ? ns : deadline_ns;
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
