#include "compositor/nested/window_cursor.h"

#include <drm_fourcc.h>
#include <string.h>
#include <wayland-client-protocol.h>
#include <wlr/types/wlr_buffer.h>
#include <wlr/types/wlr_output.h>
#include <wlr/util/box.h>

#include "compositor/nested/parent.h"
#include "compositor/nested/shm_buffer.h"
#include "compositor/nested/window.h"
#include "compositor/nested/window_scale.h"
#include "viewporter-client-protocol.h"

/* Where the pixels of the screen meet the units of the parent: every so many. */
struct grid {
	int32_t pixels, units;
};

static struct grid get_grid(const struct gp_window *window) {
	uint32_t scale_120 = window->scale.scale_120, a = scale_120, b = GP_SCALE_ONE;
	while (b != 0) {
		uint32_t rest = a % b;
		a = b;
		b = rest;
	}
	return (struct grid){.pixels = scale_120 / a, .units = GP_SCALE_ONE / a};
}

static int32_t floor_div(int32_t a, int32_t b) {
	return a / b - (a % b < 0);
}

static void handle_release(struct wl_listener *listener, void *data);

static void drop_buffer(struct gp_window_cursor_slot *slot) {
	if (slot->buffer != NULL) {
		wl_list_remove(&slot->release.link);
		gp_shm_buffer_destroy(slot->buffer);
		slot->buffer = NULL;
	}
}

/* A buffer of the size that the parent does not read; NULL if there is none. */
static struct gp_shm_buffer *take_buffer(
	struct gp_window_cursor *cursor, int32_t width, int32_t height) {
	struct gp_window_cursor_slot *slot = NULL;
	for (size_t i = 0; i < GP_WINDOW_CURSOR_BUFFERS; i++) {
		struct gp_shm_buffer *buffer = cursor->slots[i].buffer;
		if (buffer == NULL || !buffer->busy) {
			slot = &cursor->slots[i];
			if (buffer != NULL && buffer->width == width && buffer->height == height) {
				return buffer;
			}
		}
	}
	if (slot == NULL) {
		return NULL;
	}
	drop_buffer(slot);
	slot->buffer = gp_shm_buffer_create(cursor->window->parent->shm, width, height);
	if (slot->buffer != NULL) {
		slot->cursor = cursor;
		slot->release.notify = handle_release;
		wl_signal_add(&slot->buffer->events.release, &slot->release);
	}
	return slot->buffer;
}

static void draw(struct gp_shm_buffer *buffer, struct wlr_buffer *image, int32_t x, int32_t y) {
	void *data;
	uint32_t format;
	size_t stride;
	memset(buffer->pixels, 0, buffer->size);
	if (!wlr_buffer_begin_data_ptr_access(
		    image, WLR_BUFFER_DATA_PTR_ACCESS_READ, &data, &format, &stride)) {
		return;
	}
	for (int32_t row = 0; row < image->height; row++) {
		memcpy(buffer->pixels + (size_t)(y + row) * buffer->width + x,
			(const uint8_t *)data + (size_t)row * stride,
			(size_t)image->width * sizeof(*buffer->pixels));
	}
	wlr_buffer_end_data_ptr_access(image);
}

static void apply(struct gp_window_cursor *cursor);

static void handle_sync_done(void *data, struct wl_callback *callback, uint32_t value) {
	struct gp_window_cursor *cursor = data;
	wl_callback_destroy(callback);
	cursor->sync = NULL;
	if (cursor->stale) {
		apply(cursor);
	}
}

static const struct wl_callback_listener sync_listener = {
	.done = handle_sync_done,
};

static void commit_anchor(struct gp_window_cursor *cursor) {
	wl_surface_commit(cursor->anchor);
	cursor->sync = wl_display_sync(cursor->window->parent->display);
	wl_callback_add_listener(cursor->sync, &sync_listener, cursor);
	wl_display_flush(cursor->window->parent->display);
}

static void hide(struct gp_window_cursor *cursor) {
	if (cursor->mapped) {
		cursor->mapped = false;
		wl_surface_attach(cursor->anchor, NULL, 0, 0);
		commit_anchor(cursor);
	}
}

/* Draws the image that far from the corner of a buffer of the size; false if none is free. */
static bool draw_surface(struct gp_window_cursor *cursor, int32_t width, int32_t height,
	int32_t margin_x, int32_t margin_y) {
	uint32_t scale_120 = cursor->window->scale.scale_120;
	if (cursor->drawn_x == margin_x && cursor->drawn_y == margin_y &&
		cursor->drawn_scale_120 == scale_120) {
		return true;
	}
	struct gp_shm_buffer *buffer = take_buffer(cursor, width, height);
	if (buffer == NULL) {
		return false;
	}
	draw(buffer, cursor->image, margin_x, margin_y);
	buffer->busy = true;
	wl_surface_attach(cursor->surface, buffer->wl_buffer, 0, 0);
	wl_surface_damage_buffer(cursor->surface, 0, 0, width, height);
	cursor->drawn_x = margin_x;
	cursor->drawn_y = margin_y;
	cursor->drawn_scale_120 = scale_120;
	return true;
}

/* Shows what is inside the window; false if the parent reads all buffers. */
static bool show(struct gp_window_cursor *cursor) {
	struct grid grid = get_grid(cursor->window);
	int32_t cell_x = floor_div(cursor->x, grid.pixels);
	int32_t cell_y = floor_div(cursor->y, grid.pixels);
	/* As many cells as any margin needs, so that the size stays the same. */
	int32_t columns = (cursor->image->width + 2 * grid.pixels - 2) / grid.pixels;
	int32_t rows = (cursor->image->height + 2 * grid.pixels - 2) / grid.pixels;
	const struct wlr_box window = {0, 0, cursor->window->width, cursor->window->height};
	const struct wlr_box box = {
		.x = cell_x * grid.units,
		.y = cell_y * grid.units,
		.width = columns * grid.units,
		.height = rows * grid.units,
	};
	struct wlr_box seen;
	if (!wlr_box_intersection(&seen, &box, &window)) {
		hide(cursor);
		return true;
	}
	if (!draw_surface(cursor, columns * grid.pixels, rows * grid.pixels,
		    cursor->x - cell_x * grid.pixels, cursor->y - cell_y * grid.pixels)) {
		return false;
	}
	/* Rounded down, so that it never reaches beyond the buffer. */
	wp_viewport_set_source(cursor->viewport,
		(wl_fixed_t)((int64_t)(seen.x - box.x) * grid.pixels * 256 / grid.units),
		(wl_fixed_t)((int64_t)(seen.y - box.y) * grid.pixels * 256 / grid.units),
		(wl_fixed_t)((int64_t)seen.width * grid.pixels * 256 / grid.units),
		(wl_fixed_t)((int64_t)seen.height * grid.pixels * 256 / grid.units));
	wp_viewport_set_destination(cursor->viewport, seen.width, seen.height);
	wl_subsurface_set_position(cursor->subsurface, seen.x, seen.y);
	/* The surface is synchronized with the anchor: both take effect together. */
	wl_surface_commit(cursor->surface);
	if (!cursor->mapped) {
		cursor->mapped = true;
		wl_surface_attach(cursor->anchor, cursor->pixel->wl_buffer, 0, 0);
		wl_surface_damage_buffer(cursor->anchor, 0, 0, 1, 1);
	}
	commit_anchor(cursor);
	return true;
}

static void apply(struct gp_window_cursor *cursor) {
	if (cursor->sync != NULL) {
		cursor->stale = true;
	} else if (cursor->image != NULL) {
		cursor->stale = !show(cursor);
	} else {
		cursor->stale = false;
		hide(cursor);
	}
}

static void handle_release(struct wl_listener *listener, void *data) {
	struct gp_window_cursor_slot *slot = wl_container_of(listener, slot, release);
	if (slot->cursor->stale) {
		apply(slot->cursor);
	}
}

/* The configuration may have chosen another mode. */
static bool has_pixels_of_screen(const struct gp_window *window) {
	uint32_t scale_120 = window->scale.scale_120;
	return window->output != NULL &&
		window->output->width == gp_scale_pixels(scale_120, window->width) &&
		window->output->height == gp_scale_pixels(scale_120, window->height);
}

bool gp_window_cursor_show(
	struct gp_window_cursor *cursor, struct wlr_buffer *image, int32_t x, int32_t y) {
	if (cursor->surface == NULL || !has_pixels_of_screen(cursor->window)) {
		gp_window_cursor_hide(cursor);
		return false;
	}
	if (cursor->image != image) {
		wlr_buffer_unlock(cursor->image);
		cursor->image = wlr_buffer_lock(image);
		cursor->drawn_x = cursor->drawn_y = -1;
	}
	cursor->x = x;
	cursor->y = y;
	apply(cursor);
	return true;
}

void gp_window_cursor_hide(struct gp_window_cursor *cursor) {
	wlr_buffer_unlock(cursor->image);
	cursor->image = NULL;
	apply(cursor);
}

void gp_window_cursor_init(struct gp_window_cursor *cursor, const struct gp_window *window) {
	const struct gp_parent *parent = window->parent;
	*cursor = (struct gp_window_cursor){.window = window};
	if (parent->subcompositor == NULL || parent->shm == NULL || parent->viewporter == NULL) {
		return;
	}
	cursor->pixel = gp_shm_buffer_create(parent->shm, 1, 1);
	if (cursor->pixel == NULL) {
		return;
	}
	cursor->anchor = wl_compositor_create_surface(parent->compositor);
	cursor->surface = wl_compositor_create_surface(parent->compositor);
	cursor->anchor_subsurface = wl_subcompositor_get_subsurface(
		parent->subcompositor, cursor->anchor, window->surface);
	cursor->subsurface = wl_subcompositor_get_subsurface(
		parent->subcompositor, cursor->surface, cursor->anchor);
	wl_subsurface_set_desync(cursor->anchor_subsurface);
	cursor->viewport = wp_viewporter_get_viewport(parent->viewporter, cursor->surface);
	/* Input is the window's. */
	struct wl_region *nothing = wl_compositor_create_region(parent->compositor);
	wl_surface_set_input_region(cursor->anchor, nothing);
	wl_surface_set_input_region(cursor->surface, nothing);
	wl_region_destroy(nothing);
}

void gp_window_cursor_finish(struct gp_window_cursor *cursor) {
	if (cursor->surface == NULL) {
		return;
	}
	wlr_buffer_unlock(cursor->image);
	if (cursor->sync != NULL) {
		wl_callback_destroy(cursor->sync);
	}
	wp_viewport_destroy(cursor->viewport);
	wl_subsurface_destroy(cursor->subsurface);
	wl_subsurface_destroy(cursor->anchor_subsurface);
	wl_surface_destroy(cursor->surface);
	wl_surface_destroy(cursor->anchor);
	for (size_t i = 0; i < GP_WINDOW_CURSOR_BUFFERS; i++) {
		drop_buffer(&cursor->slots[i]);
	}
	gp_shm_buffer_destroy(cursor->pixel);
}
