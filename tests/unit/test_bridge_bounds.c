/* What wlroots would do with the requests of a bridge that has no sense of measure. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wayland-server-core.h>
#include <wlr/types/wlr_compositor.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/socket.h"
#include "compositor/system/bridge_bounds.h"
#include "compositor/system/bridge_socket.h"

static char dir[] = "/tmp/gp-test-bounds-XXXXXX";
static char path[64];
static struct wl_display *display;
static struct gp_bridge_sockets sockets;
static struct wlr_surface *surface;
static int client;

/* The client's objects. */
enum { DISPLAY = 1, REGISTRY, COMPOSITOR, SURFACE, REGION };

static void handle_new_surface(struct wl_listener *listener, void *data) {
	surface = data;
}

/* As one that waits for an acquire point. */
static void handle_client_commit(struct wl_listener *listener, void *data) {
	wlr_surface_lock_pending(surface);
}

static struct wl_listener new_surface = {.notify = handle_new_surface};
static struct wl_listener client_commit = {.notify = handle_client_commit};

static void dispatch(void) {
	for (unsigned i = 0; i < 16; i++) {
		wl_event_loop_dispatch(wl_display_get_event_loop(display), 0);
	}
}

static void send_request(uint32_t object, uint32_t opcode, size_t n, const uint32_t *words) {
	uint32_t message[16] = {object, (uint32_t)(8 + 4 * n) << 16 | opcode};
	memcpy(message + 2, words, n * sizeof(words[0]));
	ssize_t size = (ssize_t)(8 + 4 * n);
	assert_int_equal(write(client, message, (size_t)size), size);
}

/* In pieces that libwayland and the socket take. */
static void send_rects(uint32_t object, uint32_t opcode, uint32_t n) {
	for (uint32_t i = 0; i < n; i++) {
		send_request(object, opcode, 4, (const uint32_t[]){2 * i, 2 * (n - i), 1, 1});
		if (i % 50 == 49) {
			dispatch();
		}
	}
	dispatch();
}

static int setup(void **state) {
	static const char name[] = "wl_compositor"; // 14 bytes, as 16
	uint32_t bind[8] = {1, sizeof(name)};
	memcpy(bind + 2, name, sizeof(name));
	bind[6] = 6;
	bind[7] = COMPOSITOR;

	display = wl_display_create();
	gp_bridge_sockets_init(&sockets, display);
	struct wlr_compositor *compositor = wlr_compositor_create(display, 6, NULL);
	if (gp_bridge_sockets_add(&sockets, NULL, path, -1) == NULL || compositor == NULL ||
		!gp_bridge_bounds_init(display)) {
		return -1;
	}
	wl_signal_add(&compositor->events.new_surface, &new_surface);
	client = gp_socket_connect(path);
	dispatch();
	send_request(DISPLAY, 1, 1, (const uint32_t[]){REGISTRY});
	send_request(REGISTRY, 0, 8, bind);
	send_request(COMPOSITOR, 0, 1, (const uint32_t[]){SURFACE});
	send_request(COMPOSITOR, 1, 1, (const uint32_t[]){REGION});
	dispatch();
	return surface != NULL ? 0 : -1;
}

static int teardown(void **state) {
	wl_list_remove(&new_surface.link);
	gp_fd_close(&client);
	wl_display_destroy_clients(display);
	surface = NULL;
	gp_bridge_sockets_finish(&sockets);
	wl_display_destroy(display);
	return 0;
}

static void test_damage(void **state) {
	send_rects(SURFACE, 2, 1000); // damage
	assert_true(
		pixman_region32_n_rects(&surface->pending.surface_damage) <= GP_DAMAGE_RECTS_MAX);
	send_rects(SURFACE, 9, 1000); // damage_buffer
	assert_true(
		pixman_region32_n_rects(&surface->pending.buffer_damage) <= GP_DAMAGE_RECTS_MAX);
	/* None of it is lost. */
	const pixman_box32_t *box = pixman_region32_extents(&surface->pending.buffer_damage);
	assert_int_equal(box->x1, 0);
	assert_int_equal(box->x2, 2 * 999 + 1);
	assert_int_equal(box->y1, 2);
	assert_int_equal(box->y2, 2001);
	assert_false(gp_socket_hung_up(client));
}

static void test_region(void **state) {
	send_rects(REGION, 1, GP_REGION_RECTS_MAX);
	assert_false(gp_socket_hung_up(client));
	send_rects(REGION, 1, 1);
	assert_true(gp_socket_hung_up(client));
}

static void test_commits(void **state) {
	for (unsigned i = 0; i < 1000; i++) {
		send_request(SURFACE, 6, 0, (const uint32_t[]){0});
		if (i % 50 == 49) {
			dispatch();
		}
	}
	dispatch();
	assert_false(gp_socket_hung_up(client));

	wl_signal_add(&surface->events.client_commit, &client_commit);
	for (unsigned i = 0; i < GP_QUEUED_COMMITS_MAX; i++) {
		send_request(SURFACE, 6, 0, (const uint32_t[]){0});
	}
	dispatch();
	assert_int_equal(wl_list_length(&surface->cached), GP_QUEUED_COMMITS_MAX);
	assert_false(gp_socket_hung_up(client));
	wl_list_remove(&client_commit.link);
	send_request(SURFACE, 6, 0, (const uint32_t[]){0});
	dispatch();
	assert_true(gp_socket_hung_up(client));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_region, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commits, setup, teardown),
	};
	gp_log_init("test", GP_LOG_SILENT);
	if (mkdtemp(dir) == NULL) {
		return 1;
	}
	snprintf(path, sizeof(path), "%s/bridge", dir);
	int failed = cmocka_run_group_tests_name("bridge_bounds", tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
