#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <drm_fourcc.h>
#include <wayland-server-protocol.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"
#include "guest-scanout-v1-protocol.h"
#include "tests/unit/client_cases.h"

static char dir[] = "/tmp/gp-test-client-XXXXXX";
static char path[64];

struct fake_compositor server;
struct client_test t;

static void handle_destroyed(struct wl_resource *resource) {
	struct wl_resource **known = wl_resource_get_user_data(resource);
	if (*known == resource) {
		*known = NULL;
	}
}

static void add(struct wl_client *client, const struct wl_interface *interface, int version,
	uint32_t id, const void *implementation, struct wl_resource **known) {
	*known = wl_resource_create(client, interface, version, id);
	wl_resource_set_implementation(*known, implementation, known, handle_destroyed);
}

static void destroy(struct wl_client *client, struct wl_resource *resource) {
	wl_resource_destroy(resource);
}

static const struct wl_buffer_interface buffer_requests = {.destroy = destroy};

static void create_buffer(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	uint32_t serial, int32_t width, int32_t height, uint32_t format, uint32_t modifier_hi,
	uint32_t modifier_lo, uint32_t offset, uint32_t stride) {
	server.serial = serial;
	add(client, &wl_buffer_interface, 1, id, &buffer_requests, &server.buffer);
}

static void revoke_blob(struct wl_client *client, struct wl_resource *resource) {
	server.n_revokes++;
}

static const struct guest_blob_v1_interface blob_requests = {
	.destroy = destroy,
	.create_buffer = create_buffer,
	.revoke = revoke_blob,
};

static void move_cursor(
	struct wl_client *client, struct wl_resource *resource, int32_t x, int32_t y) {
	server.cursor_x = x;
}

static void set_cursor(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *surface, int32_t hot_x, int32_t hot_y) {
	server.has_cursor = surface != NULL;
}

static const struct guest_scanout_v1_interface role_requests = {
	.destroy = destroy,
	.set_cursor = set_cursor,
	.move_cursor = move_cursor,
};

static void set_number(struct wl_client *client, struct wl_resource *resource, uint32_t number) {
}

static void set_state(struct wl_client *client, struct wl_resource *resource, uint32_t state) {
	server.state = state;
}

static void next_generation(struct wl_client *client, struct wl_resource *resource) {
	server.n_generations++;
}

static void create_blob(struct wl_client *client, struct wl_resource *resource, uint32_t id, int fd,
	uint32_t size_hi, uint32_t size_lo, uint32_t kind, const char *device) {
	close(fd);
	add(client, &guest_blob_v1_interface, 1, id, &blob_requests, &server.blob);
}

static void get_scanout(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	struct wl_resource *surface, uint32_t index) {
	assert_true(index < 2);
	server.surfaces[index] = surface;
	add(client, &guest_scanout_v1_interface, 1, id, &role_requests, &server.role);
}

static const struct guest_v1_interface guest_requests = {
	.destroy = destroy,
	.set_leds = set_number,
	.set_state = set_state,
	.next_generation = next_generation,
	.create_blob = create_blob,
	.get_scanout = get_scanout,
};

static void create_guest(struct wl_client *client, struct wl_resource *resource, uint32_t id,
	const char *name, struct wl_array *uuid) {
	assert_string_equal(name, "test");
	assert_int_equal(uuid->size, 16);
	if (server.refusal != 0) {
		wl_resource_post_error(resource, server.refusal, "refused");
		return;
	}
	add(client, &guest_v1_interface, 1, id, &guest_requests, &server.guest);
}

static const struct guest_scanout_manager_v1_interface manager_requests = {
	.destroy = destroy,
	.create_guest = create_guest,
};

static void bind_manager(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
	add(client, &guest_scanout_manager_v1_interface, 1, id, &manager_requests, &server.manager);
	guest_scanout_manager_v1_send_capabilities(server.manager, 0);
	guest_scanout_manager_v1_send_done(server.manager);
}

static void attach(struct wl_client *client, struct wl_resource *resource,
	struct wl_resource *buffer, int32_t x, int32_t y) {
}

static void damage_buffer(struct wl_client *client, struct wl_resource *resource, int32_t x,
	int32_t y, int32_t width, int32_t height) {
	server.damage = (struct gp_client_rect){x, y, width, height};
}

static void commit(struct wl_client *client, struct wl_resource *resource) {
	server.n_commits++;
}

static const struct wl_surface_interface surface_requests = {
	.destroy = destroy,
	.attach = attach,
	.damage_buffer = damage_buffer,
	.commit = commit,
};

static void create_surface(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
	wl_resource_set_implementation(wl_resource_create(client, &wl_surface_interface, 4, id),
		&surface_requests, NULL, NULL);
}

static const struct wl_compositor_interface compositor_requests = {
	.create_surface = create_surface};

static void bind_compositor(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
	wl_resource_set_implementation(wl_resource_create(client, &wl_compositor_interface, 4, id),
		&compositor_requests, NULL, NULL);
}

static const struct wl_pointer_interface pointer_requests = {.release = destroy};

static void get_pointer(struct wl_client *client, struct wl_resource *resource, uint32_t id) {
	add(client, &wl_pointer_interface, 8, id, &pointer_requests, &server.pointer);
}

static const struct wl_seat_interface seat_requests = {
	.get_pointer = get_pointer,
	.release = destroy,
};

static void bind_seat(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
	struct wl_resource *seat = wl_resource_create(client, &wl_seat_interface, 8, id);
	wl_resource_set_implementation(seat, &seat_requests, NULL, NULL);
	wl_seat_send_capabilities(seat, WL_SEAT_CAPABILITY_POINTER);
}

static void handle_client_created(struct wl_listener *listener, void *data) {
	server.n_clients++;
}

void add_manager(void) {
	wl_global_create(
		server.display, &guest_scanout_manager_v1_interface, 1, NULL, bind_manager);
}

void start_server(bool has_manager) {
	int fd = gp_socket_listen(path);
	assert_true(fd >= 0);
	memset(&server, 0, sizeof(server));
	server.display = wl_display_create();
	server.loop = wl_display_get_event_loop(server.display);
	assert_int_equal(wl_display_add_socket_fd(server.display, fd), 0);
	server.client_created.notify = handle_client_created;
	wl_display_add_client_created_listener(server.display, &server.client_created);
	wl_global_create(server.display, &wl_compositor_interface, 4, NULL, bind_compositor);
	wl_global_create(server.display, &wl_seat_interface, 8, NULL, bind_seat);
	if (has_manager) {
		add_manager();
	}
}

void stop_server(void) {
	if (server.display != NULL) {
		wl_display_destroy_clients(server.display);
		wl_display_destroy(server.display);
		server.display = NULL;
	}
}

void take_turns(void) {
	gp_client_flush(t.client);
	if (server.display != NULL) {
		wl_event_loop_dispatch(server.loop, 0);
		wl_display_flush_clients(server.display);
	}
	wl_event_loop_dispatch(t.loop, 1);
}

void settle(void) {
	for (int i = 0; i < 5; i++) {
		take_turns();
	}
}

static void handle_connected(void *data) {
	assert_true(gp_client_connected(t.client));
	t.connected++;
}

static void handle_disconnected(void *data) {
	assert_false(gp_client_connected(t.client));
	gp_client_flush(t.client);
	gp_client_wait_revoked(t.client, 0);
	t.disconnected++;
}

static void handle_monitor(void *data, uint32_t scanout, const struct gp_client_monitor *monitor) {
	t.monitors++;
	t.has_monitor = monitor != NULL;
	if (monitor != NULL) {
		t.monitor = *monitor;
	}
}

static void handle_released(void *data, void *user, struct gp_client_buffer *buffer) {
	assert_ptr_equal(user, &t);
	assert_false(gp_client_buffer_busy(buffer));
	t.released++;
}

static void handle_failed(void *data, void *user, struct gp_client_buffer *buffer,
	const struct gp_client_failure *failure) {
	assert_ptr_equal(user, &t);
	assert_int_equal(gp_client_buffer_layout(buffer)->planes[0].stride, STRIDE);
	t.failure = *failure;
	t.failed++;
}

static void handle_revoked(void *data, void *user) {
	assert_ptr_equal(user, &t);
	t.revoked++;
}

static void handle_renderer_changed(void *data) {
	t.renderers++;
}

static const struct gp_client_events events = {
	.connected = handle_connected,
	.disconnected = handle_disconnected,
	.monitor = handle_monitor,
	.released = handle_released,
	.failed = handle_failed,
	.revoked = handle_revoked,
	.renderer_changed = handle_renderer_changed,
};

static void handle_pointer_motion(
	void *data, uint32_t time_ms, uint32_t scanout, int32_t x, int32_t y) {
	t.enters++;
	t.pointer_scanout = scanout;
}

static void handle_pointer_leave(void *data) {
	t.leaves++;
}

/* The others are not used here. */
static const struct gp_client_seat_events seat_events = {
	.pointer_motion = handle_pointer_motion,
	.pointer_leave = handle_pointer_leave,
};

int make_dir(void **state) {
	gp_log_init("test", GP_LOG_SILENT);
	if (mkdtemp(dir) == NULL) {
		return 1;
	}
	snprintf(path, sizeof(path), "%s/socket", dir);
	return 0;
}

int remove_dir(void **state) {
	rmdir(dir);
	return 0;
}

int setup(void **state) {
	memset(&server, 0, sizeof(server));
	memset(&t, 0, sizeof(t));
	const struct gp_client_options options = {
		.socket = path,
		.name = "test",
		.n_scanouts = 2,
		.seat_events = &seat_events,
	};
	t.loop = wl_event_loop_create();
	t.client = gp_client_create(t.loop, &options, &events, NULL);
	assert_non_null(t.client);
	return 0;
}

int teardown(void **state) {
	unsigned disconnected = t.disconnected;
	gp_client_destroy(t.client);
	assert_int_equal(t.disconnected, disconnected);
	wl_event_loop_destroy(t.loop);
	stop_server();
	unlink(path);
	return 0;
}

void connect_client(void) {
	start_server(true);
	WAIT_FOR(t.connected == 1);
	settle();
}

const struct gp_client_layout linear = {
	.width = SIZE,
	.height = SIZE,
	.format = DRM_FORMAT_XRGB8888,
	.modifier = DRM_FORMAT_MOD_LINEAR,
	.planes = {{0, STRIDE}},
	.n_planes = 1,
};
const struct gp_client_rect whole = {0, 0, SIZE, SIZE};

struct gp_client_blob *make_blob(void) {
	int fd = gp_memfd_create_sealed("test", BYTES);
	struct gp_client_blob *blob =
		gp_client_blob_create(t.client, fd, BYTES, GP_CLIENT_BLOB_SHM, NULL, &t);
	close(fd);
	return blob;
}

struct gp_client_buffer *show_buffer(struct gp_client_blob *blob) {
	struct gp_client_buffer *buffer = gp_client_buffer_create(blob, &linear);
	assert_non_null(buffer);
	gp_client_show(t.client, 0, buffer, &whole, &whole);
	settle();
	assert_true(gp_client_buffer_busy(buffer));
	return buffer;
}
