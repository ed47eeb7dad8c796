#ifndef GP_VMM_BRIDGE_DISPLAY_H
#define GP_VMM_BRIDGE_DISPLAY_H

#include "client/guest_scanout.h"
#include "common/monitor.h"
#include "vmm-bridge/present/presenter.h"

/**
 * The compositor's side of a bridge, which is the same for each source: the connection, the
 * presenter, and what the compositor reports of each scanout.
 */

struct wl_event_loop;

/* The presentation path of a scanout's frames, as the compositor reported it last. */
struct gp_scanout_report {
	char path[16], path_reason[160];
};

/* For the source. Called from gp_display_end_turn only. */
struct gp_display_events {
	struct gp_presenter_events presenter;
	/* The monitor of a scanout has changed; NULL: it has none. */
	void (*monitor)(void *data, uint32_t scanout, const struct gp_monitor *monitor);
};

/* The monitor of a scanout as the compositor described it last. */
struct gp_monitor_change {
	bool changed; // to be passed on at the end of the turn
	bool connected;
	struct gp_monitor monitor;
};

struct gp_display {
	const struct gp_display_events *events;
	void *data;
	const struct gp_mode *mode; // of every monitor; NULL: its own
	struct gp_client *client;
	struct gp_presenter presenter;
	struct gp_monitor_change monitors[GP_SCANOUTS_MAX];
	struct gp_scanout_report reports[GP_SCANOUTS_MAX];
	uint32_t n_scanouts;
};

/* mode and events must stay valid. False after logging; it needs no finish then. */
bool gp_display_init(struct gp_display *display, struct wl_event_loop *loop,
	const struct gp_client_options *options, const struct gp_mode *mode,
	const struct gp_display_events *events, void *data);
/* All memory must have been revoked. client is NULL from the start on, also in its callbacks. */
void gp_display_finish(struct gp_display *display);

/* The VM was reset: nothing that was shown is shown again. */
void gp_display_reset(struct gp_display *display);

/**
 * Passes on to the source what the compositor has sent meanwhile. False: more is to do in a
 * millisecond (gp_presenter_end_turn).
 */
bool gp_display_end_turn(struct gp_display *display);

#endif
