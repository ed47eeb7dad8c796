#ifndef GP_VMM_BRIDGE_GPU_SAVED_STATE_H
#define GP_VMM_BRIDGE_GPU_SAVED_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/edid.h"
#include "vmm-bridge/gpu/decode.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/gpu/resource.h"

/**
 * Private to gpu/: what the guest has set up, as plain data in memory that outlives the process
 * (gp_gpu_set_saved_state). It is a table, not a log: each thing has a place of its own that is written
 * over, so it does not grow with time, and a page flip is a copy of one command.
 *
 * The process may end at any instruction. So each place has a mark that is taken away before the
 * place is written and put back afterwards: what was being written is not there. The command it
 * came from was not answered then. Only when backings are moved, to make room, all are at stake; a
 * crash in the midst of that voids the whole table.
 *
 * A process that crashed may have written anything anywhere. gp_saved_state_open makes sure that the
 * table is sound in itself, so that nobody reads or writes outside of it; values are checked when
 * they are used, as those of a guest (gpu/restore.c).
 */

enum gp_saved_state_backing {
	GP_SAVED_DETACHED,
	GP_SAVED_ATTACHED,
	GP_SAVED_LOST, // attached, but there was no room for its entries
};

struct gp_saved_state_resource {
	_Atomic uint32_t backing; // enum gp_saved_state_backing; the mark of the next two
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
	_Atomic uint32_t resource_id; // 0: nothing; the mark of the next
	struct gp_gpu_command set; // SET_SCANOUT or SET_SCANOUT_BLOB

	_Atomic uint32_t cursor; // visible: the mark of its pixels and hotspot
	uint32_t hot_x, hot_y;
	int32_t x, y;

	_Atomic uint32_t plugged; // enum gp_saved_state_monitor; the mark of the next
	struct gp_monitor monitor;
};

/* Zeroed, it is an empty table. */
struct gp_saved_state_area {
	_Atomic uint32_t moving; // backings are being moved, or all is being cleared: all is void
	uint32_t used; // entries; behind them all is free
	uint32_t events; // of the configuration space
	struct gp_saved_state_scanout scanouts[GP_GPU_SCANOUTS_MAX];
	_Atomic uint32_t ids[GP_RESOURCES_MAX]; // 0: free; the marks of the resources
	struct gp_saved_state_resource resources[GP_RESOURCES_MAX];
	uint32_t cursors[GP_GPU_SCANOUTS_MAX][GP_CURSOR_SIZE * GP_CURSOR_SIZE];
	struct gp_gpu_entry entries[];
};

/* Zeroed, it keeps nothing, and all functions but open do nothing. */
struct gp_saved_state {
	struct gp_saved_state_area *area; // the caller's
	uint32_t capacity; // entries
	bool torn; // it was void when it was opened
	bool full_logged;
};

/**
 * Takes the area, which must be aligned as by malloc and stay as long as the saved_state is used. What
 * does not make sense in it is dropped. False, with no effect, if there is no room for the table.
 */
bool gp_saved_state_open(struct gp_saved_state *saved_state, void *area, size_t size);
/* The guest was reset. Monitors are the host's and stay. */
void gp_saved_state_clear(struct gp_saved_state *saved_state);

/**
 * A resource, with the backing that the command has. Returns its slot for gp_resource.slot and the
 * calls below, which do nothing for slot 0: not kept.
 */
uint32_t gp_saved_state_add(struct gp_saved_state *saved_state, uint32_t id,
	const struct gp_gpu_command *create, uint32_t n_entries);
void gp_saved_state_remove(struct gp_saved_state *saved_state, uint32_t slot);
void gp_saved_state_attach(struct gp_saved_state *saved_state, uint32_t slot,
	const struct gp_gpu_entry *entries, uint32_t n_entries);
void gp_saved_state_detach(struct gp_saved_state *saved_state, uint32_t slot);
void gp_saved_state_hint(
	struct gp_saved_state *saved_state, uint32_t slot, uint32_t width, uint32_t height);

/* resource_id 0: nothing is on it, and set is not used. */
void gp_saved_state_scanout(struct gp_saved_state *saved_state, uint32_t scanout,
	uint32_t resource_id, const struct gp_gpu_command *set);
/* The picture as gp_gpu_ops.cursor_set gets it; NULL: hidden. */
void gp_saved_state_cursor(struct gp_saved_state *saved_state, uint32_t scanout, const void *pixels,
	uint32_t hot_x, uint32_t hot_y);
void gp_saved_state_cursor_move(
	struct gp_saved_state *saved_state, uint32_t scanout, int32_t x, int32_t y);
/* NULL: none. */
void gp_saved_state_monitor(
	struct gp_saved_state *saved_state, uint32_t scanout, const struct gp_monitor *monitor);
void gp_saved_state_events(struct gp_saved_state *saved_state, uint32_t events);

#endif
