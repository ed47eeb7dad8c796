#include "vmm-bridge/present/import_cache.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/trace.h"

/* Compositors allow 256 blobs of one guest; cursors have one for each scanout. */
#define IMPORTS_MAX 128
/* With those whose end the compositor has not acknowledged. */
#define IMPORTS_ENDING_MAX 224
#define COPY_BYTES_MAX (2ull << 30) // both halves of each, though the second is seldom used

void gp_import_cache_init(struct gp_import_cache *cache, struct gp_client *client,
	struct gp_shown *scanouts, uint32_t n_scanouts) {
	*cache = (struct gp_import_cache){
		.client = client,
		.scanouts = scanouts,
		.n_scanouts = n_scanouts,
		.log = GP_LOG_LIMIT_INIT,
	};
	wl_list_init(&cache->imports);
}

void gp_import_cache_clear(struct gp_import_cache *cache) {
	struct gp_import *import, *tmp;
	wl_list_for_each_safe (import, tmp, &cache->imports, link) {
		gp_import_destroy(import);
	}
}

void gp_import_cache_forget_refusals(struct gp_import_cache *cache) {
	cache->n_refusals = 0;
}

static void forget_buffer(struct gp_import_cache *cache, const struct gp_client_buffer *buffer) {
	for (uint32_t i = 0; i < cache->n_scanouts; i++) {
		gp_shown_forget_buffer(&cache->scanouts[i], buffer);
	}
}

void gp_import_cache_end(struct gp_import_cache *cache, struct gp_import *import) {
	for (size_t i = 0; i < import->n_buffers; i++) {
		forget_buffer(cache, import->buffers[i].buffer);
	}
	for (uint32_t i = 0; i < cache->n_scanouts; i++) {
		if (cache->scanouts[i].copied == import) {
			cache->scanouts[i].copied = NULL;
		}
	}
	gp_import_end(import);
}

const struct gp_import *gp_import_cache_find_buffer(const struct gp_import_cache *cache,
	const struct gp_client_buffer *buffer, const struct gp_import_buffer **found) {
	const struct gp_import *import;
	wl_list_for_each (import, &cache->imports, link) {
		for (size_t i = 0; i < import->n_buffers; i++) {
			if (import->buffers[i].buffer == buffer) {
				*found = &import->buffers[i];
				return import;
			}
		}
	}
	return NULL;
}

bool gp_import_cache_is_shown(const struct gp_import_cache *cache, const struct gp_import *import) {
	for (uint32_t i = 0; i < cache->n_scanouts; i++) {
		for (size_t j = 0; j < import->n_buffers; j++) {
			if (cache->scanouts[i].buffer == import->buffers[j].buffer) {
				return true;
			}
		}
	}
	return false;
}

/* Also one that holds no longer. */
static struct gp_import_refusal *find_known(struct gp_import_cache *cache,
	enum gp_client_blob_kind kind, const struct gp_client_layout *pixels) {
	for (size_t i = 0; i < cache->n_refusals; i++) {
		struct gp_import_refusal *refusal = &cache->refusals[i];
		if (refusal->kind == kind && gp_layout_same_pixels(&refusal->pixels, pixels) &&
			(refusal->alignment == 0 ||
				pixels->planes[0].stride % refusal->alignment != 0)) {
			return refusal;
		}
	}
	return NULL;
}

static const struct gp_import_refusal *find_refusal(struct gp_import_cache *cache,
	enum gp_client_blob_kind kind, const struct gp_client_layout *pixels) {
	const struct gp_import_refusal *known = find_known(cache, kind, pixels);
	return known != NULL && gp_now_ns() < known->end_ns ? known : NULL;
}

static void remember_refusal(struct gp_import_cache *cache, enum gp_client_blob_kind kind,
	const struct gp_client_layout *pixels, uint32_t alignment, const char *text) {
	uint64_t now_ns = gp_now_ns();
	struct gp_import_refusal *refusal = find_known(cache, kind, pixels);
	if (refusal != NULL) {
		if (now_ns >= refusal->end_ns && refusal->pause_ns < GP_IMPORT_REFUSAL_LONGEST_NS) {
			refusal->pause_ns *= 2;
		}
		refusal->end_ns = now_ns + refusal->pause_ns;
		return;
	}
	if (cache->n_refusals == GP_IMPORT_REFUSALS_MAX) {
		return;
	}
	refusal = &cache->refusals[cache->n_refusals++];
	refusal->kind = kind;
	refusal->pixels = *pixels;
	refusal->alignment = alignment;
	refusal->pause_ns = GP_IMPORT_REFUSAL_FIRST_NS;
	refusal->end_ns = now_ns + refusal->pause_ns;
	snprintf(refusal->text, sizeof(refusal->text), "%s", text);
}

static bool is_on_scanout(const struct gp_import_cache *cache, const struct gp_memory *memory) {
	for (uint32_t i = 0; i < cache->n_scanouts; i++) {
		if (memory != NULL && cache->scanouts[i].memory == memory) {
			return true;
		}
	}
	return false;
}

/**
 * Whether an import is within the limits if a copy of it has that size. Ends the one that was not
 * shown for longest if not.
 */
static bool make_room(struct gp_import_cache *cache, uint64_t size) {
	size_t alive = 0, all = 0;
	uint64_t bytes = size;
	struct gp_import *import, *oldest = NULL;
	wl_list_for_each (import, &cache->imports, link) {
		all++;
		alive += import->ending ? 0 : 1;
		bytes += import->copy != NULL ? import->file.size : 0;
		if (!import->ending && !is_on_scanout(cache, import->memory)) {
			oldest = import;
		}
	}
	bool too_many = alive >= IMPORTS_MAX || bytes > COPY_BYTES_MAX;
	if (too_many && oldest != NULL) {
		gp_import_cache_end(cache, oldest);
	}
	return all < IMPORTS_ENDING_MAX && bytes <= COPY_BYTES_MAX;
}

static void log_import(struct gp_import_cache *cache, const struct gp_import *import) {
	char name[32];
	import->memory->ops->describe(import->memory, name, sizeof(name));
	gp_log_limited(&cache->log, GP_LOG_INFO, "%s is shown by way of %s%s%s", name,
		import->file.how, import->file.reason[0] != '\0' ? ": " : "", import->file.reason);
}

/* Imports the memory, by a copy if refusal says why not by its own file. */
static struct gp_import *add(struct gp_import_cache *cache, struct gp_memory *memory,
	const struct gp_client_layout *pixels, const char *refusal) {
	bool may_copy = memory->ops->read_rows != NULL;
	if (refusal == NULL) {
		const struct gp_import_refusal *known = find_refusal(cache, memory->kind, pixels);
		refusal = known != NULL ? known->text : NULL;
	}
	if (refusal != NULL &&
		(!may_copy || find_refusal(cache, GP_CLIENT_BLOB_SHM, pixels) != NULL)) {
		return NULL;
	}
	if (!make_room(cache, may_copy ? gp_import_copy_size(memory->size) : 0)) {
		return NULL;
	}
	struct gp_import *import = gp_import_create(cache->client, memory, refusal);
	if (import == NULL) {
		return NULL;
	}
	/* It may be a copy because there is no file, and copies may be refused. */
	if (find_refusal(cache, import->file.kind, pixels) != NULL) {
		import->given_up = *pixels;
	}
	wl_list_insert(&cache->imports, &import->link);
	log_import(cache, import);
	return import;
}

struct gp_import *gp_import_cache_get(struct gp_import_cache *cache, struct gp_memory *memory,
	const struct gp_client_layout *pixels) {
	struct gp_import *import = gp_import_find_newest(memory);
	if (import != NULL && !import->ending) {
		if (gp_layout_same_pixels(&import->given_up, pixels)) {
			return NULL;
		}
		if (find_refusal(cache, import->file.kind, pixels) == NULL) {
			wl_list_remove(&import->link);
			wl_list_insert(&cache->imports, &import->link);
			return import;
		}
		gp_import_cache_end(cache, import);
	}
	return add(cache, memory, pixels, NULL);
}

static bool is_half_free(const struct gp_import_cache *cache, const struct gp_import *import,
	uint32_t scanout, unsigned half, bool care_for_others) {
	for (size_t i = 0; i < import->n_buffers; i++) {
		const struct gp_import_buffer *buffer = &import->buffers[i];
		struct gp_rect both;
		bool overlaps = buffer->scanout == scanout ||
			(care_for_others &&
				gp_rect_intersect(&cache->scanouts[scanout].source,
					&cache->scanouts[buffer->scanout].source, &both));
		if (buffer->half == half && overlaps && gp_client_buffer_busy(buffer->buffer)) {
			return false;
		}
	}
	return true;
}

static bool is_half_read(const struct gp_import *import, unsigned half) {
	for (size_t i = 0; i < import->n_buffers; i++) {
		const struct gp_import_buffer *buffer = &import->buffers[i];
		if (buffer->half == half && gp_client_buffer_busy(buffer->buffer)) {
			return true;
		}
	}
	return false;
}

/* Whoever writes to such a half writes all that it lacks: nobody at all may read it. */
static int find_own_half(const struct gp_import *import) {
	struct gp_memory_half last = import->memory->ops->get_half(import->memory);
	for (unsigned i = 0; last.stale && i < import->n_halves; i++) {
		unsigned half = (last.index + i) % import->n_halves;
		if (!is_half_read(import, half)) {
			return (int)half;
		}
	}
	return last.stale ? -1 : (int)last.index;
}

int gp_import_cache_find_half(
	const struct gp_import_cache *cache, const struct gp_import *import, uint32_t scanout) {
	if (import->n_halves == 1) {
		return 0;
	}
	if (import->copy == NULL) {
		return find_own_half(import);
	}
	const struct gp_shown *shown = &cache->scanouts[scanout];
	/* Flips among n buffers need no second half, nor its import. */
	unsigned last = shown->copied == import ? shown->half : 0;
	/*
	 * Two scanouts that show the same pixels may have a half each on the screen, and no release
	 * would ever come: then the scanout only cares for itself.
	 */
	for (int others = 1; others >= 0; others--) {
		for (unsigned i = 0; i < GP_IMPORT_HALVES; i++) {
			unsigned half = (last + i) % GP_IMPORT_HALVES;
			if (is_half_free(cache, import, scanout, half, others)) {
				return (int)half;
			}
		}
	}
	return -1;
}

bool gp_import_cache_must_wait(const struct gp_import_cache *cache, uint32_t scanout) {
	const struct gp_shown *shown = &cache->scanouts[scanout];
	const struct gp_import *import =
		shown->memory != NULL ? gp_import_find_newest(shown->memory) : NULL;
	return import != NULL && !import->ending && import->n_halves > 1 &&
		gp_import_cache_find_half(cache, import, scanout) < 0;
}

/* Whether another scanout writes to copies of the memory, too. */
static bool is_shared(const struct gp_import_cache *cache, uint32_t index) {
	for (uint32_t i = 0; i < cache->n_scanouts; i++) {
		if (i != index && cache->scanouts[i].memory == cache->scanouts[index].memory) {
			return true;
		}
	}
	return false;
}

struct gp_rects gp_import_cache_find_changes(const struct gp_import_cache *cache,
	const struct gp_import *import, uint32_t scanout, const struct gp_rect *damage) {
	struct gp_shown *shown = &cache->scanouts[scanout];
	struct gp_rects changed = {0};
	struct gp_rect rect;
	gp_rect_intersect(damage, &shown->source, &rect);
	if (import->memory->ops->find_changes == NULL || shown->buffer == NULL ||
		is_shared(cache, scanout) ||
		!gp_shown_take_comparison(shown,
			shown->layout.planes[0].stride / shown->layout.width *
				(uint64_t)rect.width * rect.height)) {
		gp_rects_add(&changed, &rect);
		return changed;
	}
	uint64_t start_ns = gp_trace_now();
	import->memory->ops->find_changes(import->memory,
		import->copy + shown->half * import->half_size, &shown->layout, &rect, &changed);
	if (gp_trace_on) {
		gp_trace_step(GP_TRACE_COPY, start_ns, gp_trace_now());
	}
	uint32_t differ = 0;
	for (size_t i = 0; i < changed.n; i++) {
		differ += changed.items[i].height;
	}
	gp_shown_compared(shown, differ, rect.height);
	return changed;
}

struct gp_client_buffer *gp_import_cache_get_buffer(struct gp_import_cache *cache,
	struct gp_import *import, const struct gp_client_layout *layout, uint32_t scanout,
	unsigned half) {
	uint32_t user = import->copy != NULL ? scanout : GP_IMPORT_ANY_SCANOUT;
	struct gp_client_buffer *buffer = gp_import_find_buffer(import, layout, user, half);
	if (buffer != NULL) {
		return buffer;
	}
	struct gp_client_buffer *surplus = gp_import_find_surplus(import);
	if (surplus != NULL) {
		forget_buffer(cache, surplus);
		gp_import_drop_buffer(import, surplus);
	}
	return gp_import_add_buffer(import, layout, user, half);
}

bool gp_import_cache_handle_refusal(struct gp_import_cache *cache, struct gp_import *import) {
	struct gp_memory *memory = import->memory;
	const struct gp_client_layout pixels = import->refused;
	enum gp_client_blob_kind kind = import->file.kind;
	bool give_up = kind == GP_CLIENT_BLOB_SHM;
	char text[sizeof(import->refusal)];
	memcpy(text, import->refusal, sizeof(text));
	import->refused.format = 0;
	char name[32];
	memory->ops->describe(memory, name, sizeof(name));
	gp_log_limited(&cache->log, GP_LOG_WARN, "%s (%.4s): %s%s", name,
		(const char *)&pixels.format, text, give_up ? "; it cannot be shown" : "");
	if (import->refused_lasting) {
		remember_refusal(cache, kind, &pixels, import->refused_alignment, text);
	}
	if (give_up) {
		import->given_up = pixels;
		for (size_t i = 0; i < import->n_buffers; i++) {
			forget_buffer(cache, import->buffers[i].buffer);
		}
		return false;
	}
	gp_import_cache_end(cache, import);
	add(cache, memory, &pixels, text);
	return true;
}
