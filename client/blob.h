#ifndef GP_CLIENT_BLOB_H
#define GP_CLIENT_BLOB_H

#include <wayland-util.h>

#include "client/connection.h"
#include "client/guest_scanout.h"

/**
 * Blobs of the guest and their buffers. gp_client_blob_revoke and gp_client_buffer_* of the public
 * header are defined here.
 */

struct guest_blob_v1;
struct guest_v1;
struct wl_buffer;
struct wl_surface;

/* Of one blob, for who made it. Nothing is reported of one that is being revoked, but `revoked`. */
struct gp_client_blob_events {
	void (*imported)(void *data);
	/* buffer is NULL if nobody is interested in it any more. */
	void (*failed)(void *data, struct gp_client_blob *blob, struct gp_client_buffer *buffer,
		const struct gp_client_failure *failure);
	void (*released)(void *data, struct gp_client_blob *blob, struct gp_client_buffer *buffer);
	/* The blob has been freed. */
	void (*revoked)(void *data, void *user);
};

struct gp_client_blob {
	struct gp_client_blobs *blobs;
	struct wl_list link; // gp_client_blobs.list
	struct wl_list buffers; // gp_client_buffer.link
	struct guest_blob_v1 *proxy;
	uint64_t size; // bytes
	const struct gp_client_blob_events *events;
	void *data; // for events
	void *user; // of the library's user; NULL for a blob of the library
	uint32_t next_serial;
	bool revoking;
};

struct gp_client_buffer {
	struct gp_client_blob *blob;
	struct wl_list link; // gp_client_blob.buffers
	struct wl_buffer *proxy;
	struct gp_client_layout layout;
	uint32_t serial;
	bool busy;
};

struct gp_client_blobs {
	struct gp_client_connection *connection;
	struct wl_event_source *revoke_timer;

	/* Of one connection. */
	struct wl_list list; // gp_client_blob.link
	size_t n_revoking;
};

/* connection must outlive it. Returns false without memory; to be finished then, too. */
bool gp_client_blobs_init(struct gp_client_blobs *blobs, struct gp_client_connection *connection);
void gp_client_blobs_finish(struct gp_client_blobs *blobs);
/* Frees all, without `revoked`. */
void gp_client_blobs_clear(struct gp_client_blobs *blobs);

/* As gp_client_blob_create. */
struct gp_client_blob *gp_client_blobs_add(struct gp_client_blobs *blobs, struct guest_v1 *guest,
	int fd, uint64_t size, enum gp_client_blob_kind kind, const char *device,
	const struct gp_client_blob_events *events, void *data, void *user);
/* As gp_client_wait_revoked. */
bool gp_client_blobs_wait_revoked(struct gp_client_blobs *blobs, int timeout_ms);

/* Gives the surface the buffer, as part of its next commit. */
void gp_client_buffer_attach(struct gp_client_buffer *buffer, struct wl_surface *surface);

#endif
