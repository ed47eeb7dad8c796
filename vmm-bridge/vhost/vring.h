#ifndef GP_VMM_BRIDGE_VHOST_VRING_H
#define GP_VMM_BRIDGE_VHOST_VRING_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/virtio/guest_memory.h"
#include "vmm-bridge/virtio/virtqueue.h"

/**
 * One virtqueue as the front end sets it up: settings that take effect at the next start, the
 * event descriptors, and the queue itself.
 *
 * A ring is started between SET_VRING_KICK and GET_VRING_BASE. A started ring may still be without
 * a queue (queue.size 0): its settings were useless, or its memory is not in the table just now.
 */

struct wl_event_loop;
struct wl_event_source;

struct gp_vring {
	unsigned index;
	struct gp_virtqueue queue;
	bool started, enabled;

	/* Settings. base is the index to start at: that of the last stop, or the front end's. */
	uint16_t num, base;
	uint64_t desc_uva, avail_uva, used_uva;

	uint16_t stopped_at; // base at the last stop
	bool worked; // a chain was taken since the guest's last reset
	bool due; // has to be looked at without a kick
	unsigned popped; // chains taken since the last kick
	uint16_t last_head; // of the chain that was taken last
	bool last_in_flight; // it was not returned yet
	bool interrupt; // the guest waits for something that was pushed
	uint64_t kicked_ns; // time of the last kick

	struct gp_ring_checkpoint *checkpoint; // NULL: nobody takes over
	uint8_t *checkpoint_worked;
	bool resuming; // the next start continues where an earlier process was

	int kick_fd, call_fd, err_fd; // owned, or -1
	struct wl_event_source *kick_source;
	void (*kicked)(void *data, struct gp_vring *vring);
	void *data;
};

/* What happened between stop and start of a ring (behaviour C9). */
enum gp_vring_restart {
	GP_VRING_UNKNOWN, // it never did anything
	GP_VRING_RESUMED, // the rings are the old ones
	GP_VRING_RESET, // the driver has set up new ones
};

/* kicked is called from the loop when the guest kicks. */
void gp_vring_init(struct gp_vring *vring, unsigned index,
	void (*kicked)(void *, struct gp_vring *), void *data);
/* From now on the ring writes to the checkpoint. Before its first start. */
void gp_vring_set_checkpoint(
	struct gp_vring *vring, struct gp_ring_checkpoint *checkpoint, uint8_t *checkpoint_worked);
/**
 * Takes the ring over from the process that wrote the checkpoint: the next start continues there.
 */
void gp_vring_resume(struct gp_vring *vring);
/* Stops, closes all descriptors and forgets the settings. The ring can be used again. */
void gp_vring_finish(struct gp_vring *vring);

/* Each takes fd in every case. -1 is "none" for call and error. A pipe or socket is refused. */
bool gp_vring_set_kick(struct gp_vring *vring, struct wl_event_loop *loop, int fd);
bool gp_vring_set_call(struct gp_vring *vring, int fd);
bool gp_vring_set_error(struct gp_vring *vring, int fd);

/**
 * Looks the rings up in the memory table and continues at queue.last_avail. Returns NULL on
 * success, else what is wrong; the queue is not set up then. features are those that the driver
 * accepted.
 */
const char *gp_vring_attach(
	struct gp_vring *vring, const struct gp_guest_memory *memory, uint64_t features);
/* Whether a ring of the queue lies in that region. */
bool gp_vring_uses(const struct gp_vring *vring, const struct gp_memory_object *object);

/* Starts at base; like gp_vring_attach. The ring counts as started even if that fails. */
const char *gp_vring_start(
	struct gp_vring *vring, const struct gp_guest_memory *memory, uint64_t features);
/* Keeps the index as base of the next start, and the call and error descriptors. */
void gp_vring_stop(struct gp_vring *vring);

/* Started, enabled, and with a queue that can be served. */
bool gp_vring_active(const struct gp_vring *vring);
/**
 * Only for a started ring. Index 0 after another index is a reset. Where the old index was 0 too,
 * after a multiple of 65536 chains, the used ring decides: a driver zeroes it (virtio 1.3,
 * 4.1.5.1.3), and what we wrote there has a length or an id somewhere.
 */
enum gp_vring_restart gp_vring_restart_kind(const struct gp_vring *vring);

void gp_vring_set_worked(struct gp_vring *vring, bool worked);
/* Takes the next chain, of an active ring; like gp_virtqueue_pop. */
int gp_vring_pop(
	struct gp_vring *vring, const struct gp_guest_memory *memory, struct gp_chain *chain);
/* Returns a chain. interrupt: the guest waits for it. */
void gp_vring_push(struct gp_vring *vring, uint16_t head, uint32_t written, bool interrupt);
/**
 * Interrupts the guest if it wants that for what was pushed. If it waits for none of that and the
 * chain that was taken last is in flight, may_wait leaves it to the interrupt for that one: a page
 * flip is one interrupt then, not two.
 */
void gp_vring_interrupt_if_due(struct gp_vring *vring, bool may_wait);
/* Interrupts the guest in any case. */
void gp_vring_interrupt(struct gp_vring *vring);
/* Makes the loop call kicked once more. */
void gp_vring_kick_self(struct gp_vring *vring);
/* Signals the front end that the ring is broken. */
void gp_vring_signal_error(struct gp_vring *vring);

#endif
