#include "tests/harness/fake_client.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void free_blob(struct gp_client_blob *blob) {
	struct gp_client *client = blob->client;
	for (size_t i = 0; i < FAKE_BUFFERS_MAX; i++) {
		if (client->buffers[i].blob == blob) {
			client->buffers[i] = (struct gp_client_buffer){0};
		}
	}
	close(blob->fd);
	*blob = (struct gp_client_blob){0};
}

void fake_client_finish(struct gp_client *client) {
	for (size_t i = 0; i < FAKE_BLOBS_MAX; i++) {
		if (client->blobs[i].client != NULL) {
			free_blob(&client->blobs[i]);
		}
	}
}

void *fake_client_revoke_one(struct gp_client *client) {
	for (size_t i = 0; i < FAKE_BLOBS_MAX; i++) {
		if (client->blobs[i].revoking) {
			void *user = client->blobs[i].user;
			free_blob(&client->blobs[i]);
			return user;
		}
	}
	return NULL;
}

uint8_t fake_client_read(const struct gp_client_buffer *buffer, uint64_t offset) {
	uint8_t byte = 0;
	ssize_t n = pread(
		buffer->blob->fd, &byte, 1, (off_t)(buffer->layout.planes[0].offset + offset));
	assert(n == 1);
	(void)n;
	return byte;
}

bool gp_client_connected(const struct gp_client *client) {
	return client->connected;
}

void gp_client_show(struct gp_client *client, uint32_t scanout, struct gp_client_buffer *buffer,
	const struct gp_client_rect *source, const struct gp_client_rect *damage) {
	client->n_shown++;
	if (client->releases && client->buffer != NULL && client->buffer != buffer) {
		client->buffer->busy = false;
	}
	client->buffer = buffer;
	if (buffer != NULL) {
		assert(buffer->blob != NULL && !buffer->blob->revoking);
		buffer->busy = true;
		client->source = *source;
		client->damage = *damage;
	}
}

static bool any_revoking(const struct gp_client *client) {
	for (size_t i = 0; i < FAKE_BLOBS_MAX; i++) {
		if (client->blobs[i].revoking) {
			return true;
		}
	}
	return false;
}

bool gp_client_wait_revoked(struct gp_client *client, int timeout_ms) {
	void *user;
	client->n_waits++;
	if (client->stuck && any_revoking(client)) {
		client->waited_ms += timeout_ms;
		usleep((useconds_t)timeout_ms * 1000);
		return false;
	}
	while ((user = fake_client_revoke_one(client)) != NULL) {
		client->revoked(client->data, user);
	}
	return true;
}

struct gp_client_blob *gp_client_blob_create(struct gp_client *client, int fd, uint64_t size,
	enum gp_client_blob_kind kind, const char *device, void *user) {
	assert((device != NULL) == (kind == GP_CLIENT_BLOB_DEVICE_DMABUF));
	for (size_t i = 0; i < FAKE_BLOBS_MAX && !client->full; i++) {
		struct gp_client_blob *blob = &client->blobs[i];
		if (blob->client == NULL) {
			*blob = (struct gp_client_blob){.client = client,
				.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
				.size = size,
				.kind = kind,
				.user = user};
			assert(blob->fd >= 0);
			client->n_blobs++;
			return blob;
		}
	}
	return NULL;
}

void gp_client_blob_revoke(struct gp_client_blob *blob) {
	assert(!blob->revoking);
	blob->revoking = true;
}

struct gp_client_buffer *gp_client_buffer_create(
	struct gp_client_blob *blob, const struct gp_client_layout *layout) {
	assert(!blob->revoking);
	for (size_t i = 0; i < FAKE_BUFFERS_MAX; i++) {
		struct gp_client_buffer *buffer = &blob->client->buffers[i];
		if (buffer->blob == NULL) {
			*buffer = (struct gp_client_buffer){.blob = blob, .layout = *layout};
			return buffer;
		}
	}
	return NULL;
}

void gp_client_buffer_destroy(struct gp_client_buffer *buffer) {
	*buffer = (struct gp_client_buffer){0};
}

bool gp_client_buffer_busy(const struct gp_client_buffer *buffer) {
	return buffer->busy;
}

void gp_client_set_cursor(struct gp_client *client, uint32_t scanout, const void *pixels,
	uint32_t hot_x, uint32_t hot_y) {
	client->n_cursors++;
	client->has_cursor = pixels != NULL;
	if (pixels != NULL) {
		memcpy(client->cursor, pixels, sizeof(client->cursor));
		client->hot_x = hot_x;
		client->hot_y = hot_y;
	}
}

void gp_client_move_cursor(struct gp_client *client, uint32_t scanout, int32_t x, int32_t y) {
	client->cursor_x = x;
	client->cursor_y = y;
}
