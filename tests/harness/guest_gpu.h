#ifndef GP_TESTS_HARNESS_GUEST_GPU_H
#define GP_TESTS_HARNESS_GUEST_GPU_H

#include <stdbool.h>
#include <stdint.h>

#include "common/rect.h"
#include "tests/harness/frontend.h"

/**
 * A virtio-gpu driver over the front end. Each command returns the response type
 * (VIRTIO_GPU_RESP_*), or 0 if none came within 2 s. Replies to earlier gg_send that come while it
 * waits are dropped.
 */

struct gg_blob {
	uint32_t id;
	uint64_t gpa, size;
	uint32_t *pixels; // contiguous in the guest's RAM unless pages were scattered
};

uint32_t gg_command(struct fe *fe, const void *cmd, size_t size, void *resp, size_t resp_size);
/* Sends a command, as it is, and does not wait: the head, or -1. Wait with fe_wait_used. */
int gg_send(struct fe *fe, const void *cmd, size_t size);

uint32_t gg_create_2d(struct fe *fe, uint32_t id, uint32_t format, uint32_t w, uint32_t h);
uint32_t gg_attach(struct fe *fe, uint32_t id, uint64_t gpa, uint64_t size);
/* Each page an entry of its own, in the order of gpas. */
uint32_t gg_attach_pages(struct fe *fe, uint32_t id, const uint64_t *gpas, uint32_t n_pages);
uint32_t gg_detach(struct fe *fe, uint32_t id);
uint32_t gg_unref(struct fe *fe, uint32_t id);
uint32_t gg_transfer(struct fe *fe, uint32_t id, const struct gp_rect *rect, uint64_t offset);
uint32_t gg_set_scanout(struct fe *fe, uint32_t scanout, uint32_t id, const struct gp_rect *rect);
/* Allocates size bytes of RAM and makes a blob of it, one entry. */
uint32_t gg_create_blob(struct fe *fe, uint32_t id, uint64_t size, struct gg_blob *blob);
uint32_t gg_create_blob_pages(
	struct fe *fe, uint32_t id, uint64_t size, const uint64_t *gpas, uint32_t n_pages);
/* XRGB8888, packed rows, all of the framebuffer. */
uint32_t gg_set_scanout_blob(struct fe *fe, uint32_t scanout, uint32_t id, uint32_t w, uint32_t h);
uint32_t gg_flush(struct fe *fe, uint32_t id, const struct gp_rect *rect, bool fence);
/* UPDATE_CURSOR with a resource; no response is waited for, but the used entry is. */
bool gg_cursor(struct fe *fe, uint32_t scanout, uint32_t id, int32_t x, int32_t y, uint32_t hot_x,
	uint32_t hot_y);
bool gg_move_cursor(struct fe *fe, uint32_t scanout, int32_t x, int32_t y);

/* Fills a rectangle of a packed image. */
void gg_fill(uint32_t *pixels, uint32_t stride_px, const struct gp_rect *rect, uint32_t color);

#endif
