#include "vmm-bridge/gpu/saved_state.h"

#include <stdlib.h>
#include <string.h>

#include "common/checked.h"
#include "common/log.h"

/**
 * Sets a mark after all earlier stores and before all later ones. Only the compiler could reorder
 * them: the next process reads when this one has ended, and sees its stores up to some point.
 */
static void set_mark(_Atomic uint32_t *mark, uint32_t value) {
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(mark, value, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

void gp_saved_state_clear(struct gp_saved_state *state) {
	struct gp_saved_state_area *area = state->area;
	if (area == NULL) {
		return;
	}
	set_mark(&area->moving, 1);
	for (uint32_t i = 0; i < GP_SCANOUTS_MAX; i++) {
		set_mark(&area->scanouts[i].resource_id, 0);
		set_mark(&area->scanouts[i].cursor, 0);
	}
	for (uint32_t i = 0; i < GP_RESOURCES_MAX; i++) {
		set_mark(&area->ids[i], 0);
	}
	area->used = 0;
	area->events = 0;
	set_mark(&area->moving, 0);
}

static int compare_keys(const void *a, const void *b) {
	uint64_t x, y;
	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* Where all backings begin, in rising order, each with its resource in the low half. */
static size_t sort_backings(struct gp_saved_state_area *area, uint64_t keys[GP_RESOURCES_MAX]) {
	size_t n = 0;
	for (uint32_t i = 0; i < GP_RESOURCES_MAX; i++) {
		if (area->ids[i] != 0 && area->resources[i].backing == GP_SAVED_ATTACHED) {
			keys[n++] = (uint64_t)area->resources[i].first << 32 | i;
		}
	}
	qsort(keys, n, sizeof(keys[0]), compare_keys);
	return n;
}

/* Moves all backings to the front. */
static void compact(struct gp_saved_state_area *area) {
	uint64_t keys[GP_RESOURCES_MAX];
	size_t n = sort_backings(area, keys);
	uint32_t used = 0;
	set_mark(&area->moving, 1);
	for (size_t i = 0; i < n; i++) {
		struct gp_saved_state_resource *resource = &area->resources[(uint32_t)keys[i]];
		memmove(&area->entries[used], &area->entries[resource->first],
			resource->n_entries * sizeof(area->entries[0]));
		resource->first = used;
		used += resource->n_entries;
	}
	area->used = used;
	set_mark(&area->moving, 0);
}

/* Backings that reach outside, or overlap, are lost. */
static void check_backings(struct gp_saved_state_area *area, uint32_t capacity) {
	for (uint32_t i = 0; i < GP_RESOURCES_MAX; i++) {
		struct gp_saved_state_resource *resource = &area->resources[i];
		if (area->ids[i] != 0 && resource->backing != GP_SAVED_DETACHED &&
			(resource->n_entries > GP_BACKING_ENTRIES_MAX ||
				!gp_range_inside(resource->first, resource->n_entries, capacity))) {
			set_mark(&resource->backing, GP_SAVED_LOST);
		}
	}
	uint64_t keys[GP_RESOURCES_MAX];
	size_t n = sort_backings(area, keys);
	uint32_t used = 0;
	for (size_t i = 0; i < n; i++) {
		struct gp_saved_state_resource *resource = &area->resources[(uint32_t)keys[i]];
		if (resource->first < used) {
			set_mark(&resource->backing, GP_SAVED_LOST);
		} else {
			used = resource->first + resource->n_entries;
		}
	}
	area->used = used;
}

bool gp_saved_state_open(struct gp_saved_state *state, void *area, size_t size) {
	if (size < sizeof(*state->area)) {
		return false;
	}
	uint64_t capacity = (size - sizeof(*state->area)) / sizeof(state->area->entries[0]);
	*state = (struct gp_saved_state){
		.area = area,
		.capacity = capacity < UINT32_MAX ? (uint32_t)capacity : UINT32_MAX,
	};
	state->torn = state->area->moving != 0;
	if (state->torn) {
		gp_saved_state_clear(state);
	}
	check_backings(state->area, state->capacity);
	return true;
}

uint32_t gp_saved_state_add(struct gp_saved_state *state, uint32_t id,
	const struct gp_gpu_command *create, uint32_t n_entries) {
	uint32_t i = 0;
	while (state->area != NULL && i < GP_RESOURCES_MAX && state->area->ids[i] != 0) {
		i++;
	}
	if (state->area == NULL || i == GP_RESOURCES_MAX) {
		return 0;
	}
	struct gp_saved_state_resource *resource = &state->area->resources[i];
	set_mark(&resource->backing, GP_SAVED_DETACHED);
	resource->hint_width = 0;
	resource->hint_height = 0;
	resource->create = *create;
	resource->create.entries = NULL;
	if (n_entries > 0) {
		gp_saved_state_attach(state, i + 1, create->entries, n_entries);
	}
	set_mark(&state->area->ids[i], id);
	return i + 1;
}

static struct gp_saved_state_resource *get_resource(struct gp_saved_state *state, uint32_t slot) {
	return state->area != NULL && slot != 0 ? &state->area->resources[slot - 1] : NULL;
}

void gp_saved_state_remove(struct gp_saved_state *state, uint32_t slot) {
	if (get_resource(state, slot) != NULL) {
		set_mark(&state->area->ids[slot - 1], 0);
	}
}

static bool make_room(struct gp_saved_state *state, uint32_t n_entries) {
	struct gp_saved_state_area *area = state->area;
	if (n_entries > state->capacity - area->used) {
		compact(area);
	}
	return n_entries <= state->capacity - area->used;
}

void gp_saved_state_attach(struct gp_saved_state *state, uint32_t slot,
	const struct gp_gpu_entry *entries, uint32_t n_entries) {
	struct gp_saved_state_resource *resource = get_resource(state, slot);
	if (resource == NULL) {
		return;
	}
	struct gp_saved_state_area *area = state->area;
	set_mark(&resource->backing, GP_SAVED_LOST);
	if (!make_room(state, n_entries)) {
		if (!state->full_logged) {
			gp_warn_limited(
				"the guest's memory is in too many pieces to be saved: some of it "
				"will be missing after a crash");
		}
		state->full_logged = true;
		return;
	}
	memcpy(&area->entries[area->used], entries, n_entries * sizeof(entries[0]));
	resource->first = area->used;
	resource->n_entries = n_entries;
	area->used += n_entries;
	set_mark(&resource->backing, GP_SAVED_ATTACHED);
}

void gp_saved_state_detach(struct gp_saved_state *state, uint32_t slot) {
	struct gp_saved_state_resource *resource = get_resource(state, slot);
	if (resource != NULL) {
		set_mark(&resource->backing, GP_SAVED_DETACHED);
	}
}

void gp_saved_state_hint(
	struct gp_saved_state *state, uint32_t slot, uint32_t width, uint32_t height) {
	struct gp_saved_state_resource *resource = get_resource(state, slot);
	if (resource != NULL) {
		resource->hint_width = width;
		resource->hint_height = height;
	}
}

void gp_saved_state_scanout(struct gp_saved_state *state, uint32_t scanout, uint32_t resource_id,
	const struct gp_gpu_command *set) {
	if (state->area == NULL) {
		return;
	}
	struct gp_saved_state_scanout *saved = &state->area->scanouts[scanout];
	set_mark(&saved->resource_id, 0);
	if (resource_id != 0) {
		saved->set = *set;
		set_mark(&saved->resource_id, resource_id);
	}
}

void gp_saved_state_cursor(struct gp_saved_state *state, uint32_t scanout, const void *pixels,
	uint32_t hot_x, uint32_t hot_y) {
	if (state->area == NULL) {
		return;
	}
	struct gp_saved_state_scanout *saved = &state->area->scanouts[scanout];
	set_mark(&saved->cursor, 0);
	if (pixels != NULL) {
		saved->hot_x = hot_x;
		saved->hot_y = hot_y;
		memcpy(state->area->cursors[scanout], pixels,
			sizeof(state->area->cursors[scanout]));
		set_mark(&saved->cursor, 1);
	}
}

void gp_saved_state_cursor_move(
	struct gp_saved_state *state, uint32_t scanout, int32_t x, int32_t y) {
	if (state->area != NULL) {
		state->area->scanouts[scanout].x = x;
		state->area->scanouts[scanout].y = y;
	}
}

void gp_saved_state_monitor(
	struct gp_saved_state *state, uint32_t scanout, const struct gp_monitor *monitor) {
	if (state->area == NULL) {
		return;
	}
	struct gp_saved_state_scanout *saved = &state->area->scanouts[scanout];
	if (monitor == NULL) {
		set_mark(&saved->plugged, GP_SAVED_UNPLUGGED);
		return;
	}
	set_mark(&saved->plugged, GP_SAVED_UNKNOWN);
	saved->monitor = *monitor;
	set_mark(&saved->plugged, GP_SAVED_PLUGGED);
}

void gp_saved_state_events(struct gp_saved_state *state, uint32_t events) {
	if (state->area != NULL) {
		state->area->events = events;
	}
}
