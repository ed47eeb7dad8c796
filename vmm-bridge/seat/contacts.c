#include "vmm-bridge/seat/contacts.h"

#include "vmm-bridge/input/device.h"

int gp_contacts_find(const struct gp_contacts *contacts, int32_t id) {
	for (int i = 0; i < GP_TOUCH_SLOTS; i++) {
		if (contacts->next.contacts[i].tracking != 0 && contacts->ids[i] == id) {
			return i;
		}
	}
	return -1;
}

/* Touched neither now nor in the frame before: the guest sees a lifted contact in each slot first. */
static int find_free_slot(
	const struct gp_contacts *contacts, const struct gp_input_device *device) {
	const struct gp_touch_state *latest = &device->states.latest.touch;
	for (int i = 0; i < GP_TOUCH_SLOTS; i++) {
		if (contacts->next.contacts[i].tracking == 0 && latest->contacts[i].tracking == 0) {
			return i;
		}
	}
	return -1;
}

void gp_contacts_down(struct gp_contacts *contacts, const struct gp_input_device *device,
	int32_t id, int32_t x, int32_t y, uint64_t time_ns) {
	int slot = find_free_slot(contacts, device);
	if (slot < 0) {
		return;
	}
	contacts->ids[slot] = id;
	contacts->next.contacts[slot].tracking = 1 + contacts->next_tracking;
	contacts->next_tracking = (contacts->next_tracking + 1) % (GP_TOUCH_TRACKING_MAX + 1);
	gp_contacts_motion(contacts, slot, x, y, time_ns);
}

void gp_contacts_motion(
	struct gp_contacts *contacts, int slot, int32_t x, int32_t y, uint64_t time_ns) {
	contacts->next.contacts[slot].x = x;
	contacts->next.contacts[slot].y = y;
	contacts->changed = true;
	contacts->time_ns = time_ns;
}

void gp_contacts_up(
	struct gp_contacts *contacts, struct gp_input_device *device, int slot, uint64_t time_ns) {
	const struct gp_contact *known = &device->states.latest.touch.contacts[slot];
	if (known->tracking != contacts->next.contacts[slot].tracking) {
		gp_contacts_frame(contacts, device); // or a tap within a frame would be lost
	}
	contacts->next.contacts[slot].tracking = 0;
	contacts->changed = true;
	contacts->time_ns = time_ns;
}

void gp_contacts_frame(struct gp_contacts *contacts, struct gp_input_device *device) {
	if (contacts->changed) {
		contacts->changed = false;
		const struct gp_input_state state = {.touch = contacts->next};
		gp_input_device_set_state(device, &state, contacts->time_ns);
	}
}

void gp_contacts_forget(struct gp_contacts *contacts) {
	contacts->next = (struct gp_touch_state){0};
	contacts->changed = false;
}
