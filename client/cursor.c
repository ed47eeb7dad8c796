#include "client/client_internal.h"

#include <drm_fourcc.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fd.h"
#include "common/log.h"

/**
 * The cursor of a scanout is a surface of its own with pictures in shared memory of ours: the
 * guest's cursor resource changes under the cursor otherwise. Two buffers take turns.
 */
#define BUFFERS 2
#define MEMORY_BYTES (BUFFERS * GP_CURSOR_BYTES)

void gp_client_cursor_init(struct gp_client_cursor *cursor, struct gp_scanout_surface *scanout) {
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

static bool ensure_memory(struct gp_client_cursor *cursor) {
	if (cursor->map != NULL) {
		return true;
	}
	cursor->memfd = gp_memfd_create_sealed("guestpane-cursor", MEMORY_BYTES);
	if (cursor->memfd < 0) {
		gp_error_errno("cannot make memory for a cursor");
		return false;
	}
	void *map = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, cursor->memfd, 0);
	if (map == MAP_FAILED) {
		gp_error_errno("cannot map memory for a cursor");
		gp_fd_close(&cursor->memfd);
		return false;
	}
	cursor->map = map;
	return true;
}

/* Makes the objects of this connection, once. */
static bool ensure_objects(struct gp_client_cursor *cursor) {
	struct gp_client *client = cursor->scanout->client;
	if (cursor->blob != NULL) {
		return true;
	}
	if (!ensure_memory(cursor)) {
		return false;
	}
	cursor->blob =
		gp_client_blob_create_for_cursor(client, cursor->memfd, MEMORY_BYTES, cursor);
	if (cursor->blob == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < BUFFERS; i++) {
		const struct gp_client_layout layout = {
			.width = GP_CLIENT_CURSOR_SIZE,
			.height = GP_CLIENT_CURSOR_SIZE,
			.format = DRM_FORMAT_ARGB8888,
			.modifier = DRM_FORMAT_MOD_LINEAR,
			.planes = {{i * GP_CURSOR_BYTES, GP_CLIENT_CURSOR_SIZE * 4}},
			.n_planes = 1,
		};
		cursor->buffers[i] = gp_client_buffer_create(cursor->blob, &layout);
	}
	cursor->surface = wl_compositor_create_surface(client->compositor);
	return cursor->surface != NULL;
}

/* A buffer that nobody reads, or NULL. */
static struct gp_client_buffer *free_buffer(
	const struct gp_client_cursor *cursor, unsigned *index) {
	for (unsigned i = 0; i < BUFFERS; i++) {
		if (cursor->buffers[i] != NULL && !gp_client_buffer_busy(cursor->buffers[i])) {
			*index = i;
			return cursor->buffers[i];
		}
	}
	return NULL;
}

static void show(struct gp_client_cursor *cursor) {
	if (cursor->refused || !ensure_objects(cursor)) {
		return;
	}
	unsigned index;
	struct gp_client_buffer *buffer = free_buffer(cursor, &index);
	cursor->waiting = buffer == NULL;
	if (buffer == NULL) {
		return; // handle_released comes back here
	}
	memcpy(cursor->map + index * GP_CURSOR_BYTES, cursor->pixels, GP_CURSOR_BYTES);
	guest_scanout_v1_set_cursor(cursor->scanout->role, cursor->surface, (int32_t)cursor->hot_x,
		(int32_t)cursor->hot_y);
	gp_client_buffer_attach(buffer, cursor->surface);
	wl_surface_damage_buffer(
		cursor->surface, 0, 0, GP_CLIENT_CURSOR_SIZE, GP_CLIENT_CURSOR_SIZE);
	wl_surface_commit(cursor->surface);
}

void gp_client_cursor_start(struct gp_client_cursor *cursor) {
	if (!cursor->visible) {
		return;
	}
	guest_scanout_v1_move_cursor(cursor->scanout->role, cursor->x, cursor->y);
	show(cursor);
}

void gp_client_cursor_stop(struct gp_client_cursor *cursor) {
	if (cursor->surface != NULL) {
		wl_surface_destroy(cursor->surface);
		cursor->surface = NULL;
	}
	/* The blob and its buffers are freed with all blobs of the connection. */
	cursor->blob = NULL;
	cursor->buffers[0] = cursor->buffers[1] = NULL;
	cursor->waiting = cursor->refused = false;
}

void gp_client_cursor_handle_released(struct gp_client_cursor *cursor) {
	if (cursor->waiting && cursor->visible && cursor->scanout->role != NULL) {
		show(cursor);
	}
}

void gp_client_cursor_handle_failed(struct gp_client_cursor *cursor, const char *message) {
	if (!cursor->refused) {
		gp_warn("scanout %u has no cursor: the compositor refused it: %s",
			cursor->scanout->index, message);
		cursor->refused = true;
	}
}

void gp_client_set_cursor(struct gp_client *client, uint32_t scanout, const void *pixels,
	uint32_t hot_x, uint32_t hot_y) {
	if (scanout >= client->options.n_scanouts) {
		return;
	}
	struct gp_client_cursor *cursor = &client->scanouts[scanout].cursor;
	bool was_visible = cursor->visible;
	cursor->visible = pixels != NULL;
	cursor->waiting = false;
	if (pixels != NULL) {
		memcpy(cursor->pixels, pixels, GP_CURSOR_BYTES);
		/* A hotspot outside is the guest's mistake, and no reason to lose the cursor. */
		cursor->hot_x = hot_x < GP_CLIENT_CURSOR_SIZE ? hot_x : 0;
		cursor->hot_y = hot_y < GP_CLIENT_CURSOR_SIZE ? hot_y : 0;
	}
	if (!client->ready) {
		return;
	}
	if (cursor->visible) {
		show(cursor);
	} else if (was_visible) {
		guest_scanout_v1_set_cursor(client->scanouts[scanout].role, NULL, 0, 0);
	}
}

void gp_client_move_cursor(struct gp_client *client, uint32_t scanout, int32_t x, int32_t y) {
	if (scanout >= client->options.n_scanouts) {
		return;
	}
	struct gp_client_cursor *cursor = &client->scanouts[scanout].cursor;
	cursor->x = x;
	cursor->y = y;
	cursor->moved = true;
}

void gp_client_cursor_flush(struct gp_client_cursor *cursor) {
	if (cursor->moved) {
		cursor->moved = false;
		guest_scanout_v1_move_cursor(cursor->scanout->role, cursor->x, cursor->y);
	}
}
