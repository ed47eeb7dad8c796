#include "compositor/guest/scanout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_compositor.h>

#include "common/trace.h"
#include "compositor/guest/cursor.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/manager.h"
#include "compositor/memory/blob_memory.h"
#include "compositor/memory/guest_buffer.h"
#include "compositor/memory/import_failure.h"
#include "guest-scanout-v1-protocol.h"

/*
 * For wlroots the role has no object: it would send an error of wl_surface where this protocol has
 * its own. wlr_surface.data is the scanout.
 */
static const struct wlr_surface_role scanout_role = {
	.name = "guest_scanout",
	.no_object = true,
};

static struct gp_guest_scanout *scanout_from_resource(struct wl_resource *resource) {
	return wl_resource_get_user_data(resource);
}

bool gp_guest_scanout_has_picture(const struct gp_guest_scanout *scanout) {
	return scanout->content.buffer != NULL && scanout->guest != NULL &&
		gp_guest_may_show(scanout->guest);
}

void gp_guest_scanout_get_source_box(const struct gp_guest_scanout *scanout, struct wlr_fbox *box) {
	*box = (struct wlr_fbox){0};
	if (scanout->surface != NULL && scanout->surface->current.viewport.has_src) {
		wlr_surface_get_buffer_source_box(scanout->surface, box);
	}
}

static void set_content(struct gp_guest_scanout *scanout, struct wlr_buffer *buffer,
	const pixman_region32_t *damage) {
	struct wlr_buffer *old = gp_surface_content_swap(&scanout->content, buffer);
	scanout->width = buffer != NULL ? scanout->surface->current.width : 0;
	scanout->height = buffer != NULL ? scanout->surface->current.height : 0;
	wl_signal_emit_mutable(&scanout->events.commit, (void *)damage);
	wlr_buffer_unlock(old);
}

/* The memory cannot be read any more. */
static void report_failure(
	struct gp_guest_scanout *scanout, const struct gp_import_failure *failure) {
	snprintf(scanout->failure, sizeof(scanout->failure), "%s", failure->message);
	if (scanout->guest != NULL) {
		gp_log_limited(&scanout->guest->failure_limit, GP_LOG_WARN,
			"guest %s: scanout %u: %s", scanout->guest->name, scanout->index,
			failure->message);
	}
}

static void handle_content_lost(struct gp_surface_content *content) {
	struct gp_guest_scanout *scanout = wl_container_of(content, scanout, content);
	const struct gp_guest_buffer *buffer = gp_guest_buffer_try_from_buffer(content->buffer);
	const struct gp_import_failure *failure = &buffer->memory->failure;
	scanout->content_lost = true;
	if (failure->message[0] != '\0') {
		report_failure(scanout, failure);
	}
	set_content(scanout, NULL, NULL);
}

static void drop_content(struct gp_guest_scanout *scanout) {
	scanout->failure[0] = '\0';
	scanout->content_lost = false;
	gp_guest_cursor_drop_content(scanout->cursor);
	set_content(scanout, NULL, NULL);
}

static void handle_guest_change(struct wl_listener *listener, void *data) {
	struct gp_guest_scanout *scanout = wl_container_of(listener, scanout, guest_change);
	wl_signal_emit_mutable(&scanout->events.guest, scanout);
}

static void handle_guest_reset(struct wl_listener *listener, void *data) {
	struct gp_guest_scanout *scanout = wl_container_of(listener, scanout, guest_reset);
	drop_content(scanout);
}

static void handle_surface_client_commit(struct wl_listener *listener, void *data) {
	struct gp_guest_scanout *scanout =
		wl_container_of(listener, scanout, surface_client_commit);
	const struct wlr_surface_state *pending = &scanout->surface->pending;
	if (pending->scale != 1 || pending->transform != WL_OUTPUT_TRANSFORM_NORMAL) {
		wlr_surface_reject_pending(scanout->surface, scanout->resource,
			GUEST_SCANOUT_V1_ERROR_INVALID_SCALE,
			"a scanout may have no buffer scale and no buffer transform");
	}
}

uint64_t gp_guest_scanout_get_frame_id(const struct gp_guest_scanout *scanout) {
	pid_t pid;
	wl_client_get_credentials(wl_resource_get_client(scanout->resource), &pid, NULL, NULL);
	return gp_trace_frame_id(pid, scanout->index, scanout->n_commits);
}

static void trace_commit(const struct gp_guest_scanout *scanout, uint64_t start_ns) {
	struct gp_guest_buffer *buffer =
		gp_guest_buffer_try_from_buffer(scanout->surface->current.buffer);
	uint64_t frame = gp_guest_scanout_get_frame_id(scanout);
	if (buffer != NULL && buffer->import_ns != 0) {
		gp_trace_event("import", GP_TRACE_NEXT, frame, buffer->import_ns,
			buffer->imported_ns, NULL, NULL);
		buffer->import_ns = 0;
	}
	gp_trace_event("commit", GP_TRACE_NEXT, frame, start_ns, gp_trace_now(), NULL, NULL);
}

static void handle_surface_commit(struct wl_listener *listener, void *data) {
	struct gp_guest_scanout *scanout = wl_container_of(listener, scanout, surface_commit);
	uint64_t start_ns = gp_trace_now();
	struct wlr_surface *surface = scanout->surface;
	struct wlr_buffer *buffer = scanout->content.buffer;

	if ((surface->current.committed & WLR_SURFACE_STATE_BUFFER) != 0) {
		const struct gp_import_failure *failure = NULL;
		buffer = gp_surface_get_content(surface, &failure);
		if (surface->current.buffer != NULL) {
			scanout->n_commits++;
			scanout->commit_ns = gp_now_ns();
			scanout->content_lost = false;
		}
		snprintf(scanout->failure, sizeof(scanout->failure), "%s",
			failure != NULL ? failure->message : "");
	}
	/* The client's damage is about two buffers of the same size only. */
	bool same_size = scanout->content.buffer != NULL && buffer != NULL &&
		scanout->content.buffer->width == buffer->width &&
		scanout->content.buffer->height == buffer->height;
	set_content(scanout, buffer, same_size ? &surface->buffer_damage : NULL);
	if (gp_trace_on && surface->current.buffer != NULL &&
		(surface->current.committed & WLR_SURFACE_STATE_BUFFER) != 0) {
		trace_commit(scanout, start_ns);
	}
}

static void forget_surface(struct gp_guest_scanout *scanout) {
	if (scanout->surface == NULL) {
		return;
	}
	wl_list_remove(&scanout->surface_client_commit.link);
	wl_list_remove(&scanout->surface_commit.link);
	wl_list_remove(&scanout->surface_destroy.link);
	scanout->surface->data = NULL;
	scanout->surface = NULL;
}

static void handle_surface_destroy(struct wl_listener *listener, void *data) {
	struct gp_guest_scanout *scanout = wl_container_of(listener, scanout, surface_destroy);
	wl_resource_post_error(scanout->resource, GUEST_SCANOUT_V1_ERROR_DEFUNCT_SURFACE,
		"the surface was destroyed before its scanout");
	drop_content(scanout);
	forget_surface(scanout);
}

static void handle_cursor_commit(struct wl_listener *listener, void *data) {
	struct gp_guest_scanout *scanout = wl_container_of(listener, scanout, cursor_commit);
	wl_signal_emit_mutable(&scanout->events.cursor, data);
}

static void set_cursor(struct gp_guest_scanout *scanout, struct gp_guest_cursor *cursor) {
	if (scanout->cursor != cursor) {
		wl_list_remove(&scanout->cursor_commit.link);
		wl_list_remove(&scanout->cursor_destroy.link);
		wl_list_init(&scanout->cursor_commit.link);
		wl_list_init(&scanout->cursor_destroy.link);
		scanout->cursor = cursor;
		if (cursor != NULL) {
			wl_signal_add(&cursor->events.commit, &scanout->cursor_commit);
			wl_signal_add(&cursor->events.destroy, &scanout->cursor_destroy);
		}
	}
	wl_signal_emit_mutable(&scanout->events.cursor, NULL);
}

static void handle_cursor_destroy(struct wl_listener *listener, void *data) {
	struct gp_guest_scanout *scanout = wl_container_of(listener, scanout, cursor_destroy);
	set_cursor(scanout, NULL);
}

static void scanout_handle_destroy(struct wl_client *client, struct wl_resource *resource) {
	wl_resource_destroy(resource);
}

static void scanout_handle_set_cursor(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *surface_resource, int32_t hotspot_x, int32_t hotspot_y) {
	struct gp_guest_scanout *scanout = scanout_from_resource(resource);
	struct gp_guest_cursor *cursor = NULL;
	if (surface_resource != NULL) {
		struct wlr_surface *surface = wlr_surface_from_resource(surface_resource);
		cursor = gp_guest_cursor_get(surface, resource);
		if (cursor == NULL) {
			return;
		}
		/* The guest exists: it is destroyed before its scanouts only with its client. */
		gp_guest_cursor_set_guest(cursor, scanout->guest);
	}
	scanout->hotspot_x = hotspot_x;
	scanout->hotspot_y = hotspot_y;
	set_cursor(scanout, cursor);
}

static void scanout_handle_move_cursor(
	struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y) {
	struct gp_guest_scanout *scanout = scanout_from_resource(resource);
	scanout->cursor_x = x;
	scanout->cursor_y = y;
	wl_signal_emit_mutable(&scanout->events.cursor, NULL);
}

static const struct guest_scanout_v1_interface scanout_impl = {
	.destroy = scanout_handle_destroy,
	.set_cursor = scanout_handle_set_cursor,
	.move_cursor = scanout_handle_move_cursor,
};

static void leave_guest(struct gp_guest_scanout *scanout) {
	if (scanout->guest == NULL) {
		return;
	}
	drop_content(scanout);
	wl_signal_emit_mutable(&scanout->events.destroy, scanout);
	scanout->guest->scanouts[scanout->index] = NULL;
	scanout->guest = NULL;
	wl_list_remove(&scanout->guest_change.link);
	wl_list_remove(&scanout->guest_reset.link);
	wl_list_remove(&scanout->guest_destroy.link);
}

static void handle_guest_destroy(struct wl_listener *listener, void *data) {
	struct gp_guest_scanout *scanout = wl_container_of(listener, scanout, guest_destroy);
	scanout->guest_removed = true;
	leave_guest(scanout);
}

static void scanout_handle_resource_destroy(struct wl_resource *resource) {
	struct gp_guest_scanout *scanout = scanout_from_resource(resource);
	leave_guest(scanout);
	forget_surface(scanout);
	wl_list_remove(&scanout->cursor_commit.link);
	wl_list_remove(&scanout->cursor_destroy.link);
	gp_surface_content_finish(&scanout->content);
	free(scanout);
}

static bool check_surface(struct gp_guest *guest, struct wlr_surface *surface) {
	if (!wlr_surface_set_role(surface, &scanout_role, guest->resource, GUEST_V1_ERROR_ROLE)) {
		return false;
	}
	if (surface->data != NULL) {
		wl_resource_post_error(
			guest->resource, GUEST_V1_ERROR_ROLE, "the surface is a scanout already");
		return false;
	}
	if (gp_surface_has_content(surface)) {
		wl_resource_post_error(guest->resource, GUEST_V1_ERROR_ALREADY_CONSTRUCTED,
			"the surface has a buffer");
		return false;
	}
	return true;
}

static void scanout_init(struct gp_guest_scanout *scanout, struct gp_guest *guest,
	struct wlr_surface *surface, uint32_t index) {
	scanout->guest = guest;
	scanout->surface = surface;
	scanout->index = index;
	scanout->path = GUEST_SCANOUT_V1_PATH_NONE;
	gp_surface_content_init(&scanout->content, handle_content_lost);
	wl_signal_init(&scanout->events.commit);
	wl_signal_init(&scanout->events.guest);
	wl_signal_init(&scanout->events.cursor);
	wl_signal_init(&scanout->events.destroy);

	scanout->guest_change.notify = handle_guest_change;
	wl_signal_add(&guest->events.change, &scanout->guest_change);
	scanout->guest_reset.notify = handle_guest_reset;
	wl_signal_add(&guest->events.reset, &scanout->guest_reset);
	scanout->guest_destroy.notify = handle_guest_destroy;
	wl_signal_add(&guest->events.destroy, &scanout->guest_destroy);

	scanout->cursor_commit.notify = handle_cursor_commit;
	scanout->cursor_destroy.notify = handle_cursor_destroy;
	wl_list_init(&scanout->cursor_commit.link);
	wl_list_init(&scanout->cursor_destroy.link);

	scanout->surface_client_commit.notify = handle_surface_client_commit;
	wl_signal_add(&surface->events.client_commit, &scanout->surface_client_commit);
	scanout->surface_commit.notify = handle_surface_commit;
	wl_signal_add(&surface->events.commit, &scanout->surface_commit);
	scanout->surface_destroy.notify = handle_surface_destroy;
	wl_signal_add(&surface->events.destroy, &scanout->surface_destroy);
}

void gp_guest_scanout_create(
	struct gp_guest *guest, uint32_t id, struct wlr_surface *surface, uint32_t index) {
	if (!check_surface(guest, surface)) {
		return;
	}

	struct gp_guest_scanout *scanout = calloc(1, sizeof(*scanout));
	if (scanout == NULL) {
		wl_resource_post_no_memory(guest->resource);
		return;
	}
	scanout->resource = wl_resource_create(wl_resource_get_client(guest->resource),
		&guest_scanout_v1_interface, wl_resource_get_version(guest->resource), id);
	if (scanout->resource == NULL) {
		free(scanout);
		wl_resource_post_no_memory(guest->resource);
		return;
	}

	scanout_init(scanout, guest, surface, index);
	surface->data = scanout;
	guest->scanouts[index] = scanout;
	wl_resource_set_implementation(
		scanout->resource, &scanout_impl, scanout, scanout_handle_resource_destroy);
	wl_signal_emit_mutable(&guest->manager->events.new_scanout, scanout);
}
