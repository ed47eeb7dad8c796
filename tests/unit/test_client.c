/*
 * libguest-scanout against a compositor of the test's own, in the same process: the two take turns.
 */

#include "client/guest_scanout.h" // first: it needs no other header

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <drm_fourcc.h>
#include <wayland-server-core.h>
#include <wayland-server-protocol.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/socket.h"
#include "guest-scanout-v1-protocol.h"

#define SIZE 64u // width and height
#define STRIDE (SIZE * 4)
#define BYTES (SIZE * STRIDE)
#define TIMEOUT_NS 20000000000ull

static char dir[] = "/tmp/gp-test-client-XXXXXX";
static char path[64];

/* The compositor. Of each kind of object it knows the last one; NULL: it was destroyed. */
static struct {
	struct wl_display *display;
	struct wl_event_loop *loop;
	struct wl_listener client_created;
	struct wl_resource *manager, *guest, *role, *blob, *buffer, *pointer;
	struct wl_resource *surfaces[2]; // of scanouts
	unsigned n_clients, n_commits, n_revokes, n_generations;
	uint32_t state, serial;
	int32_t cursor_x;
	bool has_cursor;
	uint32_t refusal; // of create_guest; 0: none
	struct gp_client_rect damage;
} server;

/* What the client has reported. */
static struct {
	struct wl_event_loop *loop;
	struct gp_client *client;
	unsigned connected, disconnected, monitors, released, failed, revoked, enters, leaves;
	struct gp_client_monitor monitor;
	bool has_monitor;
	struct gp_client_failure failure; // without the message
	uint32_t pointer_scanout;
} t;

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

static void add_manager(void) {
	wl_global_create(
		server.display, &guest_scanout_manager_v1_interface, 1, NULL, bind_manager);
}

static void start_server(bool has_manager) {
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

static void stop_server(void) {
	if (server.display != NULL) {
		wl_display_destroy_clients(server.display);
		wl_display_destroy(server.display);
		server.display = NULL;
	}
}

static void take_turns(void) {
	gp_client_flush(t.client);
	if (server.display != NULL) {
		wl_event_loop_dispatch(server.loop, 0);
		wl_display_flush_clients(server.display);
	}
	wl_event_loop_dispatch(t.loop, 1);
}

#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		uint64_t deadline_ns = gp_now_ns() + TIMEOUT_NS;                                   \
		while (!(condition)) {                                                             \
			assert_true(gp_now_ns() < deadline_ns);                                    \
			take_turns();                                                              \
		}                                                                                  \
	} while (0)

/* Until everything that was sent has arrived, and what it caused. */
static void settle(void) {
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

static const struct gp_client_events events = {
	.connected = handle_connected,
	.disconnected = handle_disconnected,
	.monitor = handle_monitor,
	.released = handle_released,
	.failed = handle_failed,
	.revoked = handle_revoked,
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

static int setup(void **state) {
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

static int teardown(void **state) {
	unsigned disconnected = t.disconnected;
	gp_client_destroy(t.client);
	assert_int_equal(t.disconnected, disconnected);
	wl_event_loop_destroy(t.loop);
	stop_server();
	unlink(path);
	return 0;
}

static void connect_client(void) {
	start_server(true);
	WAIT_FOR(t.connected == 1);
	settle();
}

static const struct gp_client_layout linear = {
	.width = SIZE,
	.height = SIZE,
	.format = DRM_FORMAT_XRGB8888,
	.modifier = DRM_FORMAT_MOD_LINEAR,
	.planes = {{0, STRIDE}},
	.n_planes = 1,
};
static const struct gp_client_rect whole = {0, 0, SIZE, SIZE};

static struct gp_client_blob *make_blob(void) {
	int fd = gp_memfd_create_sealed("test", BYTES);
	struct gp_client_blob *blob =
		gp_client_blob_create(t.client, fd, BYTES, GP_CLIENT_BLOB_SHM, NULL, &t);
	close(fd);
	return blob;
}

static struct gp_client_buffer *show_buffer(struct gp_client_blob *blob) {
	struct gp_client_buffer *buffer = gp_client_buffer_create(blob, &linear);
	assert_non_null(buffer);
	gp_client_show(t.client, 0, buffer, &whole, &whole);
	settle();
	assert_true(gp_client_buffer_busy(buffer));
	return buffer;
}

/* The state is kept while there is no compositor, and no call needs one. */
static void test_waits_for_socket(void **state) {
	gp_client_set_state(t.client, GP_CLIENT_VM_RUNNING);
	gp_client_next_generation(t.client);
	gp_client_show(t.client, 0, NULL, NULL, NULL);
	gp_client_move_cursor(t.client, 0, -7, 1);
	assert_null(make_blob());
	settle();
	assert_false(gp_client_connected(t.client));
	connect_client();
	assert_int_equal(server.state, GP_CLIENT_VM_RUNNING);
	assert_int_equal(server.cursor_x, -7);
	assert_int_equal(server.n_generations, 0);
	assert_int_equal(gp_client_counters(t.client)->connects, 1);
}

static void test_lost_and_retried(void **state) {
	static const uint32_t pixels[GP_CLIENT_CURSOR_SIZE * GP_CLIENT_CURSOR_SIZE];
	connect_client();
	assert_false(server.has_cursor);
	gp_client_set_cursor(t.client, 0, pixels, 1, 1);
	settle();
	assert_true(server.has_cursor);
	gp_client_set_state(t.client, GP_CLIENT_VM_PAUSED);
	gp_client_blob_revoke(make_blob());
	show_buffer(make_blob());
	stop_server();
	WAIT_FOR(t.disconnected == 1);
	assert_int_equal(t.revoked, 0);
	assert_null(make_blob());
	start_server(true);
	WAIT_FOR(t.connected == 2);
	settle();
	assert_int_equal(server.state, GP_CLIENT_VM_PAUSED);
	assert_true(server.has_cursor);
	assert_non_null(make_blob());
	assert_int_equal(t.disconnected, 1);
}

/* An ordinary socket, or a compositor that gets the protocol later. */
static void test_no_manager(void **state) {
	start_server(false);
	WAIT_FOR(server.n_clients == 3);
	assert_int_equal(t.connected, 0);
	assert_int_equal(t.disconnected, 0);
	add_manager();
	WAIT_FOR(t.connected == 1);
}

static void test_protocol_error(void **state) {
	connect_client();
	wl_resource_post_error(server.guest, GUEST_V1_ERROR_ROLE, "test");
	WAIT_FOR(t.connected == 2);
	assert_int_equal(t.disconnected, 1);
}

/* Nothing is reported of a compositor that does not take the guest; it is tried again, with pauses. */
static void test_refused(void **state) {
	start_server(true);
	server.refusal = GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_IN_USE;
	assert_null(gp_client_refusal(t.client));
	WAIT_FOR(server.n_clients == 2);
	uint64_t begin_ns = gp_now_ns();
	assert_string_equal(gp_client_refusal(t.client), "a guest of this name is shown already");
	WAIT_FOR(server.n_clients == 4);
	assert_true(gp_now_ns() - begin_ns >= 500000000); // 200 ms, and 400 ms
	server.refusal = GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_REFUSED;
	WAIT_FOR(server.n_clients == 6);
	assert_string_equal(
		gp_client_refusal(t.client), "a guest of this name is not for this socket");
	assert_false(gp_client_connected(t.client));
	assert_null(make_blob());
	assert_int_equal(t.connected, 0);
	assert_int_equal(t.disconnected, 0);
	/* Without a compositor nobody refuses. */
	stop_server();
	WAIT_FOR(gp_client_refusal(t.client) == NULL);
	start_server(true);
	WAIT_FOR(t.connected == 1);
	assert_null(gp_client_refusal(t.client));
}

static void test_failed(void **state) {
	connect_client();
	struct gp_client_blob *blob = make_blob();
	assert_non_null(gp_client_buffer_create(blob, &linear));
	settle();
	guest_blob_v1_send_failed(
		server.blob, server.serial, GUEST_BLOB_V1_FAILURE_UNSUPPORTED_STRIDE, 512, "pitch");
	WAIT_FOR(t.failed == 1);
	assert_false(t.failure.lasting);
	assert_int_equal(t.failure.wanted_stride, 512);
	guest_blob_v1_send_failed(
		server.blob, server.serial, GUEST_BLOB_V1_FAILURE_REFUSED, 0, "never");
	WAIT_FOR(t.failed == 2);
	assert_true(t.failure.lasting);
	/* Nobody wants to know of a buffer that is destroyed. */
	gp_client_buffer_destroy(gp_client_buffer_create(blob, &linear));
	settle();
	guest_blob_v1_send_failed(
		server.blob, server.serial, GUEST_BLOB_V1_FAILURE_REFUSED, 0, "never");
	settle();
	assert_int_equal(t.failed, 2);
	assert_int_equal(gp_client_counters(t.client)->imports_failed, 3);
}

/* What would be a protocol error, or is not supported yet. */
static void test_layouts(void **state) {
	connect_client();
	struct gp_client_blob *blob = make_blob();
	struct gp_client_layout layouts[7];
	for (size_t i = 0; i < 7; i++) {
		layouts[i] = linear;
	}
	layouts[0].n_planes = 2;
	layouts[1].n_planes = 0;
	layouts[2].width = 0;
	layouts[3].height = 16385;
	layouts[4].format = DRM_FORMAT_NV12;
	layouts[5].planes[0].stride = STRIDE - 1;
	layouts[6].planes[0].offset = 1;
	for (size_t i = 0; i < 7; i++) {
		assert_null(gp_client_buffer_create(blob, &layouts[i]));
	}
	/* A layout that only the driver understands is the compositor's to judge. */
	layouts[6].modifier = I915_FORMAT_MOD_X_TILED;
	assert_non_null(gp_client_buffer_create(blob, &layouts[6]));
	assert_null(
		gp_client_blob_create(t.client, 0, (1ull << 30) + 1, GP_CLIENT_BLOB_SHM, NULL, &t));
	assert_null(
		gp_client_blob_create(t.client, 0, BYTES, GP_CLIENT_BLOB_SHM, "0000:03:00.1", &t));
	assert_null(
		gp_client_blob_create(t.client, 0, BYTES, GP_CLIENT_BLOB_DEVICE_DMABUF, NULL, &t));
}

static void test_released(void **state) {
	connect_client();
	struct gp_client_buffer *buffer = show_buffer(make_blob());
	assert_int_equal(server.n_commits, 1);
	assert_memory_equal(&server.damage, &whole, sizeof(whole));
	wl_buffer_send_release(server.buffer);
	WAIT_FOR(t.released == 1);
	const struct gp_client_rect part = {60, 60, 8, 2}, clipped = {60, 60, 4, 2};
	gp_client_show(t.client, 0, buffer, &whole, &part);
	settle();
	assert_memory_equal(&server.damage, &clipped, sizeof(clipped));
	/* A source outside the buffer is not shown. */
	gp_client_show(t.client, 0, buffer, &part, &part);
	settle();
	assert_int_equal(server.n_commits, 2);
}

static void test_revoked(void **state) {
	connect_client();
	struct gp_client_blob *blob = make_blob();
	show_buffer(blob);
	gp_client_blob_revoke(blob);
	settle();
	assert_int_equal(server.n_revokes, 1);
	wl_buffer_send_release(server.buffer);
	settle();
	assert_int_equal(t.released, 0);
	assert_int_equal(t.revoked, 0);
	guest_blob_v1_send_revoked(server.blob);
	WAIT_FOR(t.revoked == 1);
	settle();
	assert_null(server.blob);
	assert_true(gp_client_wait_revoked(t.client, 1000)); // nothing to wait for
	assert_int_equal(t.disconnected, 0);
}

/* A compositor that does not acknowledge loses the connection after a second, not in a wait. */
static void test_revoke_limit(void **state) {
	connect_client();
	gp_client_blob_revoke(make_blob());
	assert_false(gp_client_wait_revoked(t.client, 20));
	assert_false(gp_client_wait_revoked(t.client, 0));
	settle();
	assert_int_equal(t.disconnected, 0);
	WAIT_FOR(t.connected == 2);
	assert_int_equal(t.disconnected, 1);
	assert_int_equal(t.revoked, 0);
	assert_true(gp_client_wait_revoked(t.client, 0));
	/* One that is late keeps it. */
	gp_client_blob_revoke(make_blob());
	assert_false(gp_client_wait_revoked(t.client, 20));
	settle();
	guest_blob_v1_send_revoked(server.blob);
	WAIT_FOR(t.revoked == 1);
	assert_int_equal(t.disconnected, 1);
}

/* The connection ends while somebody waits: nobody reads the memory any more. */
static void test_revoke_lost(void **state) {
	connect_client();
	gp_client_blob_revoke(make_blob());
	settle();
	stop_server();
	assert_true(gp_client_wait_revoked(t.client, 10000));
	assert_int_equal(t.disconnected, 1);
}

static void test_monitor(void **state) {
	connect_client();
	for (unsigned i = 0; i < GP_CLIENT_MODES_MAX + 2; i++) {
		guest_scanout_v1_send_mode(server.role, 0, 100 + (int)i, 100, 50000);
	}
	guest_scanout_v1_send_mode(server.role, 0, -1, 100, 50000);
	guest_scanout_v1_send_mode(
		server.role, GUEST_SCANOUT_V1_MODE_FLAG_PREFERRED, 1920, 1080, 0);
	guest_scanout_v1_send_physical_size(server.role, 300, 200);
	guest_scanout_v1_send_identity(server.role, "make", "model", "serial");
	guest_scanout_v1_send_done(server.role);
	WAIT_FOR(t.monitors == 1);
	assert_false(t.has_monitor); // not connected
	guest_scanout_v1_send_connected(server.role, 1);
	guest_scanout_v1_send_done(server.role);
	WAIT_FOR(t.monitors == 2);
	assert_true(t.has_monitor);
	assert_int_equal(t.monitor.n_modes, GP_CLIENT_MODES_MAX);
	assert_int_equal(t.monitor.modes[0].width, 1920);
	assert_int_equal(t.monitor.modes[0].refresh_mhz, 60000);
	assert_int_equal(t.monitor.modes[1].width, 100);
	assert_int_equal(t.monitor.width_mm, 300);
	assert_string_equal(t.monitor.model, "model");
	/* A batch with modes replaces them all. */
	guest_scanout_v1_send_mode(
		server.role, GUEST_SCANOUT_V1_MODE_FLAG_PREFERRED, 800, 600, 75000);
	guest_scanout_v1_send_done(server.role);
	WAIT_FOR(t.monitors == 3);
	assert_int_equal(t.monitor.n_modes, 1);
	assert_int_equal(t.monitor.modes[0].refresh_mhz, 75000);
}

/* From one scanout to the other is no leave. */
static void test_pointer_leave(void **state) {
	connect_client();
	wl_pointer_send_enter(server.pointer, 1, server.surfaces[0], 0, 0);
	WAIT_FOR(t.enters == 1);
	wl_pointer_send_leave(server.pointer, 2, server.surfaces[0]);
	wl_pointer_send_enter(server.pointer, 3, server.surfaces[1], 0, 0);
	WAIT_FOR(t.enters == 2);
	settle();
	assert_int_equal(t.pointer_scanout, 1);
	assert_int_equal(t.leaves, 0);
	wl_pointer_send_leave(server.pointer, 4, server.surfaces[1]);
	WAIT_FOR(t.leaves == 1);
	/* What the seat holds when the connection is lost is released. */
	wl_pointer_send_enter(server.pointer, 5, server.surfaces[0], 0, 0);
	WAIT_FOR(t.enters == 3);
	stop_server();
	WAIT_FOR(t.disconnected == 1);
	assert_int_equal(t.leaves, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_waits_for_socket),
		TEST(test_lost_and_retried),
		TEST(test_no_manager),
		TEST(test_protocol_error),
		TEST(test_refused),
		TEST(test_failed),
		TEST(test_layouts),
		TEST(test_released),
		TEST(test_revoked),
		TEST(test_revoke_limit),
		TEST(test_revoke_lost),
		TEST(test_monitor),
		TEST(test_pointer_leave),
	};
	gp_log_init("test", GP_LOG_SILENT);
	if (mkdtemp(dir) == NULL) {
		return 1;
	}
	snprintf(path, sizeof(path), "%s/socket", dir);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
