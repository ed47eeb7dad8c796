#ifndef GP_COMPOSITOR_GUEST_CURSOR_H
#define GP_COMPOSITOR_GUEST_CURSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>
#include <wlr/util/addon.h>

#include "compositor/guest/content.h"

struct gp_guest;
struct wlr_surface;

/**
 * A surface with the role guest_cursor. It keeps what was committed last for as long as the
 * surface lives, as it may be set again without a commit.
 */
struct gp_guest_cursor {
	struct wlr_surface *surface;
	struct wlr_addon addon; // of the surface
	struct gp_surface_content content;
	uint64_t stamp; // of the content; no other cursor has, or had, the same

	struct {
		struct wl_signal commit; // const pixman_region32_t, or NULL for all
		struct wl_signal destroy;
	} events;

	struct wl_listener surface_commit;
	struct wl_listener guest_reset; // of the guest that it was set for last
	struct wl_listener guest_destroy;
};

/**
 * Gives the surface the role, if it has none, and returns its cursor. On failure the error is
 * raised on the resource of a guest_scanout_v1 and NULL is returned.
 */
struct gp_guest_cursor *gp_guest_cursor_get(
	struct wlr_surface *surface, struct wl_resource *scanout_resource);

/* Makes the cursor one of that guest, with which its content ends. */
void gp_guest_cursor_set_guest(struct gp_guest_cursor *cursor, struct gp_guest *guest);
/* Shows nothing until the next commit with a buffer. NULL is fine. */
void gp_guest_cursor_drop_content(struct gp_guest_cursor *cursor);

#endif
