#ifndef GP_CLIENT_PEN_H
#define GP_CLIENT_PEN_H

#include <wayland-util.h>

#include "client/scanout.h"

/* Pens of the seat. The guest has one: that which was brought over one of its scanouts last. */

struct gp_client_tool;
struct wl_seat;
struct zwp_tablet_manager_v2;
struct zwp_tablet_seat_v2;

struct gp_client_pens {
	const struct gp_client_seat_events *events;
	void *data; // for events
	struct zwp_tablet_seat_v2 *proxy; // NULL until started
	struct wl_list tablets; // gp_client_tablet.link
	struct wl_list tools; // gp_client_tool.link
	struct gp_client_tool *tool; // that is over a scanout; may be NULL
};

/* Nothing happens if it was started before. */
void gp_client_pens_start(
	struct gp_client_pens *pens, struct zwp_tablet_manager_v2 *manager, struct wl_seat *seat);
/* A pen that is there is reported to leave. Nothing happens if it was not started. */
void gp_client_pens_stop(struct gp_client_pens *pens);

#endif
