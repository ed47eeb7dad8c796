#ifndef GP_CLIENT_SEAT_H
#define GP_CLIENT_SEAT_H

#include <wayland-client.h>

#include "client/pen.h"
#include "client/scanout.h"
#include "client/touch.h"

/*
 * The compositor's seat, as far as it is with this guest: keyboard, pointer, touch screens, pens.
 */

struct zwp_locked_pointer_v1;
struct zwp_pointer_constraints_v1;
struct zwp_relative_pointer_manager_v1;
struct zwp_relative_pointer_v1;

/* The wheels of a pointer in one frame of events. */
struct gp_client_axis {
	bool has_steps, has_value;
	int32_t steps; // 120ths
	wl_fixed_t value;
	uint32_t time_ms;
};

struct gp_client_seat {
	struct wl_event_loop *loop;
	bool wants_lock, wants_touch, wants_pen;
	const struct gp_client_seat_events *events; // NULL: no input is wanted
	void *data; // for events
	struct gp_scanout_surface *scanouts; // n_scanouts
	uint32_t n_scanouts;

	/* Of one connection; NULL without. */
	struct wl_seat *proxy; // the compositor may have none
	struct wl_keyboard *keyboard;
	struct wl_pointer *pointer;
	struct zwp_relative_pointer_manager_v1 *relative_manager;
	struct zwp_relative_pointer_v1 *relative;
	struct zwp_pointer_constraints_v1 *constraints;
	struct zwp_tablet_manager_v2 *tablet_manager;
	struct zwp_locked_pointer_v1 *locks[GP_CLIENT_SCANOUTS_MAX]; // of each scanout
	bool locked;
	const struct gp_scanout_surface *over; // where the pointer is; NULL: nowhere
	struct wl_event_source *leave; // will report that it left; NULL: nothing is to report
	struct gp_client_axis axes[2]; // vertical, horizontal
	struct gp_client_touch touch;
	struct gp_client_pens pens;
};

/* loop, events and scanouts must outlive it. events may be NULL. */
void gp_client_seat_init(struct gp_client_seat *seat, struct wl_event_loop *loop,
	const struct gp_client_options *options, struct gp_scanout_surface *scanouts);
/* A global of the registry. Nothing happens if it is of no use here. */
void gp_client_seat_bind(struct gp_client_seat *seat, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version);
/* The surfaces of the scanouts exist. */
void gp_client_seat_start(struct gp_client_seat *seat);
/* Destroys the objects of the connection; what is pressed is reported as released. */
void gp_client_seat_stop(struct gp_client_seat *seat);

#endif
