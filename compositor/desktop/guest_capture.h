#ifndef GP_COMPOSITOR_DESKTOP_GUEST_CAPTURE_H
#define GP_COMPOSITOR_DESKTOP_GUEST_CAPTURE_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct wlr_allocator;
struct wlr_renderer;

/**
 * Pictures of one guest's scanout by ext-image-copy-capture-v1: in its own size, without labels,
 * other guests or cursor, and also while it is hidden. A scene of its own has nothing but its
 * content, from the first time that somebody asks until the scanout is destroyed; nothing is
 * rendered while nobody captures.
 */
struct gp_guest_captures {
	struct wl_event_loop *loop;
	struct wlr_allocator *allocator;
	struct wlr_renderer *renderer;
	struct wl_list list; // guest_capture.link

	struct wl_listener request;
};

/* Toplevels (desktop/toplevels.h) are what is asked for. Returns false if memory is short. */
bool gp_guest_captures_init(struct gp_guest_captures *captures, struct wl_display *display,
	struct wlr_allocator *allocator, struct wlr_renderer *renderer);
/* After all clients, before the renderer. One that is all zeros is fine. */
void gp_guest_captures_finish(struct gp_guest_captures *captures);

#endif
