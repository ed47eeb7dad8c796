#include "compositor/guest/content.h"

#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_compositor.h>
#include <wlr/types/wlr_linux_drm_syncobj_v1.h>
#include <wlr/types/wlr_output.h>
#include <wlr/types/wlr_scene.h>

#include "common/log.h"
#include "compositor/memory/guest_buffer.h"

static void handle_buffer_lost(struct wl_listener *listener, void *data) {
	struct gp_surface_content *content = wl_container_of(listener, content, buffer_lost);
	content->lost(content);
}

void gp_surface_content_init(
	struct gp_surface_content *content, void (*lost)(struct gp_surface_content *content)) {
	*content = (struct gp_surface_content){
		.lost = lost,
		.buffer_lost.notify = handle_buffer_lost,
	};
	wl_list_init(&content->buffer_lost.link);
}

void gp_surface_content_finish(struct gp_surface_content *content) {
	wlr_buffer_unlock(gp_surface_content_swap(content, NULL));
}

struct wlr_buffer *gp_surface_content_swap(
	struct gp_surface_content *content, struct wlr_buffer *buffer) {
	struct wlr_buffer *old = content->buffer;
	wl_list_remove(&content->buffer_lost.link);
	wl_list_init(&content->buffer_lost.link);
	content->buffer = NULL;

	if (buffer != NULL) {
		content->buffer = wlr_buffer_lock(buffer);
		struct gp_guest_buffer *guest_buffer = gp_guest_buffer_try_from_buffer(buffer);
		if (guest_buffer != NULL) {
			wl_signal_add(&guest_buffer->events.lost, &content->buffer_lost);
		}
	}
	return old;
}

struct wlr_buffer *gp_surface_get_content(
	struct wlr_surface *surface, const struct gp_import_failure **failure) {
	struct wlr_buffer *buffer = surface->current.buffer;
	if (buffer == NULL) {
		return NULL;
	}
	struct gp_guest_buffer *guest_buffer = gp_guest_buffer_try_from_buffer(buffer);
	if (guest_buffer == NULL || !gp_guest_buffer_is_inert(guest_buffer)) {
		return buffer;
	}
	if (failure != NULL) {
		*failure = guest_buffer->failure;
	}
	return NULL;
}

bool gp_surface_has_content(const struct wlr_surface *surface) {
	/* Before the commit, an attached null looks like a buffer. */
	return wlr_surface_state_has_buffer(&surface->current) ||
		(surface->pending.committed & WLR_SURFACE_STATE_BUFFER) != 0;
}

static struct wlr_linux_drm_syncobj_surface_v1_state *get_explicit(struct wlr_surface *surface) {
	return surface != NULL ? wlr_linux_drm_syncobj_v1_get_surface_state(surface) : NULL;
}

bool gp_surface_has_acquire_point(struct wlr_surface *surface) {
	const struct wlr_linux_drm_syncobj_surface_v1_state *state = get_explicit(surface);
	return state != NULL && state->acquire_timeline != NULL;
}

void gp_surface_set_acquire_point(
	struct wlr_surface *surface, struct wlr_scene_buffer_set_buffer_options *options) {
	const struct wlr_linux_drm_syncobj_surface_v1_state *state = get_explicit(surface);
	if (state != NULL) {
		options->wait_timeline = state->acquire_timeline;
		options->wait_point = state->acquire_point;
	}
}

void gp_surface_content_handle_sample(struct gp_surface_content *content,
	struct wlr_surface *surface, const struct wlr_scene_output_sample_event *event) {
	struct wlr_linux_drm_syncobj_surface_v1_state *state = get_explicit(surface);
	if (event->release_timeline == NULL || content->buffer == NULL) {
		return;
	}
	/* A plane's buffer is locked until another one is on the plane. */
	if (!event->direct_scanout) {
		gp_guest_buffer_add_read_point(
			content->buffer, event->release_timeline, event->release_point);
	}
	if (state != NULL &&
		!wlr_linux_drm_syncobj_v1_state_add_release_point(state, event->release_timeline,
			event->release_point, event->output->output->event_loop)) {
		gp_error_errno("a client's release point is not signalled");
	}
}
