#ifndef GP_VMM_BRIDGE_KEEPER_WORKER_H
#define GP_VMM_BRIDGE_KEEPER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "vmm-bridge/keeper/broker.h"
#include "vmm-bridge/keeper/grant.h"
#include "vmm-bridge/keeper/shared.h"
#include "vmm-bridge/vhost/device.h"

struct gp_vfio_finder;

/**
 * The worker's side of the keeper: what it was given at its start, what earlier workers have left,
 * and what it may ask for.
 */

struct gp_worker;

/* channel is taken. NULL after logging. */
struct gp_worker *gp_worker_create(int channel);
/**
 * Waits for what the keeper sends, which may be much later: a worker is made in advance. False: it
 * is not needed any more. To be called before all that follows.
 */
bool gp_worker_wait(struct gp_worker *worker);
/* NULL is fine. */
void gp_worker_destroy(struct gp_worker *worker);

/* The keeper's process, which others see as the bridge's. */
pid_t gp_worker_get_keeper_pid(const struct gp_worker *worker);
/* How many workers there were before. */
unsigned gp_worker_get_restarts(const struct gp_worker *worker);
/* Its descriptor is the caller's; -errno, as of opening it, or -ENOENT: there is none. */
struct gp_grant gp_worker_take_grant(
	struct gp_worker *worker, enum gp_grant_kind kind, uint32_t index);

/* Fills in what gp_vhost_device_create needs for the index-th device, but n_queues and features. */
void gp_worker_get_info(struct gp_worker *worker, unsigned index, struct gp_vhost_info *info);
/* Of GP_KEEPER_AREA_BYTES. */
void *gp_worker_get_area(struct gp_worker *worker);
/* Whether there is a front end that an earlier worker has served, or that was there at first. */
bool gp_worker_has_front(const struct gp_worker *worker, unsigned index);
/* A duplicate of its socket; -1 if there is none. */
int gp_worker_dup_socket(const struct gp_worker *worker, unsigned index);
/* Replays the requests that were handled (gp_vhost_device_replay). */
void gp_worker_replay(
	const struct gp_worker *worker, unsigned index, struct gp_vhost_device *device);
/* Handles the one that was not (gp_vhost_device_handle). */
void gp_worker_handle_pending(
	const struct gp_worker *worker, unsigned index, struct gp_vhost_device *device);
/* All was taken over: closes what is left. */
void gp_worker_done(struct gp_worker *worker);

/* A connection to the compositor, or -1 with errno. data: a struct gp_worker. */
int gp_worker_open_display(void *data);
/* A connection to QEMU's monitor, or to the bus that it is on, in the same way. */
int gp_worker_open_qemu(void *data);
/* A pair of sockets. False with errno. data as above. */
bool gp_worker_open_pair(void *data, int fds[2]);
/* How the VMM's devices are found. Its data is a struct gp_worker. */
extern const struct gp_vfio_finder gp_worker_vfio_finder;

#endif
