#include "vmm-bridge/gpu/saved_state.h"

#include <stdlib.h>
#include <string.h>

#include "common/checked.h"
#include "common/log.h"

/**
 * Sets a mark after all stores before it, and before all behind it. It is the compiler that must not
 * move them: the next process reads when this one has ended, and sees its stores up to some point.
 */
static void set_mark(_Atomic uint32_t *mark, uint32_t value) {
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(mark, value, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

void gp_saved_state_clear(struct gp_saved_state *saved_state) {
	struct gp_saved_state_area *area = saved_state->area;
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

/* The places of all backings in their order, each with its resource in the low half. */
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

/* Backings that are not inside, or in each other, are lost. */
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

bool gp_saved_state_open(struct gp_saved_state *saved_state, void *area, size_t size) {
	if (size < sizeof(*saved_state->area)) {
		return false;
	}
	uint64_t capacity =
		(size - sizeof(*saved_state->area)) / sizeof(saved_state->area->entries[0]);
	*saved_state = (struct gp_saved_state){
		.area = area,
		.capacity = capacity < UINT32_MAX ? (uint32_t)capacity : UINT32_MAX,
	};
	saved_state->torn = saved_state->area->moving != 0;
	if (saved_state->torn) {
		gp_saved_state_clear(saved_state);
	}
	check_backings(saved_state->area, saved_state->capacity);
	return true;
}

uint32_t gp_saved_state_add(struct gp_saved_state *saved_state, uint32_t id,
	const struct gp_gpu_command *create, uint32_t n_entries) {
	uint32_t i = 0;
	while (saved_state->area != NULL && i < GP_RESOURCES_MAX &&
		saved_state->area->ids[i] != 0) {
		i++;
	}
	if (saved_state->area == NULL || i == GP_RESOURCES_MAX) {
		return 0;
	}
	struct gp_saved_state_resource *resource = &saved_state->area->resources[i];
	set_mark(&resource->backing, GP_SAVED_DETACHED);
	resource->hint_width = 0;
	resource->hint_height = 0;
	resource->create = *create;
	resource->create.entries = NULL;
	if (n_entries > 0) {
		gp_saved_state_attach(saved_state, i + 1, create->entries, n_entries);
	}
	set_mark(&saved_state->area->ids[i], id);
	return i + 1;
}

static struct gp_saved_state_resource *get_resource(
	struct gp_saved_state *saved_state, uint32_t slot) {
	return saved_state->area != NULL && slot != 0 ? &saved_state->area->resources[slot - 1]
						      : NULL;
}

void gp_saved_state_remove(struct gp_saved_state *saved_state, uint32_t slot) {
	if (get_resource(saved_state, slot) != NULL) {
		set_mark(&saved_state->area->ids[slot - 1], 0);
	}
}

static bool make_room(struct gp_saved_state *saved_state, uint32_t n_entries) {
	struct gp_saved_state_area *area = saved_state->area;
	if (n_entries > saved_state->capacity - area->used) {
		compact(area);
	}
	return n_entries <= saved_state->capacity - area->used;
}

void gp_saved_state_attach(struct gp_saved_state *saved_state, uint32_t slot,
	const struct gp_gpu_entry *entries, uint32_t n_entries) {
	struct gp_saved_state_resource *resource = get_resource(saved_state, slot);
	if (resource == NULL) {
		return;
	}
	struct gp_saved_state_area *area = saved_state->area;
	set_mark(&resource->backing, GP_SAVED_LOST);
	if (!make_room(saved_state, n_entries)) {
		if (!saved_state->full_logged) {
			gp_warn("the guest's pictures are in too many pieces of memory: some of "
				"them will be missing if this process has to be replaced");
		}
		saved_state->full_logged = true;
		return;
	}
	memcpy(&area->entries[area->used], entries, n_entries * sizeof(entries[0]));
	resource->first = area->used;
	resource->n_entries = n_entries;
	area->used += n_entries;
	set_mark(&resource->backing, GP_SAVED_ATTACHED);
}

void gp_saved_state_detach(struct gp_saved_state *saved_state, uint32_t slot) {
	struct gp_saved_state_resource *resource = get_resource(saved_state, slot);
	if (resource != NULL) {
		set_mark(&resource->backing, GP_SAVED_DETACHED);
	}
}

void gp_saved_state_hint(
	struct gp_saved_state *saved_state, uint32_t slot, uint32_t width, uint32_t height) {
	struct gp_saved_state_resource *resource = get_resource(saved_state, slot);
	if (resource != NULL) {
		resource->hint_width = width;
		resource->hint_height = height;
	}
}

void gp_saved_state_scanout(struct gp_saved_state *saved_state, uint32_t scanout,
	uint32_t resource_id, const struct gp_gpu_command *set) {
	if (saved_state->area == NULL) {
		return;
	}
	struct gp_saved_state_scanout *kept = &saved_state->area->scanouts[scanout];
	set_mark(&kept->resource_id, 0);
	if (resource_id != 0) {
		kept->set = *set;
		set_mark(&kept->resource_id, resource_id);
	}
}

void gp_saved_state_cursor(struct gp_saved_state *saved_state, uint32_t scanout, const void *pixels,
	uint32_t hot_x, uint32_t hot_y) {
	if (saved_state->area == NULL) {
		return;
	}
	struct gp_saved_state_scanout *kept = &saved_state->area->scanouts[scanout];
	set_mark(&kept->cursor, 0);
	if (pixels != NULL) {
		kept->hot_x = hot_x;
		kept->hot_y = hot_y;
		memcpy(saved_state->area->cursors[scanout], pixels,
			sizeof(saved_state->area->cursors[scanout]));
		set_mark(&kept->cursor, 1);
	}
}

void gp_saved_state_cursor_move(
	struct gp_saved_state *saved_state, uint32_t scanout, int32_t x, int32_t y) {
	if (saved_state->area != NULL) {
		saved_state->area->scanouts[scanout].x = x;
		saved_state->area->scanouts[scanout].y = y;
	}
}

void gp_saved_state_monitor(
	struct gp_saved_state *saved_state, uint32_t scanout, const struct gp_monitor *monitor) {
	if (saved_state->area == NULL) {
		return;
	}
	struct gp_saved_state_scanout *kept = &saved_state->area->scanouts[scanout];
	if (monitor == NULL) {
		set_mark(&kept->plugged, GP_SAVED_UNPLUGGED);
		return;
	}
	set_mark(&kept->plugged, GP_SAVED_UNKNOWN);
	kept->monitor = *monitor;
	set_mark(&kept->plugged, GP_SAVED_PLUGGED);
}

void gp_saved_state_events(struct gp_saved_state *saved_state, uint32_t events) {
	if (saved_state->area != NULL) {
		saved_state->area->events = events;
	}
}
