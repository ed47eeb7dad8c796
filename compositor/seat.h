#ifndef GP_COMPOSITOR_SEAT_H
#define GP_COMPOSITOR_SEAT_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct gp_server;
struct wlr_seat;

/**
 * The seat. No input goes to guests yet; keyboards are listened to so that one can switch to
 * another virtual terminal.
 */
struct gp_seat {
	struct gp_server *server;
	struct wlr_seat *wlr_seat;
	struct wl_list keyboards; // struct keyboard.link

	struct wl_listener new_input;
};

/* Returns false if memory is short. The backend must not have been started. */
bool gp_seat_init(struct gp_seat *seat, struct gp_server *server);
/* A seat that is all zeros is fine. */
void gp_seat_finish(struct gp_seat *seat);

#endif
