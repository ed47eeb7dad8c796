#ifndef GP_COMPOSITOR_SEAT_TOUCH_H
#define GP_COMPOSITOR_SEAT_TOUCH_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct gp_focus;
struct gp_pointer;
struct touch_screen;
struct wlr_touch;

#define GP_TOUCH_FINGERS_MAX 32

/* A finger; its index is its touch id in the seat. */
struct gp_finger {
	const struct touch_screen *screen; // NULL: there is none
	int32_t id; // the screen's
	bool pointing; // it moves the pointer, as the guest has no touch screen
};

/**
 * Touch screens, which belong to one output each. A finger that comes down on the picture of
 * another guest takes the pointer there first, and so the focus; fingers on a guest that loses the
 * focus are cancelled. To a guest without a touch screen one finger is its pointer.
 */
struct gp_touch {
	struct gp_focus *focus;
	struct gp_pointer *pointer;
	struct wl_list screens; // struct touch_screen.link
	struct gp_finger fingers[GP_TOUCH_FINGERS_MAX];

	struct wl_listener focus_changed;
};

void gp_touch_init(struct gp_touch *touch, struct gp_pointer *pointer);
/* Lifts all fingers. */
void gp_touch_finish(struct gp_touch *touch);
/* The touch screen leaves when it is destroyed. */
void gp_touch_add(struct gp_touch *touch, struct wlr_touch *wlr_touch);

#endif
