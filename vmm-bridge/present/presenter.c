#include "vmm-bridge/present/presenter.h"

#include <stdlib.h>

#include "common/clock.h"

/* Longer than a frame of a busy compositor takes; the VMM stands still meanwhile. */
#define REVOKE_WAIT_MS 250

void gp_presenter_init(struct gp_presenter *presenter, struct gp_client *client,
	uint32_t n_scanouts, const struct gp_presenter_events *events, void *data) {
	*presenter = (struct gp_presenter){
		.events = events,
		.data = data,
		.client = client,
		.n_scanouts = n_scanouts,
	};
	gp_import_cache_init(&presenter->cache, client, presenter->scanouts, n_scanouts);
}

void gp_presenter_finish(struct gp_presenter *presenter) {
	gp_presenter_disconnected(presenter);
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

/**
 * Shows the scanout's buffer. damage is what changed since the frame before, NULL: everything.
 * Returns the buffer, or NULL if nothing was shown; *previous is the one that it replaced.
 */
static struct gp_client_buffer *show(struct gp_presenter *presenter, uint32_t index,
	const struct gp_rect *damage, struct gp_client_buffer **previous) {
	struct gp_shown *shown = &presenter->scanouts[index];
	*previous = NULL;
	if (!gp_client_connected(presenter->client) || shown->memory == NULL) {
		return NULL;
	}
	struct gp_import *import =
		gp_import_cache_get(&presenter->cache, shown->memory, &shown->layout);
	struct gp_client_buffer *buffer = import != NULL
		? gp_import_cache_get_buffer(&presenter->cache, import, &shown->layout)
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
	/* The guest's damage is what differs from the frame before, not from an older copy. */
	struct gp_rect changed = shown->source;
	if (damage != NULL && shown->copied == import) {
		gp_rect_intersect(damage, &shown->source, &changed);
	}
	presenter->bytes_copied += gp_import_update(import, &shown->layout, &changed);
	const struct gp_client_rect source = client_rect(&shown->source);
	const struct gp_client_rect part = damage != NULL ? client_rect(damage) : source;
	gp_client_show(presenter->client, index, buffer, &source, &part);
	gp_shown_release(shown, buffer); // it is on screen again
	*previous = shown->buffer;
	shown->buffer = buffer;
	shown->copied = import;
	shown->committed = true;
	return buffer;
}

/* Shows a frame that was lost or deferred, if there was one. damage is that of show. */
static void show_again(
	struct gp_presenter *presenter, uint32_t index, const struct gp_rect *damage) {
	struct gp_client_buffer *previous;
	presenter->scanouts[index].deferred = false;
	if (presenter->scanouts[index].flushed) {
		show(presenter, index, damage, &previous);
		end_orphans(presenter);
	}
}

void gp_presenter_set(struct gp_presenter *presenter, uint32_t scanout, struct gp_memory *memory,
	const struct gp_client_layout *layout, const struct gp_rect *source) {
	gp_shown_set(&presenter->scanouts[scanout], memory, layout, source);
}

void gp_presenter_disable(struct gp_presenter *presenter, uint32_t scanout) {
	bool committed = presenter->scanouts[scanout].committed;
	gp_shown_disable(&presenter->scanouts[scanout]);
	if (committed) {
		gp_client_show(presenter->client, scanout, NULL, NULL, NULL);
	}
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
	shown->flushed = shown->memory != NULL;
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

/* Whether the compositor may read memory of that id, though the guest has taken it back. */
static bool is_read(const struct gp_presenter *presenter, uint64_t memory_id) {
	const struct gp_import *import;
	wl_list_for_each (import, &presenter->cache.imports, link) {
		if (import->memory_id == memory_id && import->ending && import->file.revocable) {
			return true;
		}
	}
	return false;
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
	gp_client_wait_revoked(presenter->client, REVOKE_WAIT_MS);
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
		if (import->ending && import->file.revocable) {
			gp_client_wait_revoked(presenter->client, REVOKE_WAIT_MS);
			return; // the list has changed
		}
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
			if (presenter->scanouts[i].memory == memory) {
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
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		struct gp_shown *shown = &presenter->scanouts[i];
		if (shown->deferred && gp_shown_take_token(shown, gp_now_ns())) {
			struct gp_rect damage = shown->deferred_damage;
			show_again(presenter, i, &damage);
		}
		done = done && !shown->deferred;
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
			i++;
			continue;
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
	return done;
}

void gp_presenter_get_info(
	const struct gp_presenter *presenter, uint32_t scanout, struct gp_presenter_info *info) {
	const struct gp_shown *shown = &presenter->scanouts[scanout];
	const struct gp_import *import =
		shown->memory != NULL ? gp_import_find_newest(shown->memory) : NULL;
	*info = (struct gp_presenter_info){.visible = shown->visible, .reason = ""};
	if (import != NULL && !import->ending) {
		info->how = import->file.how;
		info->reason = import->file.reason;
	}
}
