#ifndef GP_VMM_BRIDGE_KEEPER_KEEPER_H
#define GP_VMM_BRIDGE_KEEPER_KEEPER_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm-bridge/vhost/device.h"

/**
 * A front end cannot connect again while its VM runs (C10). So a process that does nothing else
 * holds what a crash must not take away, and starts another worker, which continues with it:
 *
 *  - the sockets of the front ends and their requests, with all descriptors (store.h);
 *  - memory that all workers share: how far the queues are, and an area for the device's own state.
 *
 * It never looks at the guest's memory, and trusts a worker in nothing but that its messages are
 * about the front ends of this VM.
 */

#define GP_KEEPER_DEVICES_MAX 54
#define GP_KEEPER_AREA_BYTES (64u << 20) // only what is used of it takes memory

struct gp_keeper;

/**
 * Runs work in a process of its own, and again, in a fresh one, when that process crashes. Returns
 * the exit status: that of the work, or 1 when it crashes again and again. *socket, a descriptor
 * of the work's, is closed here once the first process has it; -1: there is none.
 */
int gp_keeper_run(int (*work)(void *data, struct gp_keeper *keeper), void *data, int *socket);

/* For the worker. A NULL keeper is fine: there is none, and nothing outlives the worker. */

/* How many workers there were before. */
unsigned gp_keeper_restarts(const struct gp_keeper *keeper);
/* Fills in what gp_vhost_device_create needs for the index-th device, but n_queues and features. */
void gp_keeper_get_info(struct gp_keeper *keeper, unsigned index, struct gp_vhost_info *info);
/* Shared by all workers, zeros at first; of GP_KEEPER_AREA_BYTES. */
void *gp_keeper_get_area(struct gp_keeper *keeper);
/* Whether there is a front end that an earlier worker has served. */
bool gp_keeper_has_front(const struct gp_keeper *keeper, unsigned index);
/* A duplicate of its socket; -1 if there is none. */
int gp_keeper_dup_socket(const struct gp_keeper *keeper, unsigned index);
/* Replays the requests that were handled (gp_vhost_device_replay). */
void gp_keeper_replay(
	const struct gp_keeper *keeper, unsigned index, struct gp_vhost_device *device);
/* Handles the one that was not (gp_vhost_device_handle). */
void gp_keeper_handle_pending(
	const struct gp_keeper *keeper, unsigned index, struct gp_vhost_device *device);
/**
 * All was taken over: closes the worker's copies of sockets, so that a close is one for the front
 * end.
 */
void gp_keeper_done(struct gp_keeper *keeper);

#endif
