#include "vmm-bridge/input/state_queue.h"

#include <linux/input.h>

static const struct gp_input_event report = {.type = EV_SYN, .code = SYN_REPORT};

void gp_state_queue_reset(struct gp_state_queue *queue) {
	queue->counters.dropped += queue->count;
	queue->count = 0;
	queue->open = false;
	queue->sent = queue->latest = (struct gp_input_state){0};
}

void gp_state_queue_init(struct gp_state_queue *queue, const struct gp_state_ops *ops) {
	queue->ops = ops;
	queue->counters = (struct gp_event_counters){0};
	queue->first = queue->count = 0;
	gp_state_queue_reset(queue);
}

void gp_state_queue_drop(struct gp_state_queue *queue) {
	queue->counters.dropped += queue->count;
	queue->count = 0;
}

static const struct gp_input_state *find_wanted(const struct gp_state_queue *queue) {
	return queue->count > 0 ? &queue->waiting[queue->first] : &queue->latest;
}

/* Whether all of the next state was sent. */
static bool is_done(const struct gp_state_queue *queue) {
	struct gp_input_state sent = queue->sent;
	struct gp_input_event event;
	return !queue->open && !queue->ops->step(&sent, find_wanted(queue), &event);
}

static void remove_first(struct gp_state_queue *queue) {
	queue->first = (queue->first + 1) % GP_STATES_MAX;
	queue->count--;
}

/* Waiting states may be no different. */
static void skip_sent(struct gp_state_queue *queue) {
	while (queue->count > 0 && is_done(queue)) {
		remove_first(queue);
	}
}

void gp_state_queue_add(
	struct gp_state_queue *queue, const struct gp_input_state *state, uint64_t time_ns) {
	queue->latest = *state;
	size_t last = (queue->first + queue->count - 1) % GP_STATES_MAX;
	bool begun = queue->count == 1 && queue->open;
	if (queue->count > 0 && !begun && queue->ops->same_contacts(&queue->waiting[last], state)) {
		queue->waiting[last] = *state;
		queue->times_ns[last] = time_ns;
		queue->counters.coalesced++;
		return;
	}
	if (queue->count == GP_STATES_MAX) {
		gp_state_queue_drop(queue);
	}
	last = (queue->first + queue->count++) % GP_STATES_MAX;
	queue->waiting[last] = *state;
	queue->times_ns[last] = time_ns;
	skip_sent(queue);
}

void gp_state_queue_lift_all(struct gp_state_queue *queue) {
	struct gp_input_state state = queue->latest;
	unsigned n = queue->ops->lift(&state);
	if (n > 0) {
		queue->counters.released += n;
		gp_state_queue_add(queue, &state, 0);
	}
}

/* Makes the next event, and changes sent accordingly. False: all was sent. */
static bool advance(const struct gp_state_queue *queue, struct gp_input_state *sent, bool *open,
	struct gp_input_event *event) {
	if (!queue->ops->step(sent, find_wanted(queue), event)) {
		if (!*open) {
			return false;
		}
		*event = report;
	}
	*open = event->type != EV_SYN;
	if (!*open) {
		queue->ops->close(sent);
	}
	return true;
}

size_t gp_state_queue_packet(const struct gp_state_queue *queue) {
	struct gp_input_state sent = queue->sent;
	struct gp_input_event event;
	bool open = queue->open;
	size_t n = 0;
	while (advance(queue, &sent, &open, &event)) {
		n++;
		if (!open) {
			break;
		}
	}
	return n;
}

struct gp_input_event gp_state_queue_peek(const struct gp_state_queue *queue) {
	struct gp_input_state sent = queue->sent;
	struct gp_input_event event = report;
	bool open = queue->open;
	advance(queue, &sent, &open, &event);
	return event;
}

bool gp_state_queue_pop(struct gp_state_queue *queue, uint64_t *time_ns) {
	struct gp_input_event event;
	*time_ns = 0;
	advance(queue, &queue->sent, &queue->open, &event);
	if (!is_done(queue)) {
		return false;
	}
	queue->counters.groups++;
	if (queue->count > 0) {
		*time_ns = queue->times_ns[queue->first];
		remove_first(queue);
	}
	skip_sent(queue);
	return true;
}
