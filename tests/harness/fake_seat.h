#ifndef GP_TESTS_HARNESS_FAKE_SEAT_H
#define GP_TESTS_HARNESS_FAKE_SEAT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * A keyboard and a pointer that a test moves: a client of the virtual-keyboard and virtual-pointer
 * protocols on a client socket of the compositor. Each function returns when the compositor has
 * handled what it sent; false: the connection is broken.
 */
struct fake_seat {
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_seat *seat;
	struct zwp_virtual_keyboard_manager_v1 *keyboards; // NULL: not advertised
	struct zwlr_virtual_pointer_manager_v1 *pointers; // NULL: not advertised
	struct zwp_virtual_keyboard_v1 *keyboard;
	struct zwlr_virtual_pointer_v1 *pointer;
};

/* Connects to a socket by path and makes the devices, if they can be made. */
bool fake_seat_connect(struct fake_seat *seat, const char *path);
void fake_seat_finish(struct fake_seat *seat);

/* evdev codes. */
bool fake_seat_key(struct fake_seat *seat, uint32_t code, bool pressed);
bool fake_seat_button(struct fake_seat *seat, uint32_t code, bool pressed);
/* To a point of the whole layout, which has that size. */
bool fake_seat_point(
	struct fake_seat *seat, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
bool fake_seat_move(struct fake_seat *seat, double dx, double dy);
/* Steps of a wheel, down and right positive; 0 steps: a touchpad's way of so much. */
bool fake_seat_scroll(struct fake_seat *seat, bool horizontal, double path, int32_t steps);
/* The devices go, as if they were unplugged. */
bool fake_seat_unplug(struct fake_seat *seat);

#endif
