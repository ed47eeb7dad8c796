#ifndef GP_VMM_BRIDGE_INPUT_STATE_QUEUE_H
#define GP_VMM_BRIDGE_INPUT_STATE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-bridge/input/evdev.h"
#include "vmm-bridge/input/event_queue.h"
#include "vmm-bridge/input/pen_state.h"
#include "vmm-bridge/input/touch_state.h"

/**
 * States of a touch screen or a pen on their way to a guest. What is sent is the difference between
 * the state that the guest has and the one that it gets next, in packets that end with SYN_REPORT.
 * A state that waits is replaced by a later one unless something was put down or lifted in between.
 *
 * What was sent is noted event by event, so a packet may be sent in pieces (the guest sees nothing
 * of it before its end), and dropping what waits is always safe: the difference to the latest state
 * is sent when there are buffers again, and nothing stays down that was lifted.
 */

#define GP_STATES_MAX 64 // that wait

struct gp_input_state {
	union {
		struct gp_touch_state touch;
		struct gp_pen_state pen;
	};
};

/* Of a kind of state. */
struct gp_state_ops {
	/* Whether nothing was put down or lifted between two states. */
	bool (*same_contacts)(const struct gp_input_state *a, const struct gp_input_state *b);
	/**
	 * Makes the event that takes sent a step towards wanted, and changes sent accordingly.
	 * False: there is no difference. The event is SYN_REPORT where two packets are needed.
	 */
	bool (*step)(struct gp_input_state *sent, const struct gp_input_state *wanted,
		struct gp_input_event *event);
	/* SYN_REPORT was sent. */
	void (*close)(struct gp_input_state *sent);
	/* It is unknown what was sent: everything may touch that can. */
	void (*assume_pressed)(struct gp_input_state *sent);
	/* Lifts everything. Returns how much that was. */
	unsigned (*lift)(struct gp_input_state *state);
};

struct gp_state_queue {
	const struct gp_state_ops *ops;
	struct gp_input_state waiting[GP_STATES_MAX]; // a ring
	uint64_t times_ns[GP_STATES_MAX];
	size_t first, count;
	struct gp_input_state latest; // the last that was added
	struct gp_input_state sent; // the state that the guest has
	bool open; // a packet was begun and not ended
	struct gp_event_counters counters;
};

void gp_state_queue_init(struct gp_state_queue *queue, const struct gp_state_ops *ops);

void gp_state_queue_add(
	struct gp_state_queue *queue, const struct gp_input_state *state, uint64_t time_ns);
/* Adds a state in which nothing touches. */
void gp_state_queue_lift_all(struct gp_state_queue *queue);

/* How many events the next packet has, or the rest of it; 0: there is none. */
size_t gp_state_queue_packet(const struct gp_state_queue *queue);
/* The next event; there must be one. */
struct gp_input_event gp_state_queue_peek(const struct gp_state_queue *queue);
/**
 * That event was sent. True if it ended a state that was added at *time_ns, which is 0 if the state
 * was not added for its own sake.
 */
bool gp_state_queue_pop(struct gp_state_queue *queue, uint64_t *time_ns);

/* The guest does not run: drops what waits, but for the latest state. */
void gp_state_queue_drop(struct gp_state_queue *queue);
/* The guest was reset: nothing was sent to it, and what touches is forgotten. */
void gp_state_queue_reset(struct gp_state_queue *queue);

#endif
