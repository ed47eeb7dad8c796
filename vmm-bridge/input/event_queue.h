#ifndef GP_VMM_BRIDGE_INPUT_EVENT_QUEUE_H
#define GP_VMM_BRIDGE_INPUT_EVENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/input/evdev.h"

/**
 * Events on their way to a guest, in groups that end with SYN_REPORT. Groups wait here while the
 * guest has no buffers for them; motion that waits is merged, and so are the turns of a wheel.
 *
 * A queue knows what is pressed, and what was sent as pressed. When too many groups wait, all of
 * them are dropped and the queue is out of step: from then on it only notes what is pressed, and as
 * soon as there are buffers it sends the difference. So no key stays down that is up. A queue
 * begins out of step, and is put there while the guest does not run: what is typed then is for
 * nobody.
 */

#define GP_EVENT_GROUP_MAX 8 // events, with SYN_REPORT
#define GP_EVENT_GROUPS_MAX 256
#define GP_EVENT_KEY_WORDS 12 // of 64 bits: KEY_CNT

struct gp_event_group {
	struct gp_input_event events[GP_EVENT_GROUP_MAX]; // first n
	size_t n;
	uint64_t time_ns; // CLOCK_MONOTONIC at the seat; 0: it does not come from there
};

struct gp_key_set {
	uint64_t words[GP_EVENT_KEY_WORDS];
};

struct gp_event_counters {
	uint64_t groups; // that were sent
	uint64_t coalesced; // merged with one that waited
	uint64_t dropped; // not sent
	uint64_t released; // keys and buttons, not by the user but by a loss of focus and the like
};

struct gp_event_queue {
	struct gp_event_group groups[GP_EVENT_GROUPS_MAX]; // a ring
	size_t first, count;
	struct gp_key_set pressed, sent; // in fact; as sent to the guest

	bool out_of_step;
	struct gp_event_group repair; // the next group, while out of step
	bool position_known, position_lost;
	int32_t position[2]; // last of ABS_X and ABS_Y
	struct gp_event_counters counters;
};

void gp_event_queue_init(struct gp_event_queue *queue);

/**
 * Adds a group of 1 to GP_EVENT_GROUP_MAX - 1 events, without SYN_REPORT. Presses of what is
 * pressed, and releases of what is not, are left out.
 */
void gp_event_queue_add(struct gp_event_queue *queue, const struct gp_input_event *events, size_t n,
	uint64_t time_ns);
/* Releases all that is pressed, in order with what waits. */
void gp_event_queue_release_all(struct gp_event_queue *queue);

/* The next group to send, or NULL. */
const struct gp_event_group *gp_event_queue_peek(struct gp_event_queue *queue);
/* The group of the last peek was sent; or it never can be. */
void gp_event_queue_pop(struct gp_event_queue *queue);
void gp_event_queue_skip(struct gp_event_queue *queue);

/* It may have been sent as pressed. Before anything is added. */
void gp_event_queue_assume_pressed(struct gp_event_queue *queue, uint16_t code);
/* The guest does not run: drops what waits. */
void gp_event_queue_drop(struct gp_event_queue *queue);
/* The guest was reset: nothing was sent to it, and what is pressed is forgotten. */
void gp_event_queue_reset(struct gp_event_queue *queue);

#endif
