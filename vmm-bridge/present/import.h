#ifndef GP_VMM_BRIDGE_PRESENT_IMPORT_H
#define GP_VMM_BRIDGE_PRESENT_IMPORT_H

#include <wayland-util.h>

#include "vmm-bridge/present/layout.h"
#include "vmm-bridge/present/memory.h"

/**
 * Memory as the compositor has it: its file, or a copy in a file of our own, a blob of that, and a
 * buffer for each layout in which the guest shows it. So flipping among n buffers imports n times
 * in all.
 */

#define GP_IMPORT_BUFFERS_MAX 16 // every compositor allows as many of one blob

/*
 * A copy has two halves, so that there is one to write into while the compositor reads the other:
 * a picture on the screen is never written to. Memory may come with halves of its own.
 */
#define GP_IMPORT_HALVES 2
#define GP_IMPORT_ANY_SCANOUT UINT32_MAX

struct gp_import_buffer {
	struct gp_client_buffer *buffer;
	struct gp_client_layout layout;
	uint32_t scanout; // the one that shows it, as each writes when it may; of a copy only
	unsigned half; // of a copy, or of the memory's own halves; else 0
	uint64_t used; // when, in gp_import.uses
};

struct gp_import {
	struct wl_list link; // gp_import_cache.imports
	struct wl_list memory_link; // gp_memory.imports
	struct gp_memory *memory; // NULL once the guest has taken it back
	uint64_t memory_id;
	struct gp_memory_file file; // fd is -1: the compositor has it
	uint8_t *copy; // file.size bytes, mapped; NULL: it is the memory's own file
	uint64_t half_size; // bytes from one half to the next
	unsigned n_halves; // 1 if two would be too large for a blob, or if there are none
	struct gp_client_blob *blob;
	bool ending; // revoke was sent; freed when the compositor acknowledges it
	bool late; // it has not in time, and nobody waits for that any more
	/* Was refused, and there is no other file to try; no format: none. */
	struct gp_client_layout given_up;

	/* A refused buffer that has not been dealt with. */
	struct gp_client_layout refused; // no format: none
	bool refused_lasting;
	uint32_t refused_alignment; // only strides that are no multiple of it; 0: all
	char refusal[128];

	struct gp_import_buffer buffers[GP_IMPORT_BUFFERS_MAX];
	size_t n_buffers;
	uint64_t uses;
};

/**
 * Hands the memory to the compositor, by its own file or, if that is not wanted or cannot be made,
 * by a copy. refusal says why not by its own file; NULL: try it. NULL, with the cause logged where
 * it is known, if nothing works.
 */
struct gp_import *gp_import_create(
	struct gp_client *client, struct gp_memory *memory, const char *refusal);
/* The size of a copy's file for memory of that size. */
uint64_t gp_import_copy_size(uint64_t size);
/* Frees it; the compositor must not use the blob any more. */
void gp_import_destroy(struct gp_import *import);
/* The newest import of the memory, the only one that is not ending perhaps; NULL: there is none. */
struct gp_import *gp_import_find_newest(const struct gp_memory *memory);
/* Takes the memory back from the compositor. Buffers must not be used any more. */
void gp_import_end(struct gp_import *import);

/* The buffer of that layout for the scanout, or NULL. */
struct gp_client_buffer *gp_import_find_buffer(struct gp_import *import,
	const struct gp_client_layout *layout, uint32_t scanout, unsigned half);
/* If there is no room for a further buffer: the one to drop, else NULL. */
struct gp_client_buffer *gp_import_find_surplus(const struct gp_import *import);
void gp_import_drop_buffer(struct gp_import *import, struct gp_client_buffer *buffer);
/* Makes a buffer; there must be room. NULL: no memory, or not a layout that can be shown. */
struct gp_client_buffer *gp_import_add_buffer(struct gp_import *import,
	const struct gp_client_layout *layout, uint32_t scanout, unsigned half);

/* The compositor refused the buffer. */
void gp_import_refuse(struct gp_import *import, const struct gp_client_buffer *buffer,
	const struct gp_client_failure *failure);

/* Brings the rectangle up to date in a half of the copy. Returns the bytes that were copied. */
uint64_t gp_import_update(struct gp_import *import, unsigned half,
	const struct gp_client_layout *layout, const struct gp_rect *rect);
/* Copies what is in the rectangle from one half of the copy to the other. Returns the bytes. */
uint64_t gp_import_copy_half(struct gp_import *import, unsigned from, unsigned to,
	const struct gp_client_layout *layout, const struct gp_rect *rect);

#endif
