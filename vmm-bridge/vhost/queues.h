#ifndef GP_VMM_BRIDGE_VHOST_QUEUES_H
#define GP_VMM_BRIDGE_VHOST_QUEUES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/log.h"
#include "vmm-bridge/vhost/ops.h"
#include "vmm-bridge/vhost/vring.h"

/**
 * The virtqueues of a device, the memory that they are in, and the state that follows from them.
 *
 * A stop for ever and a pause look alike (C9), so the guest's state is kept when the queues stop.
 * The first queue that runs again decides for all that are set up by then: a queue that had worked
 * and continues at its old index means a pause, one that begins at 0 a reset (vring.h). If no queue
 * had worked, there is nothing to keep and a reset is assumed.
 */

#define GP_VHOST_QUEUES_MAX 8

struct gp_vhost_queues {
	const struct gp_vhost_ops *ops;
	void *data;
	struct gp_guest_memory memory;
	struct gp_vring vrings[GP_VHOST_QUEUES_MAX]; // first n
	unsigned n;
	uint64_t features; // that the driver accepted
	enum gp_vhost_state state;
	struct gp_log_limit guest_errors;
};

/* info->n_queues is at most GP_VHOST_QUEUES_MAX. */
void gp_vhost_queues_init(struct gp_vhost_queues *queues, const struct gp_vhost_info *info,
	const struct gp_vhost_ops *ops, void *data);
/* The front end disconnects: drains and forgets the queues, removes all memory. */
void gp_vhost_queues_clear(struct gp_vhost_queues *queues);

void gp_vhost_queues_set_state(struct gp_vhost_queues *queues, enum gp_vhost_state state);
/* Finds the state again after a request has changed queues; decides between pause and reset. */
void gp_vhost_queues_update_state(struct gp_vhost_queues *queues);
void gp_vhost_queues_reset_guest(struct gp_vhost_queues *queues);
/* Whether any can be served. */
bool gp_vhost_queues_active(const struct gp_vhost_queues *queues);

/* NULL if there is no such queue. */
struct gp_vring *gp_vhost_queues_find(struct gp_vhost_queues *queues, uint32_t index);
void gp_vhost_queues_stop(struct gp_vhost_queues *queues, struct gp_vring *vring);
/* A queue that cannot be served is the guest's fault: logs why, signals it, and leaves it alone. */
void gp_vhost_queues_report_broken(
	struct gp_vhost_queues *queues, struct gp_vring *vring, const char *why);
/* Kicks the device for queues that are due; a kick may have come before we listened. */
void gp_vhost_queues_serve(struct gp_vhost_queues *queues);
/* Has the device return what is in flight, as far as it can. */
void gp_vhost_queues_drain(struct gp_vhost_queues *queues);
/* Sends the interrupts that are due for what was pushed. */
void gp_vhost_queues_flush(struct gp_vhost_queues *queues);

/* A gp_memory_removed_func; data is the struct gp_vhost_queues. */
void gp_vhost_queues_memory_removed(void *data, struct gp_memory_object *object);
/**
 * The table may have new regions: queues whose rings are (again) there continue. A move of RAM is a
 * removal and an addition.
 */
void gp_vhost_queues_memory_added(struct gp_vhost_queues *queues);

#endif
