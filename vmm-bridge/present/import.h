#ifndef GP_VMM_BRIDGE_PRESENT_IMPORT_H
#define GP_VMM_BRIDGE_PRESENT_IMPORT_H

#include <wayland-util.h>

#include "client/guest_scanout.h"
#include "vmm-bridge/export/exporter.h"
#include "vmm-bridge/gpu/ops.h"
#include "vmm-bridge/gpu/resource.h"

/**
 * A resource as the compositor has it: its memory, exported or as host copy, a blob of that, and
 * a buffer for each layout in which the guest shows it. So flipping among n resources imports n
 * times in all.
 */

#define GP_IMPORT_BUFFERS_MAX 16 // every compositor allows as many of one blob

struct gp_import_buffer {
	struct gp_client_buffer *buffer;
	struct gp_framebuffer fb; // rect is not used
	uint64_t used; // when, in gp_import.uses
};

struct gp_import {
	struct wl_list link; // gp_presenter.pictures
	struct gp_resource *resource; // NULL once the guest has taken its memory away
	uint32_t resource_id;
	bool host_copy; // the resource's own memory file; there is no export then
	struct gp_export export; // fd is -1 once the picture ends
	struct gp_client_blob *blob;
	bool ending; // revoke was sent; freed when the answer comes
	/* Was refused, and there is no other kind of memory to try; NULL: none. */
	const struct gp_format *given_up;

	/* A refused import that has not been dealt with. */
	const struct gp_format *refused; // NULL: none
	bool refused_lasting;
	char refusal[128];

	struct gp_import_buffer buffers[GP_IMPORT_BUFFERS_MAX];
	size_t n_buffers;
	uint64_t uses;
};

/**
 * Exports the resource, which must have pixels, by the best kind from `from` on, and hands it to
 * the compositor. refusal: why not a better kind, or NULL. Returns NULL if nothing works.
 */
struct gp_import *gp_import_create(struct gp_exporter *exporter, struct gp_client *client,
	struct gp_resource *resource, enum gp_export_kind from, const char *refusal);
/* Frees it; the blob must have gone. */
void gp_import_destroy(struct gp_import *picture);
/* Takes the memory back from the compositor. Buffers must not be used any more. */
void gp_import_end(struct gp_import *picture);

/* Whether the compositor reads the guest's memory itself. */
bool gp_import_reads_guest(const struct gp_import *picture);
/* GP_EXPORT_COPY also for the host copy: it is the same kind of memory for the compositor. */
enum gp_export_kind gp_import_kind(const struct gp_import *picture);
/* For people: the kind of export, or "2d" for the host copy. */
const char *gp_import_kind_name(const struct gp_import *picture);

/* The buffer of that layout, or NULL. */
struct gp_client_buffer *gp_import_find(struct gp_import *picture, const struct gp_framebuffer *fb);
/* If there is no room for a further buffer: the one to drop, else NULL. */
struct gp_client_buffer *gp_import_surplus(const struct gp_import *picture);
void gp_import_drop(struct gp_import *picture, struct gp_client_buffer *buffer);
/* Makes a buffer; there must be room. NULL: no memory, or not a layout that can be shown. */
struct gp_client_buffer *gp_import_add(struct gp_import *picture, const struct gp_framebuffer *fb);

/* Brings the rectangle up to date, where the compositor does not read the guest's memory itself. */
void gp_import_update(struct gp_import *picture, struct gp_exporter *exporter,
	const struct gp_framebuffer *fb, const struct gp_rect *rect);

#endif
