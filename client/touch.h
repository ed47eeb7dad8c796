#ifndef GP_CLIENT_TOUCH_H
#define GP_CLIENT_TOUCH_H

#include "client/scanout.h"

/* The fingers of the seat that are on the guest's surfaces. */

#define GP_CLIENT_CONTACTS_MAX 32

struct wl_seat;
struct wl_touch;

struct gp_client_contact {
	const struct gp_scanout_surface *scanout; // that it was put on; NULL: no contact
	int32_t id;
};

struct gp_client_touch {
	const struct gp_client_seat_events *events;
	void *data; // for events
	struct wl_touch *proxy; // NULL: the seat has no touch screen, or it is not wanted
	struct gp_client_contact contacts[GP_CLIENT_CONTACTS_MAX];
};

/* The seat has touch screens. Nothing happens if it was started before. */
void gp_client_touch_start(struct gp_client_touch *touch, struct wl_seat *seat);
/* What touches is reported as cancelled. Nothing happens if it was not started. */
void gp_client_touch_stop(struct gp_client_touch *touch);

#endif
