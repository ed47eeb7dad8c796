#ifndef GP_VMM_BRIDGE_QEMU_SEAT_H
#define GP_VMM_BRIDGE_QEMU_SEAT_H

#include <linux/input-event-codes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/guest_scanout.h"

/**
 * The events of the compositor's seat for QEMU's own input devices, over D-Bus. QEMU takes whole
 * pixels, whole steps of a vertical wheel, seven buttons and ten fingers.
 *
 * Motion is sent once a turn, before what follows it.
 */

#define GP_QEMU_TOUCHES_MAX 10

struct gp_bus;
struct gp_qemu_console;
struct json_object;

struct gp_qemu_seat {
	struct gp_qemu_console *consoles; // n_consoles, one for each scanout
	uint32_t n_consoles;
	bool absolute; // QEMU's pointer is; by its property IsAbsolute
	bool locked;
	bool keys[KEY_CNT]; // that are pressed
	uint32_t buttons; // that are pressed, bits of 1 << QEMU's number
	uint32_t scanout; // where the pointer is
	int32_t x, y; // in 1/256 pixel; of an absolute pointer, or of the last motion
	int32_t rest_x, rest_y; // of relative motion, in 1/256 pixel
	bool has_position, moved; // moved: x and y, or the rest, are to be sent
	int32_t wheel; // what is left of a step, in 1/256 of its 120th
	struct {
		bool down;
		int32_t id;
		uint32_t scanout;
		int32_t x, y;
	} touches[GP_QEMU_TOUCHES_MAX];
	uint64_t n_sent, n_dropped; // events; dropped: QEMU has no such thing
};

/* consoles must outlive it. */
void gp_qemu_seat_init(
	struct gp_qemu_seat *seat, struct gp_qemu_console *consoles, uint32_t n_consoles);
/* The connection is new: QEMU may believe that something is pressed. */
void gp_qemu_seat_attach(struct gp_qemu_seat *seat);
void gp_qemu_seat_set_absolute(struct gp_qemu_seat *seat, bool absolute);
/* Sends motion. */
void gp_qemu_seat_end_turn(struct gp_qemu_seat *seat);
/* Bits of 1 << LED_* for QEMU's property Modifiers. */
uint32_t gp_qemu_seat_leds(uint32_t modifiers);
/* Its part of the status document. */
struct json_object *gp_qemu_seat_status(const struct gp_qemu_seat *seat);

/* For gp_client_options; data is the seat. */
extern const struct gp_client_seat_events gp_qemu_seat_events;

#endif
