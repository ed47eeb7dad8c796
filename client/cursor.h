#ifndef GP_CLIENT_CURSOR_H
#define GP_CLIENT_CURSOR_H

#include "client/blob.h"

/* The cursor of a scanout: what the user wants, kept over connections, and the objects for it. */

#define GP_CLIENT_CURSOR_BYTES (GP_CLIENT_CURSOR_SIZE * GP_CLIENT_CURSOR_SIZE * 4)
/* So that the one on screen is not written. */
#define GP_CLIENT_CURSOR_BUFFERS 2

struct guest_scanout_v1;
struct wl_compositor;

struct gp_client_cursor {
	struct gp_client_blobs *blobs;
	uint32_t scanout; // index
	bool visible;
	uint8_t pixels[GP_CLIENT_CURSOR_BYTES];
	uint32_t hot_x, hot_y;
	int32_t x, y;
	bool moved; // and the compositor has not been notified
	int memfd; // owned; GP_CLIENT_CURSOR_BYTES for each buffer
	uint8_t *map;

	/* Of one connection; NULL without. */
	struct guest_v1 *guest;
	struct guest_scanout_v1 *role; // of the scanout
	struct wl_compositor *compositor;
	struct wl_surface *surface;
	struct gp_client_blob *blob;
	struct gp_client_buffer *buffers[GP_CLIENT_CURSOR_BUFFERS];
	bool waiting; // both buffers were read when the pixels changed
	bool refused;
};

/* blobs must outlive it. */
void gp_client_cursor_init(
	struct gp_client_cursor *cursor, struct gp_client_blobs *blobs, uint32_t scanout);
void gp_client_cursor_finish(struct gp_client_cursor *cursor);

/* The scanout has its role: sends what is wanted. The objects must live until stop. */
void gp_client_cursor_start(struct gp_client_cursor *cursor, struct guest_v1 *guest,
	struct guest_scanout_v1 *role, struct wl_compositor *compositor);
/* Destroys the objects of the connection, but for the blob, which goes with all others. */
void gp_client_cursor_stop(struct gp_client_cursor *cursor);

/* As gp_client_set_cursor and gp_client_move_cursor. */
void gp_client_cursor_set(
	struct gp_client_cursor *cursor, const void *pixels, uint32_t hot_x, uint32_t hot_y);
void gp_client_cursor_move(struct gp_client_cursor *cursor, int32_t x, int32_t y);
/* Sends the position. Only the last one counts: a guest may move faster than anyone reads. */
void gp_client_cursor_flush(struct gp_client_cursor *cursor);

#endif
