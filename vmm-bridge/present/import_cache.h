#ifndef GP_VMM_BRIDGE_PRESENT_IMPORT_CACHE_H
#define GP_VMM_BRIDGE_PRESENT_IMPORT_CACHE_H

#include "common/log.h"
#include "vmm-bridge/present/import.h"
#include "vmm-bridge/present/shown.h"

/**
 * All imports: made once for each memory, within limits that protect the host and the connection
 * from a guest with much memory, and what the compositor has refused.
 */

#define GP_IMPORT_REFUSALS_MAX 32
/* How long they are not tried: at first, and at most, as it doubles with each refusal. */
#define GP_IMPORT_REFUSAL_FIRST_NS 10000000000ull
#define GP_IMPORT_REFUSAL_LONGEST_NS 640000000000ull

/* Imports that are not tried again on this compositor for a while (B6). */
struct gp_import_refusal {
	enum gp_client_blob_kind kind;
	struct gp_client_layout pixels; // gp_layout_same_pixels
	uint32_t alignment; // with a stride that is no multiple of it; 0: with any
	uint64_t pause_ns, end_ns; // it holds so long, until then
	char text[128];
};

struct gp_import_cache {
	struct gp_client *client;
	struct gp_shown *scanouts; // the presenter's
	uint32_t n_scanouts;
	struct wl_list imports; // gp_import.link, most recently shown first
	struct gp_import_refusal refusals[GP_IMPORT_REFUSALS_MAX];
	size_t n_refusals;
	struct gp_log_limit log;
};

/* client and scanouts must outlive it. */
void gp_import_cache_init(struct gp_import_cache *cache, struct gp_client *client,
	struct gp_shown *scanouts, uint32_t n_scanouts);
/* Frees all imports: the compositor has ended its use of them. */
void gp_import_cache_clear(struct gp_import_cache *cache);
/* The compositor may be another one now, or have another renderer. */
void gp_import_cache_forget_refusals(struct gp_import_cache *cache);

/* The import of the memory for such pixels, made if there is none; NULL: it cannot be shown. */
struct gp_import *gp_import_cache_get(struct gp_import_cache *cache, struct gp_memory *memory,
	const struct gp_client_layout *pixels);
/* The same for a buffer of the import, in that half, for a scanout. */
struct gp_client_buffer *gp_import_cache_get_buffer(struct gp_import_cache *cache,
	struct gp_import *import, const struct gp_client_layout *layout, uint32_t scanout,
	unsigned half);

/**
 * The half of the import's copy that the scanout may write to, as nobody reads what it writes;
 * the one that it has written last, if that is free. -1: it has to wait for a release. 0 for what
 * has no halves. Of memory with halves of its own it is the last one, if nothing is to be written.
 */
int gp_import_cache_find_half(
	const struct gp_import_cache *cache, const struct gp_import *import, uint32_t scanout);

/* Whether the scanout's next frame would be written to halves that are all being read. */
bool gp_import_cache_must_wait(const struct gp_import_cache *cache, uint32_t scanout);
/**
 * What of the damage differs from the frame before, which is in a half of the import's copy. A
 * guest may flush what it has not changed. The comparison is left out where it is of no use.
 */
struct gp_rects gp_import_cache_find_changes(const struct gp_import_cache *cache,
	const struct gp_import *import, uint32_t scanout, const struct gp_rect *damage);

/**
 * Deals with gp_import.refused of an import whose memory the guest still has: hands the memory over
 * in another way, or gives up. True: the scanouts that show the memory need a new buffer.
 */
bool gp_import_cache_handle_refusal(struct gp_import_cache *cache, struct gp_import *import);

/* The import that the buffer is of, and what it has of it. NULL: it is of none. */
const struct gp_import *gp_import_cache_find_buffer(const struct gp_import_cache *cache,
	const struct gp_client_buffer *buffer, const struct gp_import_buffer **found);

/* Ends the import; it stays here, and with its memory, until the compositor acknowledges it. */
void gp_import_cache_end(struct gp_import_cache *cache, struct gp_import *import);
/* Whether a scanout has one of its buffers. */
bool gp_import_cache_is_shown(const struct gp_import_cache *cache, const struct gp_import *import);

#endif
