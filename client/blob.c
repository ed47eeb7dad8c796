#include "client/blob.h"

#include <drm_fourcc.h>
#include <inttypes.h>
#include <stdlib.h>
#include <wayland-client.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/format.h"
#include "common/log.h"
#include "guest-scanout-v1-client-protocol.h"

#define ASSERT_SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)

ASSERT_SAME(GP_CLIENT_BLOB_SHM, GUEST_BLOB_V1_KIND_SHM);
ASSERT_SAME(GP_CLIENT_BLOB_SYSTEM_DMABUF, GUEST_BLOB_V1_KIND_SYSTEM_DMABUF);
ASSERT_SAME(GP_CLIENT_BLOB_DEVICE_DMABUF, GUEST_BLOB_V1_KIND_DEVICE_DMABUF);

/* What every compositor takes (guest_v1.create_blob, guest_blob_v1.create_buffer). */
#define BLOB_SIZE_MAX (1ull << 30)
#define DIMENSION_MAX 16384

/* The guest may wait for the acknowledgement of a revoke, and does so without a limit of its own. */
#define REVOKE_LIMIT_MS 1000

static int handle_revoke_limit(void *data) {
	struct gp_client_blobs *blobs = data;
	gp_warn_limited("the compositor did not give memory back within %d ms", REVOKE_LIMIT_MS);
	gp_client_connection_fail(blobs->connection);
	return 0;
}

bool gp_client_blobs_init(struct gp_client_blobs *blobs, struct gp_client_connection *connection) {
	blobs->connection = connection;
	wl_list_init(&blobs->list);
	blobs->revoke_timer = wl_event_loop_add_timer(connection->loop, handle_revoke_limit, blobs);
	return blobs->revoke_timer != NULL;
}

void gp_client_blobs_finish(struct gp_client_blobs *blobs) {
	if (blobs->revoke_timer != NULL) {
		wl_event_source_remove(blobs->revoke_timer);
	}
}

/* Restarts the clock, or stops it: after the first revoke, and after each acknowledgement. */
static void update_timer(struct gp_client_blobs *blobs) {
	wl_event_source_timer_update(
		blobs->revoke_timer, blobs->n_revoking > 0 ? REVOKE_LIMIT_MS : 0);
}

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
		blob->blobs->n_revoking--;
		update_timer(blob->blobs);
	}
	wl_list_remove(&blob->link);
	guest_blob_v1_destroy(blob->proxy);
	free(blob);
}

void gp_client_blobs_clear(struct gp_client_blobs *blobs) {
	struct gp_client_blob *blob, *tmp;
	wl_list_for_each_safe (blob, tmp, &blobs->list, link) {
		blob_free(blob);
	}
}

static void handle_imported(
	void *data, struct guest_blob_v1 *proxy, uint32_t serial, uint32_t how) {
	static const char *const readers[] = {
		[GUEST_BLOB_V1_IMPORT_GPU] = "GPU",
		[GUEST_BLOB_V1_IMPORT_MAPPED] = "CPU, in place",
		[GUEST_BLOB_V1_IMPORT_SHM] = "CPU, shared memory",
	};
	struct gp_client_blob *blob = data;
	gp_debug("a buffer of a blob of %" PRIu64 " bytes was imported, read by: %s", blob->size,
		how < sizeof(readers) / sizeof(readers[0]) ? readers[how] : "?");
	blob->events->imported(blob->data);
}

/* NULL: it was destroyed meanwhile. */
static struct gp_client_buffer *find_buffer(struct gp_client_blob *blob, uint32_t serial) {
	struct gp_client_buffer *buffer;
	wl_list_for_each (buffer, &blob->buffers, link) {
		if (buffer->serial == serial) {
			return buffer;
		}
	}
	return NULL;
}

static void handle_failed(void *data, struct guest_blob_v1 *proxy, uint32_t serial, uint32_t reason,
	uint32_t alignment, const char *message) {
	struct gp_client_blob *blob = data;
	const struct gp_client_failure failure = {
		/* Other reasons are of one blob or layout: too short, for instance. */
		.lasting = reason == GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT ||
			reason == GUEST_BLOB_V1_FAILURE_UNSUPPORTED_KIND ||
			reason == GUEST_BLOB_V1_FAILURE_REFUSED ||
			(reason == GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE && alignment != 0),
		.stride_alignment =
			reason == GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE ? alignment : 0,
		.message = message,
	};
	blob->events->failed(
		blob->data, blob, blob->revoking ? NULL : find_buffer(blob, serial), &failure);
}

static void handle_revoked(void *data, struct guest_blob_v1 *proxy) {
	struct gp_client_blob *blob = data;
	if (!blob->revoking) {
		gp_warn_limited("the compositor says revoked and was not asked to");
		return;
	}
	const struct gp_client_blob_events *events = blob->events;
	void *owner = blob->data, *user = blob->user;
	blob_free(blob);
	events->revoked(owner, user);
}

static const struct guest_blob_v1_listener blob_listener = {
	.imported = handle_imported,
	.failed = handle_failed,
	.revoked = handle_revoked,
};

struct gp_client_blob *gp_client_blobs_add(struct gp_client_blobs *blobs, struct guest_v1 *guest,
	int fd, uint64_t size, enum gp_client_blob_kind kind, const char *device,
	const struct gp_client_blob_events *events, void *data, void *user) {
	/* What would be a protocol error is not sent: it would end the connection. */
	if (size == 0 || size > BLOB_SIZE_MAX ||
		(device != NULL) != (kind == GP_CLIENT_BLOB_DEVICE_DMABUF)) {
		return NULL;
	}
	struct gp_client_blob *blob = calloc(1, sizeof(*blob));
	if (blob == NULL) {
		gp_error_limited("cannot make a blob: %m");
		return NULL;
	}
	blob->blobs = blobs;
	blob->size = size;
	blob->events = events;
	blob->data = data;
	blob->user = user;
	wl_list_init(&blob->buffers);
	/* libwayland duplicates the fd. */
	blob->proxy = guest_v1_create_blob(
		guest, fd, (uint32_t)(size >> 32), (uint32_t)size, kind, device);
	if (blob->proxy == NULL) {
		gp_error_limited("cannot make a blob: %m");
		free(blob);
		return NULL;
	}
	guest_blob_v1_add_listener(blob->proxy, &blob_listener, blob);
	wl_list_insert(&blobs->list, &blob->link);
	return blob;
}

void gp_client_blob_revoke(struct gp_client_blob *blob) {
	if (!blob->revoking) {
		blob->revoking = true;
		/* The clock of one that waits already goes on. */
		if (blob->blobs->n_revoking++ == 0) {
			update_timer(blob->blobs);
		}
		guest_blob_v1_revoke(blob->proxy);
	}
}

bool gp_client_blobs_wait_revoked(struct gp_client_blobs *blobs, int timeout_ms) {
	uint64_t deadline_ns = gp_now_ns() + (uint64_t)timeout_ms * 1000000;
	while (blobs->n_revoking > 0 &&
		gp_client_connection_dispatch(blobs->connection, deadline_ns)) {
	}
	/* A compositor that is only late has until revoke_timer's limit. */
	if (blobs->n_revoking > 0 && gp_now_ns() < deadline_ns) {
		gp_client_connection_end(blobs->connection);
	}
	return blobs->n_revoking == 0;
}

static void handle_release(void *data, struct wl_buffer *proxy) {
	struct gp_client_buffer *buffer = data;
	struct gp_client_blob *blob = buffer->blob;
	buffer->busy = false;
	if (!blob->revoking) {
		blob->events->released(blob->data, blob, buffer);
	}
}

static const struct wl_buffer_listener buffer_listener = {
	.release = handle_release,
};

/* Whether it is no protocol error, as far as this version knows layouts. */
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
		gp_error_limited("cannot make a buffer: %m");
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
		gp_error_limited("cannot make a buffer: %m");
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
