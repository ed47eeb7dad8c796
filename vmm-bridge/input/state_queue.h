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
 * what the guest has been told and the state that it is to see next, in packets that end with
 * SYN_REPORT. A state that waits is replaced by a later one unless something was put down or lifted
 * in between.
 *
 * What the guest was told is noted event by event, so a packet may be sent in pieces (the guest
 * sees nothing of it before its end), and dropping what waits is always safe: the difference to the
 * latest state is sent when there is room again, and nothing stays down that was lifted.
 */

#define GP_STATES_MAX 64 // that wait

struct gp_input_state {
	union {
		struct gp_touch_state touch;
		struct gp_pen_state pen;
	};
};

struct gp_state_rules {
	/* Whether nothing was put down or lifted between two states. */
	bool (*same_hands)(const struct gp_input_state *a, const struct gp_input_state *b);
	/**
	 * Makes the event that takes told a step towards wanted, and changes told accordingly. False:
	 * there is no difference. The event may be SYN_REPORT, where two packets are needed.
	 */
	bool (*step)(struct gp_input_state *told, const struct gp_input_state *wanted,
		struct gp_input_event *event);
	/* SYN_REPORT was sent. */
	void (*close)(struct gp_input_state *told);
	/* All that can touch may do so, as far as it is known. */
	void (*assume_pressed)(struct gp_input_state *told);
	/* Lifts everything; how much that was. */
	unsigned (*lift)(struct gp_input_state *state);
};

extern const struct gp_state_rules gp_touch_rules, gp_pen_rules;

struct gp_state_queue {
	const struct gp_state_rules *rules;
	struct gp_input_state waiting[GP_STATES_MAX]; // a ring
	uint64_t times_ns[GP_STATES_MAX];
	size_t first, count;
	struct gp_input_state latest; // the last that was added
	struct gp_input_state told; // as the guest knows it
	bool open; // a packet was begun and not ended
	struct gp_event_counters counters;
};

void gp_state_queue_init(struct gp_state_queue *queue, const struct gp_state_rules *rules);

void gp_state_queue_add(
	struct gp_state_queue *queue, const struct gp_input_state *state, uint64_t time_ns);
/* Adds a state in which nothing touches. */
void gp_state_queue_lift_all(struct gp_state_queue *queue);

/* How many events the packet that is sent next has, or the rest of it; 0: there is none. */
size_t gp_state_queue_packet(const struct gp_state_queue *queue);
/* The event to be sent next, which there is. */
struct gp_input_event gp_state_queue_peek(const struct gp_state_queue *queue);
/**
 * It was given to the guest. True if that was the end of a state that was added at *time_ns, 0 if
 * it was not added for its own sake.
 */
bool gp_state_queue_pop(struct gp_state_queue *queue, uint64_t *time_ns);

/* Nobody listens: drops what waits, but for the latest state. */
void gp_state_queue_interrupt(struct gp_state_queue *queue);
/* The guest was reset: it has seen nothing yet, and what touches is forgotten. */
void gp_state_queue_reset(struct gp_state_queue *queue);

#endif
