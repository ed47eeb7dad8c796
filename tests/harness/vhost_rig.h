#ifndef GP_TESTS_HARNESS_VHOST_RIG_H
#define GP_TESTS_HARNESS_VHOST_RIG_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/frontend.h"
#include "vmm-bridge/vhost/device.h"
#include "vmm-bridge/vhost/message.h"

/**
 * A gp_vhost_device that returns to each chain its readable bytes, each plus one, and a front
 * end for it. The device runs in a thread of its own, so the front end can wait for it. Calls of
 * its ops are recorded as words in order. One rig a process; functions assert (cmocka).
 */

#define VR_PATIENCE_MS 20000 // for what has to come
#define VR_SHORT_MS 50 // to see that something does not come
#define VR_FEATURES (UINT64_C(1) << 3)

struct vhost_rig {
	struct wl_event_loop *loop;
	struct gp_vhost_device *device;
	char path[64];
	pthread_t thread;
	bool ended; // the thread's own
	int call_fd;
	struct wl_event_source *call_source;
	void (*call)(void);
	sem_t called;

	pthread_mutex_t lock; // of events
	char events[2048];
	atomic_uint kicks, chains;
	atomic_bool hold; // hold chains until they are drained
	atomic_bool obey; // hold chains that begin with k; no interrupt for those with q
	atomic_int refill; // chains that the "guest" offers again as soon as one was taken
	atomic_uint work_us; // what a chain takes
	struct gp_chain chain;
	struct gp_chain held[8];
	unsigned held_queue[8], n_held;
	uint8_t config[GP_VHOST_CONFIG_MAX];
};

extern struct vhost_rig vr;
extern struct fe fe; // not connected after vr_setup
extern const struct gp_vhost_ops vr_ops;

/* For cmocka. Teardown fails if a descriptor is left. */
int vr_setup(void **state);
int vr_teardown(void **state);
/* Done by those two: a device that listens at path, or has the connected socket fd. */
void vr_start(const char *path, int fd);
void vr_stop(void);
int vr_count_fds(void);

/* Runs the function in the device's thread and waits for it. */
void vr_call(void (*function)(void));
/* In the device's thread: replies to what vr.hold has held of the queue. */
void vr_reply_held(unsigned queue);

/* Waits until the device has seen all that was sent. */
void vr_sync(void);
void vr_wait_for_state(enum gp_vhost_state state);
/**
 * The calls of ops since the last look: "drain0", "reset", "removed@" with the address in
 * MiB, and names of states. Kicks are not among them.
 */
void vr_assert_events(const char *expected);
void vr_forget_events(void);

void vr_connect(void); // and negotiate
void vr_connect_and_start(void);
void vr_assert_echo(unsigned queue);
/* Nothing is returned to that queue. */
void vr_assert_silent(unsigned queue);
void vr_assert_dropped(void);

#endif
