#ifndef GP_COMPOSITOR_VIEW_UPLOAD_H
#define GP_COMPOSITOR_VIEW_UPLOAD_H

#include <pixman.h>
#include <stdbool.h>
#include <stdint.h>

struct wlr_buffer;
struct wlr_client_buffer;
struct wlr_renderer;

/**
 * What a GPU has of a picture in shared memory: one texture, brought up to date by damage. Left to
 * itself, wlr_scene makes a new texture and uploads everything each time that a buffer is set.
 */
struct gp_upload {
	struct wlr_renderer *renderer;
	struct wlr_client_buffer *texture; // with it, and locked; NULL: none
	uint32_t format; // DRM fourcc of the texture
	uint64_t bytes; // uploaded so far
	uint64_t frame_bytes; // the same, when the last frame was made
};

void gp_upload_init(struct gp_upload *upload, struct wlr_renderer *renderer);
void gp_upload_finish(struct gp_upload *upload);

/**
 * Whether a client has made us upload so much since the last frame that this buffer has to wait for
 * the next one: nobody would see most of it, and all others wait meanwhile.
 */
bool gp_upload_must_wait(const struct gp_upload *upload, const struct wlr_buffer *buffer);
/* A frame is about to be made. */
void gp_upload_begin_frame(struct gp_upload *upload);
/**
 * To be called for each buffer that a view shows, NULL for none; damage is what differs from the
 * one before, NULL: all. Returns what to set in the scene: a buffer with the texture if it is
 * shared memory and a GPU has to have it, else the buffer itself.
 */
struct wlr_buffer *gp_upload_update(
	struct gp_upload *upload, struct wlr_buffer *buffer, const pixman_region32_t *damage);

#endif
