#ifndef GP_COMPOSITOR_GUEST_SCANOUT_H
#define GP_COMPOSITOR_GUEST_SCANOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>

#include "common/monitor.h"
#include "compositor/guest/content.h"
#include "compositor/memory/import_failure.h"

struct gp_guest;
struct gp_guest_cursor;
struct wlr_surface;

#define GP_PATHS 6 // enum guest_scanout_v1_path

/**
 * A guest_scanout_v1 with its surface. It knows what the surface shows; where it is shown is up to
 * those who listen to its events.
 */
struct gp_guest_scanout {
	struct wl_resource *resource;
	struct gp_guest *guest; // NULL once destroyed
	bool guest_removed; // the guest was destroyed first, as the client disconnected
	struct wlr_surface *surface; // NULL once destroyed
	uint32_t index;

	struct gp_surface_content content;
	int32_t width, height; // of the scanout, in pixels; 0 without content
	bool content_lost; // the client took the memory back; no buffer was committed since
	uint64_t n_commits; // that had a buffer
	uint64_t commit_ns; // CLOCK_MONOTONIC of the last
	/* Why the last buffer cannot be shown; empty if it can. */
	char failure[GP_IMPORT_FAILURE_MESSAGE_MAX];

	struct gp_guest_cursor *cursor; // may be NULL
	int32_t cursor_x, cursor_y; // top left corner of the cursor, in pixels of the scanout
	int32_t hotspot_x, hotspot_y;

	/* What was sent last. */
	struct gp_monitor monitor;
	bool has_monitor, visible;
	uint32_t path; // enum guest_scanout_v1_path
	char reason[160];

	struct {
		struct wl_signal commit; // const pixman_region32_t of the buffer, NULL for all
		struct wl_signal guest; // the guest's state or title has changed
		struct wl_signal cursor; // const pixman_region32_t of the buffer, NULL for all
		struct wl_signal destroy; // the content was dropped; the guest is still there
	} events;

	struct wl_listener guest_change;
	struct wl_listener guest_reset;
	struct wl_listener guest_destroy;
	struct wl_listener surface_client_commit;
	struct wl_listener surface_commit;
	struct wl_listener surface_destroy;
	struct wl_listener cursor_commit;
	struct wl_listener cursor_destroy;
};

/* The index was checked. Sends the error if the surface breaks a rule or memory is short. */
void gp_guest_scanout_create(
	struct gp_guest *guest, uint32_t id, struct wlr_surface *surface, uint32_t index);

/* Whether there is content that may be shown. */
bool gp_guest_scanout_has_picture(const struct gp_guest_scanout *scanout);
/* The part of the buffer that is shown; empty: all of it. */
void gp_guest_scanout_get_source_box(const struct gp_guest_scanout *scanout, struct wlr_fbox *box);

/* The id of the last commit in the trace. */
uint64_t gp_guest_scanout_get_frame_id(const struct gp_guest_scanout *scanout);

#endif
