#include "vmm-bridge/qemu/surface.h"

#include <string.h>

#include "client/guest_scanout.h"
#include "common/clock.h"
#include "vmm-bridge/present/presenter.h"
#include "vmm-bridge/qemu/memory.h"

/*
 * QEMU's time-out is a second, but the guest's commit goes on after 50 ms without a reply
 * (behaviour F2).
 */
#define REPLY_MAX_NS 40000000ull

/* A flip is Scanout, Disable (of the buffer before), Update; they come at once, or nearly so. */
#define DISABLE_NS 30000000ull

void gp_qemu_surface_init(struct gp_qemu_surface *surface, struct gp_presenter *presenter,
	struct gp_client *client, struct gp_qemu_memories *memories, uint32_t scanout) {
	*surface = (struct gp_qemu_surface){
		.presenter = presenter,
		.client = client,
		.memories = memories,
		.scanout = scanout,
	};
	gp_qemu_surface_set_refresh(surface, 60000);
}

static void send_reply(struct gp_qemu_surface *surface) {
	sd_bus_message *call = surface->replies[0].call;
	sd_bus_reply_method_return(call, NULL);
	sd_bus_message_unref(call);
	surface->n_replies--;
	memmove(&surface->replies[0], &surface->replies[1],
		surface->n_replies * sizeof(surface->replies[0]));
}

void gp_qemu_surface_disconnect(struct gp_qemu_surface *surface) {
	for (size_t i = 0; i < surface->n_replies; i++) {
		sd_bus_message_unref(surface->replies[i].call);
	}
	surface->n_replies = 0;
	surface->next_reply_ns = 0;
	surface->disable_ns = 0;
}

static void set_memory(struct gp_qemu_surface *surface, struct gp_qemu_memory *memory) {
	gp_qemu_memory_use(memory);
	gp_qemu_memories_unuse(surface->memories, surface->memory);
	surface->memory = memory;
}

static void hide(struct gp_qemu_surface *surface) {
	if (surface->placed) {
		gp_presenter_disable(surface->presenter, surface->scanout);
		surface->n_released = surface->n_owed; // no other release will come
	}
	surface->placed = false;
	surface->changed = false;
	surface->disable_ns = 0;
	set_memory(surface, NULL);
}

void gp_qemu_surface_clear(struct gp_qemu_surface *surface) {
	hide(surface);
	if (surface->has_cursor) {
		gp_client_set_cursor(surface->client, surface->scanout, NULL, 0, 0);
	}
	surface->has_cursor = surface->cursor_on = false;
}

void gp_qemu_surface_set_refresh(struct gp_qemu_surface *surface, uint32_t refresh_mhz) {
	if (refresh_mhz > 0) {
		surface->period_ns = 1000000000000ull / refresh_mhz;
	}
}

/* The whole of what is seen is new: a Scanout is shown without an Update (behaviour F4). */
static void place(struct gp_qemu_surface *surface, struct gp_qemu_memory *memory,
	const struct gp_rect *seen) {
	set_memory(surface, memory);
	surface->seen = *seen;
	surface->placed = false;
	surface->changed = true;
	surface->damage = *seen;
	surface->disable_ns = 0;
}

const char *gp_qemu_surface_show_fd(
	struct gp_qemu_surface *surface, const struct gp_qemu_image *image, int fd) {
	const char *refusal = NULL;
	struct gp_qemu_memory *memory =
		gp_qemu_memories_get(surface->memories, image, fd, &refusal);
	if (memory == NULL) {
		return refusal;
	}
	place(surface, memory, &image->seen);
	return NULL;
}

const char *gp_qemu_surface_show_bytes(struct gp_qemu_surface *surface,
	const struct gp_qemu_image *image, const void *bytes, size_t size) {
	if (!gp_qemu_image_fits(image, size)) {
		return "the image does not fit into the message";
	}
	struct gp_qemu_memory *memory = surface->memory;
	bool same = memory != NULL && memory->kind == GP_QEMU_MEMORY_BYTES &&
		memory->image.width == image->width && memory->image.height == image->height &&
		memory->layout.format == image->format->drm;
	if (!same) {
		memory = gp_qemu_memories_add_bytes(surface->memories, image);
	}
	if (memory == NULL) {
		return "no memory";
	}
	place(surface, memory, &image->seen);
	gp_qemu_memory_write(memory, image, bytes, 0, 0);
	return NULL;
}

const char *gp_qemu_surface_write(struct gp_qemu_surface *surface,
	const struct gp_qemu_image *image, const void *bytes, size_t size, int32_t x, int32_t y) {
	struct gp_qemu_memory *memory = surface->memory;
	if (memory == NULL || memory->kind != GP_QEMU_MEMORY_BYTES) {
		return "there was no Scanout of bytes before";
	}
	const struct gp_rect at = {(uint32_t)x, (uint32_t)y, image->width, image->height};
	if (!gp_qemu_image_fits(image, size) || x < 0 || y < 0 ||
		!gp_rect_inside(&at, memory->image.width, memory->image.height)) {
		return "the image does not fit";
	}
	if (memory->layout.format != image->format->drm) {
		return "the format is not that of the Scanout";
	}
	gp_qemu_memory_write(memory, image, bytes, at.x, at.y);
	gp_qemu_surface_update(surface, x, y, (int32_t)at.width, (int32_t)at.height);
	return NULL;
}

/* From a to a + length, both of which may be anything, cut to what is in [0, max). */
static void clip(int32_t a, int32_t length, uint32_t max, uint32_t *from, uint32_t *size) {
	int64_t first = a < 0 ? 0 : a;
	int64_t end = (int64_t)a + length;
	end = end > (int64_t)max ? (int64_t)max : end;
	*from = (uint32_t)first;
	*size = end > first ? (uint32_t)(end - first) : 0;
}

void gp_qemu_surface_update(
	struct gp_qemu_surface *surface, int32_t x, int32_t y, int32_t width, int32_t height) {
	surface->disable_ns = 0;
	if (surface->memory == NULL) {
		return;
	}
	struct gp_rect rect, damage;
	clip(x, width, surface->memory->image.width, &rect.x, &rect.width);
	clip(y, height, surface->memory->image.height, &rect.y, &rect.height);
	if (!gp_rect_intersect(&rect, &surface->seen, &damage)) {
		return;
	}
	surface->damage = surface->changed ? gp_rect_union(&surface->damage, &damage) : damage;
	surface->changed = true;
}

void gp_qemu_surface_update_and_reply(struct gp_qemu_surface *surface, int32_t x, int32_t y,
	int32_t width, int32_t height, sd_bus_message *call) {
	gp_qemu_surface_update(surface, x, y, width, height);
	if (surface->n_replies == GP_QEMU_REPLIES_MAX) {
		send_reply(surface);
	}
	surface->replies[surface->n_replies++] = (struct gp_qemu_reply){
		.call = sd_bus_message_ref(call),
		.arrived_ns = gp_now_ns(),
	};
}

void gp_qemu_surface_disable(struct gp_qemu_surface *surface) {
	if (surface->memory != NULL) {
		surface->disable_ns = gp_now_ns() + DISABLE_NS;
	}
}

static void send_cursor(struct gp_qemu_surface *surface) {
	bool on = surface->has_cursor && surface->cursor_on;
	gp_client_set_cursor(surface->client, surface->scanout, on ? surface->cursor : NULL,
		surface->hot_x, surface->hot_y);
}

void gp_qemu_surface_move_cursor(struct gp_qemu_surface *surface, int32_t x, int32_t y, bool on) {
	if (on != surface->cursor_on) {
		surface->cursor_on = on;
		send_cursor(surface);
	}
	gp_client_move_cursor(surface->client, surface->scanout, x, y);
}

const char *gp_qemu_surface_define_cursor(struct gp_qemu_surface *surface, int32_t width,
	int32_t height, int32_t hot_x, int32_t hot_y, const void *pixels, size_t size) {
	const uint32_t max = GP_QEMU_CURSOR_SIZE;
	if (width <= 0 || height <= 0 || width > 512 || height > 512 ||
		size != (size_t)width * (size_t)height * 4) {
		return "not the size of a cursor";
	}
	uint32_t columns = (uint32_t)width < max ? (uint32_t)width : max;
	uint32_t rows = (uint32_t)height < max ? (uint32_t)height : max;
	surface->n_cut_cursors += (uint32_t)width > max || (uint32_t)height > max ? 1 : 0;
	memset(surface->cursor, 0, sizeof(surface->cursor));
	for (uint32_t y = 0; y < rows; y++) {
		memcpy(&surface->cursor[(size_t)y * max],
			(const uint8_t *)pixels + (size_t)y * (size_t)width * 4,
			(size_t)columns * 4);
	}
	surface->hot_x = hot_x < 0 ? 0 : (uint32_t)hot_x < max ? (uint32_t)hot_x : max - 1;
	surface->hot_y = hot_y < 0 ? 0 : (uint32_t)hot_y < max ? (uint32_t)hot_y : max - 1;
	surface->has_cursor = true;
	if (surface->cursor_on) {
		send_cursor(surface);
	}
	return NULL;
}

void gp_qemu_surface_released(struct gp_qemu_surface *surface) {
	surface->n_released++;
}

/* A guest that was late may catch up one period, so that jitter does not add up. */
static uint64_t take_time(struct gp_qemu_surface *surface, uint64_t now_ns) {
	uint64_t next_ns = surface->next_reply_ns;
	uint64_t due_ns = next_ns > now_ns ? next_ns : now_ns;
	bool late = now_ns > next_ns && now_ns - next_ns > surface->period_ns;
	surface->next_reply_ns = (late ? now_ns : next_ns) + surface->period_ns;
	return due_ns;
}

static void show(struct gp_qemu_surface *surface) {
	if (!surface->placed) {
		gp_presenter_set(surface->presenter, surface->scanout, &surface->memory->base,
			&surface->memory->layout, &surface->seen);
		surface->placed = true;
	}
	surface->changed = false;
	surface->n_frames++;
	if (gp_presenter_flush(surface->presenter, surface->scanout, &surface->damage)) {
		surface->n_owed++;
	}
}

static bool waits(const struct gp_qemu_surface *surface, const struct gp_qemu_reply *reply) {
	return reply->release > surface->n_released;
}

static uint64_t reply_deadline(
	const struct gp_qemu_surface *surface, const struct gp_qemu_reply *reply) {
	uint64_t latest_ns = reply->arrived_ns + REPLY_MAX_NS;
	return !waits(surface, reply) && reply->due_ns < latest_ns ? reply->due_ns : latest_ns;
}

void gp_qemu_surface_end_turn(struct gp_qemu_surface *surface, uint64_t now_ns) {
	if (surface->disable_ns != 0 && now_ns >= surface->disable_ns) {
		hide(surface);
	}
	if (surface->changed && surface->memory != NULL) {
		show(surface);
	}
	struct gp_presenter_info info;
	gp_presenter_get_info(surface->presenter, surface->scanout, &info);
	for (size_t i = 0; i < surface->n_replies; i++) {
		struct gp_qemu_reply *reply = &surface->replies[i];
		if (!reply->flushed) {
			/* The Scanout may have been shown before the Update came. */
			reply->flushed = true;
			reply->release = surface->n_owed;
			reply->due_ns = take_time(surface, now_ns);
		}
		if (!info.visible) {
			reply->release = 0;
			reply->due_ns = now_ns;
		}
	}
	while (surface->n_replies > 0 && reply_deadline(surface, &surface->replies[0]) <= now_ns) {
		surface->n_late_replies += waits(surface, &surface->replies[0]) ? 1 : 0;
		send_reply(surface);
	}
}

uint64_t gp_qemu_surface_deadline(const struct gp_qemu_surface *surface) {
	uint64_t deadline_ns = surface->disable_ns;
	if (surface->n_replies > 0) {
		uint64_t reply_ns = reply_deadline(surface, &surface->replies[0]);
		deadline_ns = deadline_ns == 0 || reply_ns < deadline_ns ? reply_ns : deadline_ns;
	}
	return deadline_ns;
}

bool gp_qemu_surface_get_size(
	const struct gp_qemu_surface *surface, uint32_t *width, uint32_t *height) {
	*width = surface->memory != NULL ? surface->seen.width : 0;
	*height = surface->memory != NULL ? surface->seen.height : 0;
	return surface->memory != NULL;
}
