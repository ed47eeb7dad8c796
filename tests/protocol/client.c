#include "tests/protocol/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/harness/host.h"

#define PATIENCE_MS 20000 // for an answer that must come

/* Connection. */

static void manager_handle_main_device(
	void *data, struct guest_scanout_manager_v1 *manager, struct wl_array *device) {
	struct client *client = data;
	client->n_devices++;
}

static void manager_handle_capabilities(
	void *data, struct guest_scanout_manager_v1 *manager, uint32_t capabilities) {
	struct client *client = data;
	client->capabilities = capabilities;
	client->n_capabilities++;
}

static void manager_handle_format(void *data, struct guest_scanout_manager_v1 *manager,
	uint32_t format, uint32_t modifier_hi, uint32_t modifier_lo) {
	struct client *client = data;
	uint64_t modifier = (uint64_t)modifier_hi << 32 | modifier_lo;
	client->n_formats++;
	client->format_before_done |= client->n_done == 0;
	client->xrgb_linear |= format == DRM_FORMAT_XRGB8888 && modifier == DRM_FORMAT_MOD_LINEAR;
}

static void manager_handle_done(void *data, struct guest_scanout_manager_v1 *manager) {
	struct client *client = data;
	client->n_done++;
}

static const struct guest_scanout_manager_v1_listener manager_listener = {
	.main_device = manager_handle_main_device,
	.capabilities = manager_handle_capabilities,
	.format = manager_handle_format,
	.done = manager_handle_done,
};

static void registry_handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	struct client *client = data;
	if (strcmp(interface, wl_compositor_interface.name) == 0) {
		client->compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
	} else if (strcmp(interface, wl_shm_interface.name) == 0) {
		client->shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	} else if (strcmp(interface, wp_viewporter_interface.name) == 0) {
		client->viewporter = wl_registry_bind(registry, name, &wp_viewporter_interface, 1);
	} else if (strcmp(interface, wp_presentation_interface.name) == 0) {
		client->presentation =
			wl_registry_bind(registry, name, &wp_presentation_interface, 1);
	} else if (strcmp(interface, guest_scanout_manager_v1_interface.name) == 0) {
		client->manager_name = name;
		client->manager =
			wl_registry_bind(registry, name, &guest_scanout_manager_v1_interface, 1);
		guest_scanout_manager_v1_add_listener(client->manager, &manager_listener, client);
	}
}

static void registry_handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {
}

static const struct wl_registry_listener registry_listener = {
	.global = registry_handle_global,
	.global_remove = registry_handle_global_remove,
};

bool client_connect(struct client *client, const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	*client = (struct client){0};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		printf("# connect to %s: %s\n", path, strerror(errno));
		gp_fd_close(&fd);
		return false;
	}
	client->display = wl_display_connect_to_fd(fd);
	if (!client->display) {
		return false;
	}
	client->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(client->registry, &registry_listener, client);
	return client_sync(client) && client->compositor;
}

static void destroy_proxy(void *proxy) {
	if (proxy) {
		wl_proxy_destroy(proxy);
	}
}

void client_finish(struct client *client) {
	if (client->display) {
		destroy_proxy(client->manager);
		destroy_proxy(client->presentation);
		destroy_proxy(client->viewporter);
		destroy_proxy(client->shm);
		destroy_proxy(client->compositor);
		destroy_proxy(client->registry);
		wl_display_disconnect(client->display);
	}
	*client = (struct client){0};
}

static void sync_handle_done(void *data, struct wl_callback *callback, uint32_t serial) {
	unsigned *done = data;
	*done = 1;
}

static const struct wl_callback_listener sync_listener = {.done = sync_handle_done};

static bool round_trip(struct client *client) {
	unsigned done = 0;
	struct wl_callback *callback = wl_display_sync(client->display);
	wl_callback_add_listener(callback, &sync_listener, &done);
	bool ok = client_wait(client, &done, 1, PATIENCE_MS);
	wl_callback_destroy(callback);
	return ok;
}

bool client_sync(struct client *client) {
	return round_trip(client) && round_trip(client);
}

bool client_wait(struct client *client, const unsigned *number, unsigned value, int timeout_ms) {
	uint64_t end = host_now_ms() + (uint64_t)timeout_ms;
	struct pollfd fd = {.fd = wl_display_get_fd(client->display), .events = POLLIN};
	while (*number < value) {
		while (wl_display_prepare_read(client->display) != 0) {
			if (wl_display_dispatch_pending(client->display) < 0) {
				return false;
			}
		}
		if (*number >= value) {
			wl_display_cancel_read(client->display);
			break;
		}
		uint64_t now = host_now_ms();
		wl_display_flush(client->display);
		if (now >= end || poll(&fd, 1, (int)(end - now)) != 1) {
			wl_display_cancel_read(client->display);
			return false;
		}
		if (wl_display_read_events(client->display) < 0 ||
			wl_display_dispatch_pending(client->display) < 0) {
			return false;
		}
	}
	return true;
}

bool client_expect_error(
	struct client *client, const struct wl_interface *interface, uint32_t code) {
	bool alive = client_sync(client);
	const struct wl_interface *got = NULL;
	uint32_t id, got_code = 0;
	int error = wl_display_get_error(client->display);
	if (error == EPROTO) {
		got_code = wl_display_get_protocol_error(client->display, &got, &id);
	}
	if (got && strcmp(got->name, interface->name) == 0 && got_code == code) {
		return true;
	}
	if (alive) {
		printf("# no error; wanted %s %u\n", interface->name, code);
	} else {
		printf("# error %s, %s %u; wanted %s %u\n", strerror(error),
			got ? got->name : "none", got_code, interface->name, code);
	}
	return false;
}

struct guest_v1 *client_guest(struct client *client, const char *name) {
	uint8_t uuid[16] = {0};
	struct wl_array array = {.size = sizeof(uuid), .alloc = sizeof(uuid), .data = uuid};
	return guest_scanout_manager_v1_create_guest(client->manager, name, &array);
}

/* Blobs. */

static void blob_handle_imported(
	void *data, struct guest_blob_v1 *proxy, uint32_t serial, uint32_t how) {
	struct blob *blob = data;
	blob->answers++;
	blob->n_imported++;
	blob->last_serial = serial;
	blob->how = how;
}

static void blob_handle_failed(void *data, struct guest_blob_v1 *proxy, uint32_t serial,
	uint32_t reason, uint32_t stride, const char *message) {
	struct blob *blob = data;
	blob->answers++;
	blob->n_failed++;
	blob->last_serial = serial;
	blob->reason = reason;
	snprintf(blob->message, sizeof(blob->message), "%s", message);
}

static void blob_handle_revoked(void *data, struct guest_blob_v1 *proxy) {
	struct blob *blob = data;
	blob->n_revoked++;
}

static const struct guest_blob_v1_listener blob_listener = {
	.imported = blob_handle_imported,
	.failed = blob_handle_failed,
	.revoked = blob_handle_revoked,
};

bool blob_create_fd(struct blob *blob, struct guest_v1 *guest, int fd, uint64_t size, uint32_t kind,
	const char *device) {
	*blob = (struct blob){.fd = fd, .size = size};
	if (fd < 0) {
		return false;
	}
	blob->proxy = guest_v1_create_blob(
		guest, fd, (uint32_t)(size >> 32), (uint32_t)size, kind, device);
	guest_blob_v1_add_listener(blob->proxy, &blob_listener, blob);
	return true;
}

bool blob_create(struct blob *blob, struct guest_v1 *guest, size_t size) {
	int fd = gp_memfd_create_sealed("test-blob", size);
	if (!blob_create_fd(blob, guest, fd, size, GUEST_BLOB_V1_KIND_SHM, NULL)) {
		return false;
	}
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	blob->pixels = map == MAP_FAILED ? NULL : map;
	return blob->pixels;
}

void blob_finish(struct blob *blob) {
	if (blob->proxy) {
		guest_blob_v1_destroy(blob->proxy);
		blob->proxy = NULL;
	}
	if (blob->pixels) {
		munmap(blob->pixels, blob->size);
		blob->pixels = NULL;
	}
	gp_fd_close(&blob->fd);
}

/* Buffers. */

static void buffer_handle_release(void *data, struct wl_buffer *proxy) {
	struct buffer *buffer = data;
	buffer->releases++;
}

static const struct wl_buffer_listener buffer_listener = {.release = buffer_handle_release};

void buffer_create_layout(struct buffer *buffer, struct blob *blob, uint32_t serial, int32_t width,
	int32_t height, uint32_t format, uint64_t modifier, uint32_t offset, uint32_t stride) {
	*buffer = (struct buffer){0};
	buffer->proxy = guest_blob_v1_create_buffer(blob->proxy, serial, width, height, format,
		(uint32_t)(modifier >> 32), (uint32_t)modifier, offset, stride);
	wl_buffer_add_listener(buffer->proxy, &buffer_listener, buffer);
}

void buffer_create(
	struct buffer *buffer, struct blob *blob, uint32_t serial, int32_t width, int32_t height) {
	buffer_create_layout(buffer, blob, serial, width, height, DRM_FORMAT_XRGB8888,
		DRM_FORMAT_MOD_LINEAR, 0, (uint32_t)width * 4);
}

void buffer_destroy(struct buffer *buffer) {
	if (buffer->proxy) {
		wl_buffer_destroy(buffer->proxy);
		buffer->proxy = NULL;
	}
}

/* Scanouts. */

static void begin_batch(struct scanout *scanout) {
	scanout->events++;
}

static void scanout_handle_mode(void *data, struct guest_scanout_v1 *proxy, uint32_t flags,
	int32_t width, int32_t height, uint32_t refresh) {
	struct scanout *scanout = data;
	begin_batch(scanout);
	if (scanout->modes_complete) {
		scanout->n_modes = 0;
		scanout->modes_complete = false;
	}
	if (scanout->n_modes < sizeof(scanout->modes) / sizeof(scanout->modes[0])) {
		scanout->modes[scanout->n_modes++] = (struct monitor_mode){
			.flags = flags, .width = width, .height = height, .refresh = refresh};
	}
}

static void scanout_handle_physical_size(
	void *data, struct guest_scanout_v1 *proxy, uint32_t width, uint32_t height) {
	struct scanout *scanout = data;
	begin_batch(scanout);
	scanout->n_physical++;
}

static void scanout_handle_scale(void *data, struct guest_scanout_v1 *proxy, uint32_t scale) {
	struct scanout *scanout = data;
	begin_batch(scanout);
	scanout->n_scale++;
	scanout->scale = scale;
}

static void scanout_handle_transform(
	void *data, struct guest_scanout_v1 *proxy, uint32_t transform) {
	struct scanout *scanout = data;
	begin_batch(scanout);
	scanout->n_transform++;
}

static void scanout_handle_identity(void *data, struct guest_scanout_v1 *proxy, const char *make,
	const char *model, const char *serial) {
	struct scanout *scanout = data;
	begin_batch(scanout);
	scanout->n_identity++;
	snprintf(scanout->model, sizeof(scanout->model), "%s", model);
}

static void scanout_handle_connected(
	void *data, struct guest_scanout_v1 *proxy, uint32_t connected) {
	struct scanout *scanout = data;
	begin_batch(scanout);
	scanout->n_connected++;
	scanout->connected = connected;
}

static void scanout_handle_done(void *data, struct guest_scanout_v1 *proxy) {
	struct scanout *scanout = data;
	scanout->n_done++;
	scanout->events = 0;
	scanout->modes_complete = true;
}

static void scanout_handle_visibility(
	void *data, struct guest_scanout_v1 *proxy, uint32_t visible) {
	struct scanout *scanout = data;
	scanout->n_visibility++;
	scanout->visible = visible;
}

static void scanout_handle_way(
	void *data, struct guest_scanout_v1 *proxy, uint32_t path, const char *reason) {
	struct scanout *scanout = data;
	scanout->n_way++;
	scanout->path = path;
	snprintf(scanout->path_reason, sizeof(scanout->path_reason), "%s", reason);
}

static const struct guest_scanout_v1_listener scanout_listener = {
	.mode = scanout_handle_mode,
	.physical_size = scanout_handle_physical_size,
	.scale = scanout_handle_scale,
	.transform = scanout_handle_transform,
	.identity = scanout_handle_identity,
	.connected = scanout_handle_connected,
	.done = scanout_handle_done,
	.visibility = scanout_handle_visibility,
	.path = scanout_handle_way,
};

void scanout_create_for(struct scanout *scanout, struct wl_surface *surface, struct guest_v1 *guest,
	uint32_t index) {
	*scanout = (struct scanout){.surface = surface};
	scanout->proxy = guest_v1_get_scanout(guest, surface, index);
	guest_scanout_v1_add_listener(scanout->proxy, &scanout_listener, scanout);
}

void scanout_create(
	struct scanout *scanout, struct client *client, struct guest_v1 *guest, uint32_t index) {
	scanout_create_for(scanout, wl_compositor_create_surface(client->compositor), guest, index);
}

void scanout_destroy(struct scanout *scanout) {
	if (scanout->proxy) {
		guest_scanout_v1_destroy(scanout->proxy);
		scanout->proxy = NULL;
	}
	if (scanout->surface) {
		wl_surface_destroy(scanout->surface);
		scanout->surface = NULL;
	}
}

void scanout_commit(struct scanout *scanout, struct buffer *buffer) {
	wl_surface_attach(scanout->surface, buffer ? buffer->proxy : NULL, 0, 0);
	wl_surface_damage_buffer(scanout->surface, 0, 0, INT32_MAX, INT32_MAX);
	wl_surface_commit(scanout->surface);
}

/* Presentation. */

static void feedback_handle_sync_output(
	void *data, struct wp_presentation_feedback *proxy, struct wl_output *output) {
}

static void feedback_handle_presented(void *data, struct wp_presentation_feedback *proxy,
	uint32_t sec_hi, uint32_t sec_lo, uint32_t nsec, uint32_t refresh, uint32_t seq_hi,
	uint32_t seq_lo, uint32_t flags) {
	struct feedback *feedback = data;
	feedback->answers++;
	feedback->presented = true;
	feedback->refresh_ns = refresh;
	feedback->flags = flags;
	wp_presentation_feedback_destroy(proxy);
	feedback->proxy = NULL;
}

static void feedback_handle_discarded(void *data, struct wp_presentation_feedback *proxy) {
	struct feedback *feedback = data;
	feedback->answers++;
	wp_presentation_feedback_destroy(proxy);
	feedback->proxy = NULL;
}

static const struct wp_presentation_feedback_listener feedback_listener = {
	.sync_output = feedback_handle_sync_output,
	.presented = feedback_handle_presented,
	.discarded = feedback_handle_discarded,
};

void feedback_create(struct feedback *feedback, struct client *client, struct scanout *scanout) {
	*feedback = (struct feedback){0};
	feedback->proxy = wp_presentation_feedback(client->presentation, scanout->surface);
	wp_presentation_feedback_add_listener(feedback->proxy, &feedback_listener, feedback);
}

/*
 * LeakSanitizer's hook. Proxies of a connection that ended by a protocol error are left behind on
 * purpose; what counts is that the programs under test leak nothing, and they are asked.
 */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void) {
	return 1;
}
