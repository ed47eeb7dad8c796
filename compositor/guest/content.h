#ifndef GP_COMPOSITOR_GUEST_CONTENT_H
#define GP_COMPOSITOR_GUEST_CONTENT_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct gp_import_failure;
struct wlr_buffer;
struct wlr_surface;

/**
 * What a surface shows: a buffer that is locked until another one takes its place or its memory is
 * revoked.
 */
struct gp_surface_content {
	struct wlr_buffer *buffer; // may be NULL
	/* Called when the memory is revoked; has to do what a swap with NULL does. */
	void (*lost)(struct gp_surface_content *content);

	struct wl_listener buffer_lost;
};

void gp_surface_content_init(
	struct gp_surface_content *content, void (*lost)(struct gp_surface_content *content));
void gp_surface_content_finish(struct gp_surface_content *content);

/**
 * Locks and takes the new buffer, which may be NULL. Returns the one before, still locked: unlock
 * it when those who show the content have been told, so that a buffer that stays is not released.
 */
struct wlr_buffer *gp_surface_content_swap(
	struct gp_surface_content *content, struct wlr_buffer *buffer);

/**
 * The buffer of the surface's commit that is being handled; NULL if it has none, or an inert one.
 * In the latter case *failure, unless failure is NULL, is why, if that is known; it is valid while
 * the commit is handled.
 */
struct wlr_buffer *gp_surface_get_content(
	struct wlr_surface *surface, const struct gp_import_failure **failure);
/* Whether a buffer was attached or committed, so that it is too late for a new role. */
bool gp_surface_has_content(const struct wlr_surface *surface);

#endif
