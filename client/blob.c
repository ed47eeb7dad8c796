#include "client/client_internal.h"

#include <drm_fourcc.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/format.h"
#include "common/log.h"

#define ASSERT_SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)

ASSERT_SAME(GP_CLIENT_BLOB_SHM, GUEST_BLOB_V1_KIND_SHM);
ASSERT_SAME(GP_CLIENT_BLOB_SYSTEM_DMABUF, GUEST_BLOB_V1_KIND_SYSTEM_DMABUF);
ASSERT_SAME(GP_CLIENT_BLOB_DEVICE_DMABUF, GUEST_BLOB_V1_KIND_DEVICE_DMABUF);

/* What every compositor takes (guest_v1.create_blob, guest_blob_v1.create_buffer). */
#define BLOB_SIZE_MAX (1ull << 30)
#define DIMENSION_MAX 16384

static void buffer_free(struct gp_client_buffer *buffer) {
	wl_list_remove(&buffer->link);
	wl_buffer_destroy(buffer->proxy);
	free(buffer);
}

static void blob_free(struct gp_client_blob *blob) {
	struct gp_client_buffer *buffer, *tmp;
	wl_list_for_each_safe (buffer, tmp, &blob->buffers, link) {
		buffer_free(buffer);
	}
	if (blob->revoking) {
		blob->client->n_revoking--;
		gp_client_watch_revokes(blob->client);
	}
	wl_list_remove(&blob->link);
	guest_blob_v1_destroy(blob->proxy);
	free(blob);
}

void gp_client_blobs_finish(struct gp_client *client) {
	struct gp_client_blob *blob, *tmp;
	wl_list_for_each_safe (blob, tmp, &client->blobs, link) {
		blob_free(blob);
	}
}

static struct gp_client_buffer *find_buffer(struct gp_client_blob *blob, uint32_t serial) {
	struct gp_client_buffer *buffer;
	wl_list_for_each (buffer, &blob->buffers, link) {
		if (buffer->serial == serial) {
			return buffer;
		}
	}
	return NULL; // destroyed before its answer came
}

static void handle_blob_imported(
	void *data, struct guest_blob_v1 *proxy, uint32_t serial, uint32_t how) {
	static const char *const paths[] = {
		[GUEST_BLOB_V1_IMPORT_GPU] = "GPU",
		[GUEST_BLOB_V1_IMPORT_MAPPED] = "CPU, in place",
		[GUEST_BLOB_V1_IMPORT_SHM] = "CPU, shared memory",
	};
	struct gp_client_blob *blob = data;
	if (blob->cursor == NULL) {
		blob->client->counters.imports++;
	}
	gp_debug("a buffer of a blob of %" PRIu64 " bytes was imported, read by: %s", blob->size,
		how < sizeof(paths) / sizeof(paths[0]) ? paths[how] : "?");
}

/* Other reasons are of one blob or layout: too short, a pitch that the GPU does not take. */
static bool is_lasting(uint32_t reason) {
	return reason == GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT ||
		reason == GUEST_BLOB_V1_FAILURE_UNSUPPORTED_KIND ||
		reason == GUEST_BLOB_V1_FAILURE_REFUSED;
}

static void handle_blob_failed(void *data, struct guest_blob_v1 *proxy, uint32_t serial,
	uint32_t reason, uint32_t stride, const char *message) {
	struct gp_client_blob *blob = data;
	struct gp_client *client = blob->client;
	struct gp_client_buffer *buffer = find_buffer(blob, serial);
	if (blob->cursor == NULL) {
		client->counters.imports_failed++;
	}
	if (buffer == NULL || blob->revoking) {
		return;
	}
	if (blob->cursor != NULL) {
		gp_client_cursor_handle_failed(blob->cursor, message);
	} else if (client->events->failed != NULL) {
		const struct gp_client_failure failure = {
			.lasting = is_lasting(reason),
			.wanted_stride = stride,
			.message = message,
		};
		client->events->failed(client->data, blob->user, buffer, &failure);
	}
}

static void handle_blob_revoked(void *data, struct guest_blob_v1 *proxy) {
	struct gp_client_blob *blob = data;
	struct gp_client *client = blob->client;
	if (!blob->revoking) {
		gp_warn("the compositor says revoked and was not asked to");
		return;
	}
	void *user = blob->user;
	blob_free(blob);
	if (client->events->revoked != NULL) {
		client->events->revoked(client->data, user);
	}
}

static const struct guest_blob_v1_listener blob_listener = {
	.imported = handle_blob_imported,
	.failed = handle_blob_failed,
	.revoked = handle_blob_revoked,
};

static void handle_buffer_release(void *data, struct wl_buffer *proxy) {
	struct gp_client_buffer *buffer = data;
	struct gp_client_blob *blob = buffer->blob;
	struct gp_client *client = blob->client;
	buffer->busy = false;
	if (blob->revoking) {
		return;
	}
	if (blob->cursor != NULL) {
		gp_client_cursor_handle_released(blob->cursor);
		return;
	}
	client->counters.releases++;
	if (client->events->released != NULL) {
		client->events->released(client->data, blob->user, buffer);
	}
}

static const struct wl_buffer_listener buffer_listener = {
	.release = handle_buffer_release,
};

struct gp_client_blob *gp_client_blob_create(struct gp_client *client, int fd, uint64_t size,
	enum gp_client_blob_kind kind, const char *device, void *user) {
	if (!client->ready || size == 0 || size > BLOB_SIZE_MAX) {
		return NULL;
	}
	struct gp_client_blob *blob = calloc(1, sizeof(*blob));
	if (blob == NULL) {
		gp_error_errno("cannot make a blob");
		return NULL;
	}
	blob->client = client;
	blob->size = size;
	blob->user = user;
	wl_list_init(&blob->buffers);
	/* libwayland duplicates the fd. */
	blob->proxy = guest_v1_create_blob(
		client->guest, fd, (uint32_t)(size >> 32), (uint32_t)size, kind, device);
	if (blob->proxy == NULL) {
		gp_error_errno("cannot make a blob");
		free(blob);
		return NULL;
	}
	guest_blob_v1_add_listener(blob->proxy, &blob_listener, blob);
	wl_list_insert(&client->blobs, &blob->link);
	return blob;
}

struct gp_client_blob *gp_client_blob_create_for_cursor(
	struct gp_client *client, int fd, uint64_t size, struct gp_client_cursor *cursor) {
	struct gp_client_blob *blob =
		gp_client_blob_create(client, fd, size, GP_CLIENT_BLOB_SHM, NULL, NULL);
	if (blob != NULL) {
		blob->cursor = cursor;
	}
	return blob;
}

void gp_client_blob_revoke(struct gp_client_blob *blob) {
	if (!blob->revoking) {
		blob->revoking = true;
		/* The clock of one that waits already goes on. */
		if (blob->client->n_revoking++ == 0) {
			gp_client_watch_revokes(blob->client);
		}
		guest_blob_v1_revoke(blob->proxy);
	}
}

/* What would be a protocol error is not sent: it would end the connection. */
static bool is_acceptable(const struct gp_client_layout *layout, uint64_t blob_size) {
	const struct gp_format *format = gp_format_from_drm(layout->format);
	const struct gp_client_plane *plane = &layout->planes[0];
	return format != NULL && layout->n_planes == 1 && layout->width > 0 &&
		layout->width <= DIMENSION_MAX && layout->height > 0 &&
		layout->height <= DIMENSION_MAX &&
		(layout->modifier != DRM_FORMAT_MOD_LINEAR ||
			gp_format_fits(format, layout->width, layout->height, plane->offset,
				plane->stride, blob_size));
}

struct gp_client_buffer *gp_client_buffer_create(
	struct gp_client_blob *blob, const struct gp_client_layout *layout) {
	if (!is_acceptable(layout, blob->size)) {
		return NULL;
	}
	struct gp_client_buffer *buffer = calloc(1, sizeof(*buffer));
	if (buffer == NULL) {
		gp_error_errno("cannot make a buffer");
		return NULL;
	}
	buffer->blob = blob;
	buffer->layout = *layout;
	buffer->serial = ++blob->next_serial;
	buffer->proxy = guest_blob_v1_create_buffer(blob->proxy, buffer->serial,
		(int32_t)layout->width, (int32_t)layout->height, layout->format,
		(uint32_t)(layout->modifier >> 32), (uint32_t)layout->modifier,
		layout->planes[0].offset, layout->planes[0].stride);
	if (buffer->proxy == NULL) {
		gp_error_errno("cannot make a buffer");
		free(buffer);
		return NULL;
	}
	wl_buffer_add_listener(buffer->proxy, &buffer_listener, buffer);
	wl_list_insert(&blob->buffers, &buffer->link);
	return buffer;
}

void gp_client_buffer_destroy(struct gp_client_buffer *buffer) {
	buffer_free(buffer);
}

bool gp_client_buffer_busy(const struct gp_client_buffer *buffer) {
	return buffer->busy;
}

const struct gp_client_layout *gp_client_buffer_layout(const struct gp_client_buffer *buffer) {
	return &buffer->layout;
}

void gp_client_buffer_attach(struct gp_client_buffer *buffer, struct wl_surface *surface) {
	wl_surface_attach(surface, buffer->proxy, 0, 0);
	buffer->busy = true;
}
