#ifndef GP_VMM_BRIDGE_GPU_SAVED_STATE_H
#define GP_VMM_BRIDGE_GPU_SAVED_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/monitor.h"
#include "vmm-bridge/gpu/decode.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/gpu/resource.h"

/**
 * Private to gpu/: what the guest has set up, as plain data in memory that outlives the process
 * (gpu/restore.h). It is a table: each thing has an entry of its own, which is overwritten. So it
 * does not grow with time, and saving a page flip is a copy of one command.
 *
 * The process may end at any instruction. So each entry has a mark that is cleared before the entry
 * is written and set afterwards: an entry that was half written is not there. The command that it
 * came from had no reply then. Only when backings are moved, to make room, all are at stake: a
 * crash in the midst of that voids the whole table.
 *
 * A process that crashed may have written anything anywhere. gp_saved_state_open makes sure that
 * the table is consistent, so that nobody reads or writes outside of it; values are checked when
 * they are used, like those of a guest (gpu/restore.c).
 */

enum gp_saved_state_backing {
	GP_SAVED_DETACHED,
	GP_SAVED_ATTACHED,
	GP_SAVED_LOST, // attached, but its entries are not saved
};

struct gp_saved_state_resource {
	_Atomic uint32_t backing; // enum gp_saved_state_backing; the mark of first and n_entries
	uint32_t first, n_entries; // in gp_saved_state_area.entries
	uint32_t hint_width, hint_height;
	struct gp_gpu_command create; // without its entries
};

enum gp_saved_state_monitor {
	GP_SAVED_UNKNOWN,
	GP_SAVED_UNPLUGGED,
	GP_SAVED_PLUGGED,
};

struct gp_saved_state_scanout {
	_Atomic uint32_t resource_id; // 0: nothing; the mark of set
	struct gp_gpu_command set; // SET_SCANOUT or SET_SCANOUT_BLOB

	_Atomic uint32_t cursor; // 1: visible; the mark of its pixels and hotspot
	uint32_t hot_x, hot_y;
	int32_t x, y;

	_Atomic uint32_t plugged; // enum gp_saved_state_monitor; the mark of monitor
	struct gp_monitor monitor;
};

/* Zeroed, it is an empty table. */
struct gp_saved_state_area {
	_Atomic uint32_t
		moving; // 1: backings are being moved, or all is being cleared; all is void
	uint32_t used; // of entries; those behind are free
	uint32_t events; // of the configuration space
	struct gp_saved_state_scanout scanouts[GP_SCANOUTS_MAX];
	_Atomic uint32_t ids[GP_RESOURCES_MAX]; // 0: free; the marks of the resources
	struct gp_saved_state_resource resources[GP_RESOURCES_MAX];
	uint32_t cursors[GP_SCANOUTS_MAX][GP_CURSOR_SIZE * GP_CURSOR_SIZE];
	struct gp_gpu_entry entries[];
};

/* Zeroed, it saves nothing, and all functions but open do nothing. */
struct gp_saved_state {
	struct gp_saved_state_area *area; // the caller's
	uint32_t capacity; // entries
	bool torn; // the table was void when it was opened
	bool full_logged;
};

/**
 * Uses the area, which must be aligned as by malloc and stay as long as the saved state is used.
 * What makes no sense in it is dropped. False, with no effect, if the area is too small for the
 * table.
 */
bool gp_saved_state_open(struct gp_saved_state *state, void *area, size_t size);
/* The guest was reset. Monitors are the host's, and stay. */
void gp_saved_state_clear(struct gp_saved_state *state);

/**
 * Adds a resource, with the backing of the command. Returns its slot for gp_resource.slot and the
 * calls below, which do nothing for slot 0: not saved.
 */
uint32_t gp_saved_state_add(struct gp_saved_state *state, uint32_t id,
	const struct gp_gpu_command *create, uint32_t n_entries);
void gp_saved_state_remove(struct gp_saved_state *state, uint32_t slot);
void gp_saved_state_attach(struct gp_saved_state *state, uint32_t slot,
	const struct gp_gpu_entry *entries, uint32_t n_entries);
void gp_saved_state_detach(struct gp_saved_state *state, uint32_t slot);
void gp_saved_state_hint(
	struct gp_saved_state *state, uint32_t slot, uint32_t width, uint32_t height);

/* resource_id 0: nothing is on it, and set is not used. */
void gp_saved_state_scanout(struct gp_saved_state *state, uint32_t scanout, uint32_t resource_id,
	const struct gp_gpu_command *set);
/* The arguments are those of gp_gpu_ops.cursor_set; NULL: hidden. */
void gp_saved_state_cursor(struct gp_saved_state *state, uint32_t scanout, const void *pixels,
	uint32_t hot_x, uint32_t hot_y);
void gp_saved_state_cursor_move(
	struct gp_saved_state *state, uint32_t scanout, int32_t x, int32_t y);
/* NULL: none. */
void gp_saved_state_monitor(
	struct gp_saved_state *state, uint32_t scanout, const struct gp_monitor *monitor);
void gp_saved_state_events(struct gp_saved_state *state, uint32_t events);

#endif
