#include "vmm-bridge/present/presenter_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* Longer than a frame of a busy compositor takes; the VMM stands still meanwhile. */
#define REVOKE_WAIT_MS 250

/* Frames of a scanout, without end and at once: a guest need not wait for the answer to a flush. */
#define FRAME_INTERVAL_NS 1000000ull
#define FRAME_BURST 32

#define LOG_BURST 20
#define LOG_INTERVAL_NS 1000000000ull

void gp_presenter_init(struct gp_presenter *presenter, struct gp_exporter *exporter,
	struct gp_client *client, uint32_t n_scanouts) {
	*presenter = (struct gp_presenter){
		.exporter = exporter,
		.client = client,
		.n_scanouts = n_scanouts,
		.log = {.burst = LOG_BURST, .interval_ns = LOG_INTERVAL_NS},
	};
	wl_list_init(&presenter->pictures);
}

void gp_presenter_finish(struct gp_presenter *presenter) {
	gp_presenter_disconnected(presenter);
	free(presenter->revokes);
	presenter->revokes = NULL;
}

/* A buffer is no longer read, or will never be told: who waits for it need not. */
static void satisfy_waits(struct gp_shown *scanout, const struct gp_buffer *buffer) {
	for (size_t i = 0; i < scanout->n_waits; i++) {
		if (scanout->waits[i] == buffer) {
			scanout->waits[i] = NULL;
		}
	}
}

static void satisfy_all_waits(struct gp_shown *scanout) {
	for (size_t i = 0; i < scanout->n_waits; i++) {
		scanout->waits[i] = NULL;
	}
}

void gp_presenter_forget_buffer(struct gp_presenter *presenter, const struct gp_buffer *buffer) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		struct gp_shown *scanout = &presenter->scanouts[i];
		satisfy_waits(scanout, buffer);
		if (scanout->shown == buffer) {
			scanout->shown = NULL;
		}
	}
}

static struct gp_buffer *ensure_buffer(struct gp_presenter *presenter, struct gp_import *picture,
	const struct gp_framebuffer *fb) {
	struct gp_buffer *buffer = gp_import_find(picture, fb);
	if (buffer != NULL) {
		return buffer;
	}
	struct gp_buffer *surplus = gp_import_surplus(picture);
	if (surplus != NULL) {
		gp_presenter_forget_buffer(presenter, surplus);
		gp_import_drop(picture, surplus);
	}
	return gp_import_add(picture, fb);
}

static bool is_shown(const struct gp_presenter *presenter, const struct gp_import *picture) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		for (size_t j = 0; j < picture->n_buffers; j++) {
			if (presenter->scanouts[i].shown == picture->buffers[j].buffer) {
				return true;
			}
		}
	}
	return false;
}

/* Ends pictures without a resource that were kept as the last ones on screen. */
static void end_orphans(struct gp_presenter *presenter) {
	struct gp_import *picture;
	wl_list_for_each (picture, &presenter->pictures, link) {
		if (picture->resource == NULL && !picture->ending &&
			!is_shown(presenter, picture)) {
			gp_presenter_end_import(presenter, picture);
		}
	}
}

/**
 * Shows the scanout's resource. damage is what changed since the frame before, NULL: everything.
 * Returns the buffer, or NULL if nothing was shown; *previous is the one that it replaced.
 */
static struct gp_buffer *show(struct gp_presenter *presenter, uint32_t index,
	const struct gp_rect *damage, struct gp_buffer **previous) {
	struct gp_shown *scanout = &presenter->scanouts[index];
	struct gp_resource *resource = scanout->resource;
	*previous = NULL;
	if (!gp_client_connected(presenter->client) || resource == NULL ||
		!gp_resource_has_pixels(resource)) {
		return NULL;
	}
	struct gp_import *picture =
		gp_presenter_ensure_import(presenter, resource, scanout->fb.format);
	struct gp_buffer *buffer =
		picture != NULL ? ensure_buffer(presenter, picture, &scanout->fb) : NULL;
	if (buffer == NULL) {
		scanout->copied = NULL;
		scanout->missed = true;
		return NULL;
	}
	if (scanout->missed) {
		damage = NULL; // what is on screen is older than the frame before
		scanout->missed = false;
	}
	/* The guest's damage is what differs from the frame before, not from an older copy. */
	struct gp_rect changed = scanout->fb.rect;
	if (damage != NULL && scanout->copied == picture) {
		gp_rect_intersect(damage, &scanout->fb.rect, &changed);
	}
	gp_import_update(picture, presenter->exporter, &scanout->fb, &changed);
	gp_client_show(presenter->client, index, buffer, &scanout->fb.rect,
		damage != NULL ? damage : &scanout->fb.rect);
	satisfy_waits(scanout, buffer); // it is on screen again
	*previous = scanout->shown;
	scanout->shown = buffer;
	scanout->copied = picture;
	scanout->committed = true;
	return buffer;
}

/* Shows a frame that was lost, or is late, if there was one. damage is that of show. */
static void show_again(
	struct gp_presenter *presenter, uint32_t index, const struct gp_rect *damage) {
	struct gp_buffer *previous;
	presenter->scanouts[index].late = false;
	if (presenter->scanouts[index].flushed) {
		show(presenter, index, damage, &previous);
		end_orphans(presenter);
	}
}

static bool same_framebuffer(const struct gp_framebuffer *a, const struct gp_framebuffer *b) {
	return a->format == b->format && a->width == b->width && a->height == b->height &&
		a->offset == b->offset && a->stride == b->stride && a->rect.x == b->rect.x &&
		a->rect.y == b->rect.y && a->rect.width == b->rect.width &&
		a->rect.height == b->rect.height;
}

/* A frame that waits is not shown any more: what it has changed must come with the next one. */
static void drop_late(struct gp_shown *scanout) {
	scanout->missed |= scanout->late;
	scanout->late = false;
}

void gp_presenter_set(struct gp_presenter *presenter, uint32_t scanout,
	struct gp_resource *resource, const struct gp_framebuffer *fb) {
	struct gp_shown *set = &presenter->scanouts[scanout];
	if (!same_framebuffer(&set->fb, fb) || set->resource != resource) {
		set->copied = NULL;
		set->flushed = false;
		drop_late(set);
	}
	set->resource = resource;
	set->fb = *fb;
}

void gp_presenter_disable(struct gp_presenter *presenter, uint32_t scanout) {
	struct gp_shown *disabled = &presenter->scanouts[scanout];
	disabled->resource = NULL;
	disabled->copied = NULL;
	disabled->flushed = false;
	disabled->late = false;
	disabled->n_waits = 0; // the device does not want to know any more
	disabled->shown = NULL;
	if (disabled->committed) {
		disabled->committed = false;
		gp_client_show(presenter->client, scanout, NULL, NULL, NULL);
	}
	end_orphans(presenter);
}

static bool shown_elsewhere(
	const struct gp_presenter *presenter, uint32_t scanout, const struct gp_buffer *buffer) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		if (i != scanout && presenter->scanouts[i].shown == buffer) {
			return true;
		}
	}
	return false;
}

/* Whether there may be a frame now; it is counted then. */
static bool take_token(struct gp_shown *scanout) {
	uint64_t now_ns = gp_now_ns();
	if (scanout->budget_ns > now_ns + FRAME_BURST * FRAME_INTERVAL_NS) {
		return false;
	}
	uint64_t from_ns = scanout->budget_ns > now_ns ? scanout->budget_ns : now_ns;
	scanout->budget_ns = from_ns + FRAME_INTERVAL_NS;
	return true;
}

static void add_late_damage(struct gp_shown *scanout, const struct gp_rect *damage) {
	scanout->late_damage =
		scanout->late ? gp_rect_union(&scanout->late_damage, damage) : *damage;
	scanout->late = true;
}

bool gp_presenter_flush(
	struct gp_presenter *presenter, uint32_t scanout, const struct gp_rect *damage) {
	struct gp_shown *flushed = &presenter->scanouts[scanout];
	struct gp_buffer *previous;
	flushed->flushed = flushed->resource != NULL;
	if (flushed->late || !take_token(flushed)) {
		add_late_damage(flushed, damage);
		return false;
	}
	struct gp_buffer *buffer = show(presenter, scanout, damage, &previous);
	/* A blob's copy has just been made: its own memory is free already. */
	bool copied = buffer != NULL && flushed->copied->export.map != NULL;
	bool wait = buffer != NULL && !copied && previous != NULL && previous != buffer &&
		flushed->visible && !shown_elsewhere(presenter, scanout, previous) &&
		flushed->n_waits < GP_PRESENTER_WAITS_MAX && gp_buffer_busy(previous);
	if (wait) {
		flushed->waits[flushed->n_waits++] = previous;
	}
	end_orphans(presenter);
	return wait;
}

static bool is_read(const struct gp_presenter *presenter, uint32_t resource_id) {
	const struct gp_import *picture;
	wl_list_for_each (picture, &presenter->pictures, link) {
		if (picture->resource_id == resource_id && picture->ending &&
			gp_import_reads_guest(picture)) {
			return true;
		}
	}
	return false;
}

static bool add_revoke(struct gp_presenter *presenter, uint32_t resource_id, uint64_t token) {
	if (presenter->n_revokes == presenter->revokes_capacity) {
		size_t capacity = 2 * presenter->revokes_capacity + 8;
		void *revokes =
			reallocarray(presenter->revokes, capacity, sizeof(presenter->revokes[0]));
		if (revokes == NULL) {
			return false;
		}
		presenter->revokes = revokes;
		presenter->revokes_capacity = capacity;
	}
	presenter->revokes[presenter->n_revokes++] = (struct gp_pending_revoke){
		.resource_id = resource_id,
		.token = token,
	};
	return true;
}

bool gp_presenter_revoke(
	struct gp_presenter *presenter, struct gp_resource *resource, uint64_t token, bool wait) {
	struct gp_import *picture;
	wl_list_for_each (picture, &presenter->pictures, link) {
		if (picture->resource == resource) {
			picture->resource = NULL;
			/* A copy is ours: it stays on screen until the guest has new backing. */
			if (!picture->ending &&
				(gp_import_reads_guest(picture) || !is_shown(presenter, picture))) {
				gp_presenter_end_import(presenter, picture);
			}
		}
	}
	resource->outside = NULL;
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		if (presenter->scanouts[i].resource == resource) {
			presenter->scanouts[i].resource = NULL;
			presenter->scanouts[i].flushed = false;
			drop_late(&presenter->scanouts[i]);
		}
	}
	/* Nor need anybody wait until the compositor ends its use of a copy. */
	if (!is_read(presenter, resource->id)) {
		return true;
	}
	if (!wait && add_revoke(presenter, resource->id, token)) {
		return false;
	}
	gp_client_wait_revoked(presenter->client, REVOKE_WAIT_MS);
	return true;
}

void gp_presenter_end_users(struct gp_presenter *presenter, const struct gp_memory_object *object) {
	struct gp_import *picture;
	wl_list_for_each (picture, &presenter->pictures, link) {
		const struct gp_resource *resource = picture->resource;
		bool used = object == NULL ||
			(resource != NULL && gp_extents_use(&resource->backing, object));
		if (used && !picture->ending) {
			gp_presenter_end_import(presenter, picture);
		}
	}
}

void gp_presenter_wait_revoked(struct gp_presenter *presenter) {
	const struct gp_import *picture;
	wl_list_for_each (picture, &presenter->pictures, link) {
		if (picture->ending && gp_import_reads_guest(picture)) {
			gp_client_wait_revoked(presenter->client, REVOKE_WAIT_MS);
			return; // the list has changed
		}
	}
}

void gp_presenter_connected(struct gp_presenter *presenter) {
	presenter->n_refusals = 0; // of another compositor, or another GPU
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		show_again(presenter, i, NULL);
	}
}

void gp_presenter_disconnected(struct gp_presenter *presenter) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		struct gp_shown *scanout = &presenter->scanouts[i];
		satisfy_all_waits(scanout);
		scanout->shown = NULL;
		scanout->copied = NULL;
		scanout->visible = false;
		scanout->committed = false;
	}
	struct gp_import *picture, *tmp;
	wl_list_for_each_safe (picture, tmp, &presenter->pictures, link) {
		gp_presenter_free_import(presenter, picture);
	}
	presenter->any_refused = false;
}

void gp_presenter_visibility(struct gp_presenter *presenter, uint32_t scanout, bool visible) {
	presenter->scanouts[scanout].visible = visible;
	if (!visible) {
		satisfy_all_waits(&presenter->scanouts[scanout]);
	}
}

void gp_presenter_released(struct gp_presenter *presenter, const struct gp_buffer *buffer) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		satisfy_waits(&presenter->scanouts[i], buffer);
	}
}

void gp_presenter_failed(struct gp_presenter *presenter, struct gp_import *picture,
	const struct gp_buffer *buffer, bool lasting, const char *message) {
	picture->refused = gp_buffer_format(buffer);
	picture->refused_lasting = lasting;
	snprintf(picture->refusal, sizeof(picture->refusal), "the compositor refused %s: %s",
		gp_import_kind_name(picture), message);
	presenter->any_refused = true;
}

void gp_presenter_revoked(struct gp_presenter *presenter, struct gp_import *picture) {
	presenter->any_freed = true;
	gp_presenter_free_import(presenter, picture);
}

static void handle_refusal(struct gp_presenter *presenter, struct gp_import *picture) {
	struct gp_resource *resource = picture->resource;
	const struct gp_format *format = picture->refused;
	enum gp_export_kind kind = gp_import_kind(picture);
	char text[sizeof(picture->refusal)];
	memcpy(text, picture->refusal, sizeof(text));
	picture->refused = NULL;
	uint64_t suppressed;
	if (gp_log_limit_pass(&presenter->log, &suppressed)) {
		gp_warn("resource %u (%s): %s%s", resource->id, format->name, text,
			kind == GP_EXPORT_COPY ? "; it cannot be shown" : "");
	}
	if (picture->refused_lasting) {
		gp_presenter_remember_refusal(presenter, kind, format, text);
	}
	if (kind == GP_EXPORT_COPY) {
		picture->given_up = format;
		for (size_t i = 0; i < picture->n_buffers; i++) {
			gp_presenter_forget_buffer(presenter, picture->buffers[i].buffer);
		}
		return;
	}
	gp_presenter_end_import(presenter, picture);
	gp_presenter_make_import(presenter, resource, format, kind + 1, text);
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		if (presenter->scanouts[i].resource == resource) {
			show_again(presenter, i, NULL);
		}
	}
}

/* False: one has to wait longer. */
static bool show_late(struct gp_presenter *presenter) {
	bool done = true;
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		struct gp_shown *scanout = &presenter->scanouts[i];
		if (scanout->late && take_token(scanout)) {
			struct gp_rect damage = scanout->late_damage;
			show_again(presenter, i, &damage);
		}
		done = done && !scanout->late;
	}
	return done;
}

bool gp_presenter_end_turn(struct gp_presenter *presenter) {
	if (presenter->any_freed) {
		presenter->any_freed = false;
		for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
			if (presenter->scanouts[i].missed) {
				show_again(presenter, i, NULL);
			}
		}
	}
	while (presenter->any_refused) {
		presenter->any_refused = false;
		struct gp_import *picture;
		wl_list_for_each (picture, &presenter->pictures, link) {
			if (picture->refused != NULL && picture->resource != NULL) {
				handle_refusal(presenter, picture);
				presenter->any_refused = true;
				break; // the list has changed
			}
		}
	}
	return show_late(presenter);
}

bool gp_presenter_take_ready(struct gp_presenter *presenter, uint32_t *scanout) {
	for (uint32_t i = 0; i < presenter->n_scanouts; i++) {
		struct gp_shown *ready = &presenter->scanouts[i];
		if (ready->n_waits > 0 && ready->waits[0] == NULL) {
			ready->n_waits--;
			memmove(&ready->waits[0], &ready->waits[1],
				ready->n_waits * sizeof(ready->waits[0]));
			*scanout = i;
			return true;
		}
	}
	return false;
}

bool gp_presenter_take_revoked(
	struct gp_presenter *presenter, uint32_t *resource_id, uint64_t *token) {
	for (size_t i = 0; i < presenter->n_revokes; i++) {
		const struct gp_pending_revoke revoke = presenter->revokes[i];
		if (!is_read(presenter, revoke.resource_id)) {
			presenter->revokes[i] = presenter->revokes[--presenter->n_revokes];
			*resource_id = revoke.resource_id;
			*token = revoke.token;
			return true;
		}
	}
	return false;
}
