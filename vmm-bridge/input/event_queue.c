#include "vmm-bridge/input/event_queue.h"

#include <linux/input.h>
#include <string.h>

_Static_assert(GP_EVENT_KEY_WORDS * 64 == KEY_CNT, "a bit for each key");

/* QEMU's vhost-user-input has rings of 4 buffers; one is for SYN_REPORT. */
#define REPAIR_EVENTS_MAX 3

static bool has_key(const struct gp_key_set *set, uint16_t code) {
	return (set->words[code / 64] >> code % 64 & 1) != 0;
}

static void set_key(struct gp_key_set *set, uint16_t code, bool on) {
	uint64_t bit = UINT64_C(1) << code % 64;
	if (on) {
		set->words[code / 64] |= bit;
	} else {
		set->words[code / 64] &= ~bit;
	}
}

void gp_event_queue_assume_pressed(struct gp_event_queue *queue, uint16_t code) {
	set_key(&queue->sent, code, true);
	queue->out_of_step = true;
}

void gp_event_queue_init(struct gp_event_queue *queue) {
	*queue = (struct gp_event_queue){.out_of_step = true};
}

/* What can be merged without becoming more events than fit into a small ring. */
enum flow {
	FLOW_NONE,
	FLOW_MOTION,
	FLOW_WHEEL,
	FLOW_HORIZONTAL_WHEEL,
};

static enum flow event_flow(const struct gp_input_event *event) {
	if (event->type == EV_ABS) {
		return FLOW_MOTION;
	}
	if (event->type != EV_REL) {
		return FLOW_NONE;
	}
	switch (event->code) {
	case REL_X:
	case REL_Y:
		return FLOW_MOTION;
	case REL_HWHEEL:
	case REL_HWHEEL_HI_RES:
		return FLOW_HORIZONTAL_WHEEL;
	default:
		return FLOW_WHEEL;
	}
}

static enum flow group_flow(const struct gp_event_group *group) {
	enum flow flow = event_flow(&group->events[0]);
	for (size_t i = 1; i + 1 < group->n; i++) {
		if (event_flow(&group->events[i]) != flow) {
			return FLOW_NONE;
		}
	}
	return flow;
}

static int32_t add_saturated(int32_t a, int32_t b) {
	int32_t sum;
	if (__builtin_add_overflow(a, b, &sum)) {
		return a > 0 ? INT32_MAX : INT32_MIN;
	}
	return sum;
}

static struct gp_input_event *find_event(
	struct gp_event_group *group, const struct gp_input_event *like) {
	for (size_t i = 0; i < group->n; i++) {
		if (group->events[i].type == like->type && group->events[i].code == like->code) {
			return &group->events[i];
		}
	}
	return NULL;
}

static void append(struct gp_event_group *group, const struct gp_input_event *event) {
	group->events[group->n++] = *event;
}

static void close_group(struct gp_event_group *group) {
	append(group, &(struct gp_input_event){.type = EV_SYN, .code = SYN_REPORT});
}

/* Merges the group into the last one that waits, if both allow it. */
static bool coalesce(struct gp_event_queue *queue, const struct gp_event_group *group) {
	if (queue->count == 0) {
		return false;
	}
	struct gp_event_group *last =
		&queue->groups[(queue->first + queue->count - 1) % GP_EVENT_GROUPS_MAX];
	enum flow flow = group_flow(group);
	if (flow == FLOW_NONE || flow != group_flow(last)) {
		return false;
	}
	struct gp_event_group merged = *last;
	merged.n--; // the end
	for (size_t i = 0; i + 1 < group->n; i++) {
		const struct gp_input_event *event = &group->events[i];
		struct gp_input_event *old = find_event(&merged, event);
		if (old == NULL && merged.n == GP_EVENT_GROUP_MAX - 1) {
			return false;
		} else if (old == NULL) {
			append(&merged, event);
		} else if (event->type == EV_REL) {
			old->value = add_saturated(old->value, event->value);
		} else {
			old->value = event->value;
		}
	}
	close_group(&merged);
	*last = merged;
	queue->counters.coalesced++;
	return true;
}

/* Notes how the event changes the device's state. False: it does not. */
static bool note(struct gp_event_queue *queue, const struct gp_input_event *event) {
	if (event->type == EV_KEY) {
		bool on = event->value != 0;
		if (event->code >= KEY_CNT || has_key(&queue->pressed, event->code) == on) {
			return false;
		}
		set_key(&queue->pressed, event->code, on);
	} else if (event->type == EV_ABS && event->code <= ABS_Y) {
		queue->position[event->code] = event->value;
		queue->position_known = true;
		queue->position_lost = queue->out_of_step;
	}
	return true;
}

void gp_event_queue_drop(struct gp_event_queue *queue) {
	queue->counters.dropped += queue->count;
	queue->count = 0;
	queue->repair.n = 0;
	queue->out_of_step = true;
	queue->position_lost = queue->position_known;
}

void gp_event_queue_add(struct gp_event_queue *queue, const struct gp_input_event *events, size_t n,
	uint64_t time_ns) {
	struct gp_event_group group = {.time_ns = time_ns};
	for (size_t i = 0; i < n && i < GP_EVENT_GROUP_MAX - 1; i++) {
		if (note(queue, &events[i])) {
			append(&group, &events[i]);
		}
	}
	if (group.n == 0) {
		return;
	}
	close_group(&group);
	if (!queue->out_of_step && coalesce(queue, &group)) {
		return;
	}
	if (!queue->out_of_step && queue->count == GP_EVENT_GROUPS_MAX) {
		gp_event_queue_drop(queue);
	}
	if (queue->out_of_step) {
		queue->counters.dropped++;
		queue->repair.n = 0; // out of date
		return;
	}
	queue->groups[(queue->first + queue->count++) % GP_EVENT_GROUPS_MAX] = group;
}

void gp_event_queue_release_all(struct gp_event_queue *queue) {
	for (uint32_t code = 0; code < KEY_CNT; code++) {
		if (has_key(&queue->pressed, (uint16_t)code)) {
			queue->counters.released++;
			gp_event_queue_add(queue,
				&(struct gp_input_event){.type = EV_KEY, .code = (uint16_t)code}, 1,
				0);
		}
	}
}

/* Adds keys of one set that are not in the other. */
static void add_difference(struct gp_event_group *group, const struct gp_key_set *in,
	const struct gp_key_set *not_in, int32_t value) {
	for (uint32_t code = 0; code < KEY_CNT && group->n < REPAIR_EVENTS_MAX; code++) {
		if (has_key(in, (uint16_t)code) && !has_key(not_in, (uint16_t)code)) {
			append(group,
				&(struct gp_input_event){
					.type = EV_KEY, .code = (uint16_t)code, .value = value});
		}
	}
}

/* Makes the next group that brings the guest back in step. False: it is in step. */
static bool make_repair(struct gp_event_queue *queue) {
	struct gp_event_group *group = &queue->repair;
	*group = (struct gp_event_group){0};
	add_difference(group, &queue->sent, &queue->pressed, 0);
	if (group->n == 0 && queue->position_lost) {
		for (uint16_t axis = ABS_X; axis <= ABS_Y; axis++) {
			append(group,
				&(struct gp_input_event){.type = EV_ABS,
					.code = axis,
					.value = queue->position[axis]});
		}
	}
	if (group->n == 0) {
		add_difference(group, &queue->pressed, &queue->sent, 1);
	}
	if (group->n == 0) {
		return false;
	}
	close_group(group);
	return true;
}

const struct gp_event_group *gp_event_queue_peek(struct gp_event_queue *queue) {
	if (queue->out_of_step) {
		if (queue->repair.n > 0 || make_repair(queue)) {
			return &queue->repair;
		}
		queue->out_of_step = false;
	}
	return queue->count > 0 ? &queue->groups[queue->first] : NULL;
}

/* The group was sent, or never will be. */
static void note_sent(struct gp_event_queue *queue, const struct gp_event_group *group) {
	for (size_t i = 0; i < group->n; i++) {
		const struct gp_input_event *event = &group->events[i];
		if (event->type == EV_KEY) {
			set_key(&queue->sent, event->code, event->value != 0);
		} else if (event->type == EV_ABS) {
			queue->position_lost = false;
		}
	}
}

static void remove_next(struct gp_event_queue *queue) {
	if (queue->out_of_step) {
		note_sent(queue, &queue->repair);
		queue->repair.n = 0;
	} else if (queue->count > 0) {
		note_sent(queue, &queue->groups[queue->first]);
		queue->first = (queue->first + 1) % GP_EVENT_GROUPS_MAX;
		queue->count--;
	}
}

void gp_event_queue_pop(struct gp_event_queue *queue) {
	queue->counters.groups++;
	remove_next(queue);
}

void gp_event_queue_skip(struct gp_event_queue *queue) {
	queue->counters.dropped++;
	remove_next(queue);
}

void gp_event_queue_reset(struct gp_event_queue *queue) {
	gp_event_queue_drop(queue);
	queue->pressed = queue->sent = (struct gp_key_set){0};
	queue->position_known = queue->position_lost = false;
}
