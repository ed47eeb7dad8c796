#ifndef GP_COMPOSITOR_GUEST_SCANOUT_H
#define GP_COMPOSITOR_GUEST_SCANOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/box.h>

#include "common/monitor.h"
#include "compositor/guest/content.h"

struct gp_guest;
struct gp_guest_cursor;
struct wlr_surface;

/**
 * A guest_scanout_v1 with its surface. It knows what the surface shows, but not where: that is for
 * the listeners of its events.
 */
struct gp_guest_scanout {
	struct wl_resource *resource;
	struct gp_guest *guest; // NULL once that was destroyed
	bool guest_removed; // it went, with its client, before its scanout
	struct wlr_surface *surface; // NULL once that was destroyed
	uint32_t index;

	struct gp_surface_content content;
	int32_t width, height; // of the scanout, in its pixels; 0 without content
	uint64_t n_commits; // that had a buffer
	char failure[160]; // why the last buffer cannot be shown; empty if it can

	struct gp_guest_cursor *cursor; // may be NULL
	int32_t cursor_x, cursor_y; // top left corner of its picture
	int32_t hotspot_x, hotspot_y;

	/* What was sent last. */
	struct gp_monitor monitor;
	bool has_monitor, visible;
	uint32_t path; // enum guest_scanout_v1_path
	char reason[160];

	struct {
		struct wl_signal commit; // const pixman_region32_t of the buffer, NULL for all
		struct wl_signal guest; // the guest's state, title or generation has changed
		struct wl_signal cursor; // const pixman_region32_t of the buffer, NULL for all
		struct wl_signal destroy; // the content has gone already, the guest has not
	} events;

	struct wl_listener surface_client_commit;
	struct wl_listener surface_commit;
	struct wl_listener surface_destroy;
	struct wl_listener cursor_commit;
	struct wl_listener cursor_destroy;
};

/* Raises the error of the rule that is broken, if any. The index was checked. */
void gp_guest_scanout_create(
	struct gp_guest *guest, uint32_t id, struct wlr_surface *surface, uint32_t index);

/* For the guest; NULL is fine in all three. */
void gp_guest_scanout_handle_guest(struct gp_guest_scanout *scanout);
void gp_guest_scanout_drop_content(struct gp_guest_scanout *scanout);
void gp_guest_scanout_note_guest_removed(struct gp_guest_scanout *scanout);

/* Whether there is content that may be shown. */
bool gp_guest_scanout_has_picture(const struct gp_guest_scanout *scanout);
/* The part of the buffer that is shown; empty if all of it is. */
void gp_guest_scanout_get_source_box(const struct gp_guest_scanout *scanout, struct wlr_fbox *box);

/* The id of the last commit's frame in the trace. */
uint64_t gp_guest_scanout_get_frame_id(const struct gp_guest_scanout *scanout);

/* Each sends what has changed since the last call. */
void gp_guest_scanout_send_monitor(
	struct gp_guest_scanout *scanout, const struct gp_monitor *monitor);
void gp_guest_scanout_send_visibility(struct gp_guest_scanout *scanout, bool visible);
void gp_guest_scanout_send_path(
	struct gp_guest_scanout *scanout, uint32_t path, const char *reason);

#endif
