#ifndef GP_VMM_BRIDGE_SEAT_CONTACTS_H
#define GP_VMM_BRIDGE_SEAT_CONTACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-bridge/input/touch_state.h"

/**
 * The fingers on one touch screen: gathers what the seat sends up to the end of a frame, which is
 * when the guest's device gets it. Zero-initialised there is none.
 */

struct gp_input_device;

struct gp_contacts {
	struct gp_touch_state next;
	int32_t ids[GP_TOUCH_SLOTS]; // the seat's; of slots that are touched
	uint32_t next_tracking;
	bool changed; // since the last frame
	uint64_t time_ns;
};

/* The slot of the contact with the seat's id; -1: it is not here. */
int gp_contacts_find(const struct gp_contacts *contacts, int32_t id);
/* x and y are on the axes of the device. Ignored if all slots are taken. */
void gp_contacts_down(struct gp_contacts *contacts, const struct gp_input_device *device,
	int32_t id, int32_t x, int32_t y, uint64_t time_ns);
void gp_contacts_motion(
	struct gp_contacts *contacts, int slot, int32_t x, int32_t y, uint64_t time_ns);
void gp_contacts_up(
	struct gp_contacts *contacts, struct gp_input_device *device, int slot, uint64_t time_ns);
/* The frame ends. */
void gp_contacts_frame(struct gp_contacts *contacts, struct gp_input_device *device);
/* All fingers are lifted, or the guest was reset; the device knows. */
void gp_contacts_forget(struct gp_contacts *contacts);

#endif
