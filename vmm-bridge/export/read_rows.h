#ifndef GP_VMM_BRIDGE_EXPORT_READ_ROWS_H
#define GP_VMM_BRIDGE_EXPORT_READ_ROWS_H

#include <stdint.h>

#include "common/rects.h"

struct gp_extents;

/**
 * Copies rows [y, y + height) × bytes [x_bytes, x_bytes + width_bytes) of a buffer at offset with
 * stride from the extents to the same place of a copy of them, which has size bytes. Everything is
 * clipped to that size and to what the extents hold by now; memory that cannot be mapped is left
 * out. Returns how many bytes were copied.
 */
uint64_t gp_extents_read_rows(const struct gp_extents *extents, uint8_t *copy, uint64_t size,
	uint64_t offset, uint64_t stride, uint32_t x_bytes, uint32_t width_bytes, uint32_t y,
	uint32_t height);

/**
 * Which rows of a rectangle, in pixels of bpp bytes, differ from such a copy: their part of the
 * rectangle is added to *changed. Memory that cannot be mapped counts as changed.
 */
void gp_extents_find_changes(const struct gp_extents *extents, const uint8_t *copy, uint64_t size,
	uint64_t offset, uint64_t stride, uint32_t bpp, const struct gp_rect *rect,
	struct gp_rects *changed);

#endif
