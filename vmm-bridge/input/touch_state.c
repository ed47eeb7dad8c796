#include "vmm-bridge/input/touch_state.h"

#include <linux/input.h>

#include "vmm-bridge/input/state_queue.h"

static bool same_contacts(const struct gp_input_state *a, const struct gp_input_state *b) {
	for (unsigned i = 0; i < GP_TOUCH_SLOTS; i++) {
		if (a->touch.contacts[i].tracking != b->touch.contacts[i].tracking) {
			return false;
		}
	}
	return true;
}

static bool make(struct gp_input_event *event, uint16_t type, uint16_t code, int32_t value) {
	*event = (struct gp_input_event){.type = type, .code = code, .value = value};
	return true;
}

/* The first event about a slot selects it. False: this slot is no different. */
static bool step_slot(struct gp_touch_state *sent, const struct gp_contact *wanted, uint8_t slot,
	struct gp_input_event *event) {
	struct gp_contact *known = &sent->contacts[slot];
	bool begins = wanted->tracking != known->tracking;
	if (!begins &&
		(wanted->tracking == 0 || (wanted->x == known->x && wanted->y == known->y))) {
		return false;
	}
	bool lifts = begins && known->tracking != 0;
	if (begins && !lifts && (sent->lifted >> slot & 1) != 0) {
		/* The guest must see one contact end before the next one begins. */
		return make(event, EV_SYN, SYN_REPORT, 0);
	}
	if (sent->slot != slot) {
		sent->slot = slot;
		return make(event, EV_ABS, ABS_MT_SLOT, slot);
	}
	if (lifts) {
		known->tracking = 0;
		sent->lifted |= 1u << slot;
		return make(event, EV_ABS, ABS_MT_TRACKING_ID, -1);
	}
	if (begins) {
		*known = (struct gp_contact){wanted->tracking, -1, -1};
		return make(event, EV_ABS, ABS_MT_TRACKING_ID, (int32_t)wanted->tracking - 1);
	}
	if (wanted->x != known->x) {
		known->x = wanted->x;
		return make(event, EV_ABS, ABS_MT_POSITION_X, wanted->x);
	}
	known->y = wanted->y;
	return make(event, EV_ABS, ABS_MT_POSITION_Y, wanted->y);
}

static bool step(struct gp_input_state *sent, const struct gp_input_state *wanted,
	struct gp_input_event *event) {
	bool touching = false;
	for (uint8_t i = 0; i < GP_TOUCH_SLOTS; i++) {
		const struct gp_contact *contact = &wanted->touch.contacts[i];
		if (step_slot(&sent->touch, contact, i, event)) {
			return true;
		}
		touching = touching || contact->tracking != 0;
	}
	if (sent->touch.touching == touching) {
		return false;
	}
	sent->touch.touching = touching;
	return make(event, EV_KEY, BTN_TOUCH, touching);
}

static void close_packet(struct gp_input_state *sent) {
	sent->touch.lifted = 0;
}

static void assume_pressed(struct gp_input_state *sent) {
	sent->touch.slot = UINT8_MAX;
	sent->touch.touching = true;
	for (unsigned i = 0; i < GP_TOUCH_SLOTS; i++) {
		sent->touch.contacts[i].tracking = GP_TOUCH_TRACKING_MAX + 2; // not a real one
	}
}

static unsigned lift(struct gp_input_state *state) {
	unsigned n = 0;
	for (unsigned i = 0; i < GP_TOUCH_SLOTS; i++) {
		n += state->touch.contacts[i].tracking != 0;
		state->touch.contacts[i].tracking = 0;
	}
	return n;
}

const struct gp_state_ops gp_touch_state_ops = {
	.same_contacts = same_contacts,
	.step = step,
	.close = close_packet,
	.assume_pressed = assume_pressed,
	.lift = lift,
};
