#ifndef GP_TESTS_HARNESS_FAKE_CLIENT_H
#define GP_TESTS_HARNESS_FAKE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "client/guest_scanout.h"

/**
 * Stands for the client library, as far as the presenter calls it. It takes what it is given, or
 * nothing, and the test says what the compositor does with it.
 */

#define FAKE_BLOBS_MAX 64
#define FAKE_BUFFERS_MAX 256

struct gp_client_blob {
	struct gp_client *client; // NULL: unused, or freed
	int fd; // a duplicate
	uint64_t size;
	enum gp_client_blob_kind kind;
	void *user;
	bool revoking;
};

struct gp_client_buffer {
	struct gp_client_blob *blob; // NULL: unused, or freed
	struct gp_client_layout layout;
	bool busy;
};

struct gp_client {
	bool connected;
	bool full; // takes no more blobs
	bool stuck; // acknowledges no revoke while somebody waits
	bool releases; // a buffer that another one replaces, without an event
	struct gp_client_blob blobs[FAKE_BLOBS_MAX];
	struct gp_client_buffer buffers[FAKE_BUFFERS_MAX];
	unsigned n_blobs; // that were made
	unsigned n_shown; // frames
	unsigned n_waits; // gp_client_wait_revoked
	int waited_ms; // in all, while it was stuck
	struct gp_client_buffer *buffer; // of the last frame; NULL: the scanout was disabled
	struct gp_client_rect source, damage; // of the last frame
	unsigned n_cursors; // gp_client_set_cursor
	bool has_cursor;
	uint32_t cursor[GP_CLIENT_CURSOR_SIZE * GP_CLIENT_CURSOR_SIZE], hot_x, hot_y;
	int32_t cursor_x, cursor_y;
	/* Called for each revoke that gp_client_wait_revoked waits for. */
	void (*revoked)(void *data, void *user);
	void *data;
};

/* Frees all blobs and buffers. */
void fake_client_finish(struct gp_client *client);
/* The blob is no longer read: frees it, and returns its user. NULL: none is being revoked. */
void *fake_client_revoke_one(struct gp_client *client);
/* Reads the file that the compositor has of a buffer, from the buffer's start. */
uint8_t fake_client_read(const struct gp_client_buffer *buffer, uint64_t offset);

#endif
