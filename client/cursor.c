#include "client/cursor.h"

#include <drm_fourcc.h>
#include <string.h>
#include <sys/mman.h>
#include <wayland-client.h>

#include "common/fd.h"
#include "common/log.h"
#include "guest-scanout-v1-client-protocol.h"

/**
 * The cursor is a surface of its own with pixels in shared memory of ours: those of the guest's
 * cursor resource change while the compositor reads. Two buffers take turns.
 */
#define MEMORY_BYTES (GP_CLIENT_CURSOR_BUFFERS * GP_CLIENT_CURSOR_BYTES)

static void show(struct gp_client_cursor *cursor);

void gp_client_cursor_init(
	struct gp_client_cursor *cursor, struct gp_client_blobs *blobs, uint32_t scanout) {
	cursor->blobs = blobs;
	cursor->scanout = scanout;
	cursor->memfd = -1;
}

void gp_client_cursor_finish(struct gp_client_cursor *cursor) {
	if (cursor->map != NULL) {
		munmap(cursor->map, MEMORY_BYTES);
		cursor->map = NULL;
	}
	gp_fd_close(&cursor->memfd);
}

static void handle_imported(void *data) {
}

static void handle_failed(void *data, struct gp_client_blob *blob, struct gp_client_buffer *buffer,
	const struct gp_client_failure *failure) {
	struct gp_client_cursor *cursor = data;
	if (!cursor->refused) {
		gp_warn_limited("scanout %u has no cursor: the compositor refused it: %s",
			cursor->scanout, failure->message);
		cursor->refused = true;
	}
}

static void handle_released(
	void *data, struct gp_client_blob *blob, struct gp_client_buffer *buffer) {
	struct gp_client_cursor *cursor = data;
	if (cursor->waiting && cursor->visible && cursor->role != NULL) {
		show(cursor);
	}
}

static void handle_revoked(void *data, void *user) {
	/* It is never revoked. */
}

static const struct gp_client_blob_events blob_events = {
	.imported = handle_imported,
	.failed = handle_failed,
	.released = handle_released,
	.revoked = handle_revoked,
};

static bool ensure_memory(struct gp_client_cursor *cursor) {
	if (cursor->map != NULL) {
		return true;
	}
	cursor->memfd = gp_memfd_create_sealed("guestpane-cursor", MEMORY_BYTES);
	if (cursor->memfd < 0) {
		gp_error_limited("cannot make memory for a cursor: %m");
		return false;
	}
	void *map = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, cursor->memfd, 0);
	if (map == MAP_FAILED) {
		gp_error_limited("cannot map memory for a cursor: %m");
		gp_fd_close(&cursor->memfd);
		return false;
	}
	cursor->map = map;
	return true;
}

static bool ensure_blob(struct gp_client_cursor *cursor) {
	if (cursor->blob != NULL) {
		return true;
	}
	if (!ensure_memory(cursor)) {
		return false;
	}
	cursor->blob = gp_client_blobs_add(cursor->blobs, cursor->guest, cursor->memfd,
		MEMORY_BYTES, GP_CLIENT_BLOB_SHM, NULL, &blob_events, cursor, NULL);
	if (cursor->blob == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < GP_CLIENT_CURSOR_BUFFERS; i++) {
		const struct gp_client_layout layout = {
			.width = GP_CLIENT_CURSOR_SIZE,
			.height = GP_CLIENT_CURSOR_SIZE,
			.format = DRM_FORMAT_ARGB8888,
			.modifier = DRM_FORMAT_MOD_LINEAR,
			.planes = {{i * GP_CLIENT_CURSOR_BYTES, GP_CLIENT_CURSOR_SIZE * 4}},
			.n_planes = 1,
		};
		cursor->buffers[i] = gp_client_buffer_create(cursor->blob, &layout);
	}
	return true;
}

static bool ensure_surface(struct gp_client_cursor *cursor) {
	if (cursor->surface == NULL) {
		cursor->surface = wl_compositor_create_surface(cursor->compositor);
	}
	return cursor->surface != NULL;
}

/* A buffer that nobody reads, or NULL. */
static struct gp_client_buffer *find_unread(
	const struct gp_client_cursor *cursor, unsigned *index) {
	for (unsigned i = 0; i < GP_CLIENT_CURSOR_BUFFERS; i++) {
		if (cursor->buffers[i] != NULL && !gp_client_buffer_busy(cursor->buffers[i])) {
			*index = i;
			return cursor->buffers[i];
		}
	}
	return NULL;
}

static void show(struct gp_client_cursor *cursor) {
	if (cursor->refused || !ensure_blob(cursor) || !ensure_surface(cursor)) {
		return;
	}
	unsigned index;
	struct gp_client_buffer *buffer = find_unread(cursor, &index);
	cursor->waiting = buffer == NULL;
	if (buffer == NULL) {
		return; // handle_released comes back here
	}
	memcpy(cursor->map + (size_t)index * GP_CLIENT_CURSOR_BYTES, cursor->pixels,
		GP_CLIENT_CURSOR_BYTES);
	guest_scanout_v1_set_cursor(
		cursor->role, cursor->surface, (int32_t)cursor->hot_x, (int32_t)cursor->hot_y);
	gp_client_buffer_attach(buffer, cursor->surface);
	wl_surface_damage_buffer(
		cursor->surface, 0, 0, GP_CLIENT_CURSOR_SIZE, GP_CLIENT_CURSOR_SIZE);
	wl_surface_commit(cursor->surface);
}

void gp_client_cursor_start(struct gp_client_cursor *cursor, struct guest_v1 *guest,
	struct guest_scanout_v1 *role, struct wl_compositor *compositor) {
	cursor->guest = guest;
	cursor->role = role;
	cursor->compositor = compositor;
	if (cursor->visible) {
		guest_scanout_v1_move_cursor(role, cursor->x, cursor->y);
		show(cursor);
	}
}

void gp_client_cursor_stop(struct gp_client_cursor *cursor) {
	if (cursor->surface != NULL) {
		wl_surface_destroy(cursor->surface);
		cursor->surface = NULL;
	}
	cursor->guest = NULL;
	cursor->role = NULL;
	cursor->compositor = NULL;
	cursor->blob = NULL;
	cursor->buffers[0] = cursor->buffers[1] = NULL;
	cursor->waiting = cursor->refused = false;
}

void gp_client_cursor_set(
	struct gp_client_cursor *cursor, const void *pixels, uint32_t hot_x, uint32_t hot_y) {
	bool was_visible = cursor->visible;
	cursor->visible = pixels != NULL;
	cursor->waiting = false;
	if (pixels != NULL) {
		memcpy(cursor->pixels, pixels, GP_CLIENT_CURSOR_BYTES);
		/* A hotspot outside is the guest's mistake, and no reason to lose the cursor. */
		cursor->hot_x = hot_x < GP_CLIENT_CURSOR_SIZE ? hot_x : 0;
		cursor->hot_y = hot_y < GP_CLIENT_CURSOR_SIZE ? hot_y : 0;
	}
	if (cursor->role == NULL) {
		return;
	}
	if (cursor->visible) {
		show(cursor);
	} else if (was_visible) {
		guest_scanout_v1_set_cursor(cursor->role, NULL, 0, 0);
	}
}

void gp_client_cursor_move(struct gp_client_cursor *cursor, int32_t x, int32_t y) {
	cursor->x = x;
	cursor->y = y;
	cursor->moved = true;
}

void gp_client_cursor_flush(struct gp_client_cursor *cursor) {
	if (cursor->moved && cursor->role != NULL) {
		cursor->moved = false;
		guest_scanout_v1_move_cursor(cursor->role, cursor->x, cursor->y);
	}
}
