#ifndef GP_VMM_BRIDGE_PRESENT_REVOKES_H
#define GP_VMM_BRIDGE_PRESENT_REVOKES_H

#include "vmm-bridge/present/import_cache.h"

/**
 * Memory that the guest has taken back, until the compositor acknowledges that it reads it no
 * longer: the replies that are owed for that, and how long anybody waits. A compositor that does
 * not acknowledge it in 50 ms is late: the VM goes on (B9).
 */

/* A reply that is owed once no import of that memory is read any more, or it is late. */
struct gp_pending_revoke {
	uint64_t memory_id;
	uint64_t token;
	uint64_t deadline_ns;
};

struct gp_revokes {
	struct gp_import_cache *cache;
	struct gp_pending_revoke *items;
	size_t n, capacity;
	uint64_t wait_until_ns; // of all waits in this turn of the loop; 0: there was none
	uint64_t late; // that the VM did not wait for
	struct gp_log_limit late_log;
};

/* The cache must outlive it. */
void gp_revokes_init(struct gp_revokes *revokes, struct gp_import_cache *cache);
void gp_revokes_finish(struct gp_revokes *revokes);

/* Whether the compositor may read memory of that id, though the guest has taken it back. */
bool gp_revokes_is_read(const struct gp_revokes *revokes, uint64_t memory_id);
/* Owes a reply for the memory. False: no memory for that. */
bool gp_revokes_add(struct gp_revokes *revokes, uint64_t memory_id, uint64_t token);
/* Sends the replies that can be sent. */
void gp_revokes_send(struct gp_revokes *revokes,
	void (*send)(void *data, uint64_t memory_id, uint64_t token), void *data);
/* When the first reply is sent at the latest; 0: none is owed. */
uint64_t gp_revokes_deadline(const struct gp_revokes *revokes);
/**
 * Waits until the compositor reads no memory that the guest has taken back, or is late. The list of
 * imports may change. All waits in a turn of the loop share the time.
 */
void gp_revokes_wait(struct gp_revokes *revokes);
void gp_revokes_end_turn(struct gp_revokes *revokes);

#endif
