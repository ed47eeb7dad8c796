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
 * A surface with the role guest_cursor. It keeps its content as long as the surface lives, because
 * a scanout may set it again without a commit.
 */
struct gp_guest_cursor {
	struct wlr_surface *surface;
	struct wlr_addon addon; // of the surface
	struct gp_surface_content content;
	uint64_t stamp; // of the content; unique among all cursors at all times

	struct {
		struct wl_signal commit; // const pixman_region32_t, or NULL for all
		struct wl_signal destroy;
	} events;

	struct wl_listener surface_commit;
	struct wl_listener guest_reset; // of the guest whose scanout set it last
	struct wl_listener guest_destroy;
};

/**
 * Gives the surface the role unless it has it, and returns its cursor. On failure sends the error
 * of guest_scanout_v1 and returns NULL.
 */
struct gp_guest_cursor *gp_guest_cursor_get(
	struct wlr_surface *surface, struct wl_resource *scanout_resource);

/* The content is dropped when that guest is reset or destroyed. */
void gp_guest_cursor_set_guest(struct gp_guest_cursor *cursor, struct gp_guest *guest);
/* Shows nothing until the next commit with a buffer. NULL is fine. */
void gp_guest_cursor_drop_content(struct gp_guest_cursor *cursor);

#endif
