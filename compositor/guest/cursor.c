#include "compositor/guest/cursor.h"

#include <stdlib.h>
#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_compositor.h>

#include "compositor/guest/guest.h"
#include "guest-scanout-v1-protocol.h"

static const struct wlr_surface_role cursor_role = {
	.name = "guest_cursor",
	.no_object = true,
};

static void set_content(
	struct gp_guest_cursor *cursor, struct wlr_buffer *buffer, pixman_region32_t *damage) {
	static uint64_t last_stamp;
	struct wlr_buffer *old = gp_surface_content_swap(&cursor->content, buffer);
	cursor->stamp = ++last_stamp;
	wl_signal_emit_mutable(&cursor->events.commit, damage);
	wlr_buffer_unlock(old);
}

static void handle_surface_commit(struct wl_listener *listener, void *data) {
	struct gp_guest_cursor *cursor = wl_container_of(listener, cursor, surface_commit);
	struct wlr_surface *surface = cursor->surface;
	struct wlr_buffer *buffer = cursor->content.buffer;
	pixman_region32_t *damage = &surface->buffer_damage;

	if ((surface->current.committed & WLR_SURFACE_STATE_BUFFER) != 0) {
		struct wlr_buffer *next = gp_surface_get_content(surface, NULL);
		if (buffer == NULL || next == NULL || buffer->width != next->width ||
			buffer->height != next->height) {
			damage = NULL;
		}
		buffer = next;
	}
	set_content(cursor, buffer, damage);
}

static void handle_content_lost(struct gp_surface_content *content) {
	struct gp_guest_cursor *cursor = wl_container_of(content, cursor, content);
	gp_guest_cursor_drop_content(cursor);
}

void gp_guest_cursor_drop_content(struct gp_guest_cursor *cursor) {
	if (cursor != NULL && cursor->content.buffer != NULL) {
		set_content(cursor, NULL, NULL);
	}
}

static void leave_guest(struct gp_guest_cursor *cursor) {
	wl_list_remove(&cursor->guest_reset.link);
	wl_list_remove(&cursor->guest_destroy.link);
	wl_list_init(&cursor->guest_reset.link);
	wl_list_init(&cursor->guest_destroy.link);
}

static void handle_guest_reset(struct wl_listener *listener, void *data) {
	struct gp_guest_cursor *cursor = wl_container_of(listener, cursor, guest_reset);
	gp_guest_cursor_drop_content(cursor);
}

static void handle_guest_destroy(struct wl_listener *listener, void *data) {
	struct gp_guest_cursor *cursor = wl_container_of(listener, cursor, guest_destroy);
	gp_guest_cursor_drop_content(cursor);
	leave_guest(cursor);
}

void gp_guest_cursor_set_guest(struct gp_guest_cursor *cursor, struct gp_guest *guest) {
	leave_guest(cursor);
	wl_signal_add(&guest->events.reset, &cursor->guest_reset);
	wl_signal_add(&guest->events.destroy, &cursor->guest_destroy);
}

/* The surface is destroyed. */
static void cursor_addon_destroy(struct wlr_addon *addon) {
	struct gp_guest_cursor *cursor = wl_container_of(addon, cursor, addon);
	wl_signal_emit_mutable(&cursor->events.destroy, cursor);
	leave_guest(cursor);
	wl_list_remove(&cursor->surface_commit.link);
	wlr_addon_finish(&cursor->addon);
	gp_surface_content_finish(&cursor->content);
	free(cursor);
}

static const struct wlr_addon_interface cursor_addon_impl = {
	.name = "gp_guest_cursor",
	.destroy = cursor_addon_destroy,
};

static bool set_role(struct wlr_surface *surface, struct wl_resource *scanout_resource) {
	if (!wlr_surface_set_role(
		    surface, &cursor_role, scanout_resource, GUEST_SCANOUT_V1_ERROR_ROLE)) {
		return false;
	}
	if (gp_surface_has_content(surface)) {
		wl_resource_post_error(scanout_resource, GUEST_SCANOUT_V1_ERROR_ALREADY_CONSTRUCTED,
			"the cursor's surface has a buffer");
		return false;
	}
	return true;
}

struct gp_guest_cursor *gp_guest_cursor_get(
	struct wlr_surface *surface, struct wl_resource *scanout_resource) {
	struct wlr_addon *addon = wlr_addon_find(&surface->addons, NULL, &cursor_addon_impl);
	if (addon != NULL) {
		struct gp_guest_cursor *cursor = wl_container_of(addon, cursor, addon);
		return cursor;
	}
	if (!set_role(surface, scanout_resource)) {
		return NULL;
	}

	struct gp_guest_cursor *cursor = calloc(1, sizeof(*cursor));
	if (cursor == NULL) {
		wl_resource_post_no_memory(scanout_resource);
		return NULL;
	}
	cursor->surface = surface;
	cursor->guest_reset.notify = handle_guest_reset;
	cursor->guest_destroy.notify = handle_guest_destroy;
	wl_list_init(&cursor->guest_reset.link);
	wl_list_init(&cursor->guest_destroy.link);
	gp_surface_content_init(&cursor->content, handle_content_lost);
	wl_signal_init(&cursor->events.commit);
	wl_signal_init(&cursor->events.destroy);
	cursor->surface_commit.notify = handle_surface_commit;
	wl_signal_add(&surface->events.commit, &cursor->surface_commit);
	wlr_addon_init(&cursor->addon, &surface->addons, NULL, &cursor_addon_impl);
	return cursor;
}
