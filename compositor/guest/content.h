#ifndef GP_COMPOSITOR_GUEST_CONTENT_H
#define GP_COMPOSITOR_GUEST_CONTENT_H

#include <stdbool.h>
#include <wayland-server-core.h>

struct gp_import_failure;
struct wlr_buffer;
struct wlr_scene_buffer_set_buffer_options;
struct wlr_scene_output_sample_event;
struct wlr_surface;

/**
 * What a surface shows: a buffer, locked until another one replaces it or its memory is revoked.
 */
struct gp_surface_content {
	struct wlr_buffer *buffer; // may be NULL
	/* Called when the memory is revoked; has to swap the buffer for NULL. */
	void (*lost)(struct gp_surface_content *content);

	struct wl_listener buffer_lost;
};

void gp_surface_content_init(
	struct gp_surface_content *content, void (*lost)(struct gp_surface_content *content));
void gp_surface_content_finish(struct gp_surface_content *content);

/**
 * Locks the new buffer, which may be NULL. Returns the one that it replaces, still locked: unlock
 * it after those who show the content were notified, so that a buffer that stays is not released.
 */
struct wlr_buffer *gp_surface_content_swap(
	struct gp_surface_content *content, struct wlr_buffer *buffer);

/**
 * The buffer of the commit that is being handled; NULL if there is none or if it is inert. Then
 * *failure is why, or NULL, until the commit was handled. failure itself may be NULL.
 */
struct wlr_buffer *gp_surface_get_content(
	struct wlr_surface *surface, const struct gp_import_failure **failure);
/* Whether a buffer is attached or committed: too late for a new role. */
bool gp_surface_has_content(const struct wlr_surface *surface);

/**
 * For a surface with explicit synchronization (linux-drm-syncobj): its content is shown, with
 * options that wait until it is drawn, and a frame samples it until the event's release point. The
 * surface may be NULL. The content's memory is not given back before that point in any case.
 */
void gp_surface_set_acquire_point(
	struct wlr_surface *surface, struct wlr_scene_buffer_set_buffer_options *options);
void gp_surface_content_handle_sample(struct gp_surface_content *content,
	struct wlr_surface *surface, const struct wlr_scene_output_sample_event *event);
/* Whether the present content has such a point to wait for. */
bool gp_surface_has_acquire_point(struct wlr_surface *surface);

#endif
