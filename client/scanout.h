#ifndef GP_CLIENT_SCANOUT_H
#define GP_CLIENT_SCANOUT_H

#include "client/cursor.h"
#include "client/monitor.h"

/* A scanout of the guest: the surface that shows it, and its cursor and monitor. */

struct wp_viewport;
struct wp_viewporter;

struct gp_scanout_surface {
	uint32_t index;
	const struct gp_client_events *events;
	void *data; // for events
	struct gp_client_cursor cursor;

	/* Of one connection. */
	struct wl_surface *surface;
	struct guest_scanout_v1 *role;
	struct wp_viewporter *viewporter; // NULL: the compositor has none
	struct wp_viewport *viewport; // NULL until a part of a buffer is shown
	bool cropped; // the viewport has a source
	uint64_t n_frames; // that were committed
	struct gp_client_monitor_batch monitor;
};

/* blobs and events must outlive it. */
void gp_scanout_surface_init(struct gp_scanout_surface *scanout, uint32_t index,
	struct gp_client_blobs *blobs, const struct gp_client_events *events, void *data);
void gp_scanout_surface_finish(struct gp_scanout_surface *scanout);

/* Makes the surface and its role. The objects must live until stop. False without memory. */
bool gp_scanout_surface_start(struct gp_scanout_surface *scanout, struct guest_v1 *guest,
	struct wl_compositor *compositor, struct wp_viewporter *viewporter);
/* Destroys the objects of the connection. */
void gp_scanout_surface_stop(struct gp_scanout_surface *scanout);

/* Commits a frame, as gp_client_show does. */
void gp_scanout_surface_show(struct gp_scanout_surface *scanout, struct gp_client_buffer *buffer,
	const struct gp_client_rect *source, const struct gp_client_rect *damage);

/* The scanout whose surface it is. NULL: surface is NULL or another surface. */
struct gp_scanout_surface *gp_scanout_surface_from(struct wl_surface *surface);

#endif
