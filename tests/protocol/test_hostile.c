/*
 * Clients that mean harm, or that end their objects in an order of their own.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/harness/cases.h"
#include "tests/protocol/client.h"

#define W CASE_WIDTH
#define H CASE_HEIGHT
#define SIZE ((size_t)W * H * 4)
#define OUTPUT "HEADLESS-1"
#define WAIT_MS 10000
#define RED 0xd01020u
#define BLUE 0x2030e0u

struct scene {
	struct client client;
	struct guest_v1 *guest;
	struct scanout scanout;
	struct blob blob;
	struct buffer buffer;
	struct picture picture;
};

static void fill(struct blob *blob, uint32_t color) {
	for (size_t i = 0; i < blob->size / 4; i++) {
		blob->pixels[i] = color;
	}
}

static void scene_init(struct scene *scene, struct host *host, uint32_t index) {
	char name[16];
	snprintf(name, sizeof(name), "vm%u", index);
	*scene = (struct scene){.blob.fd = -1};
	assert_true(client_connect(&scene->client, host->bridge_socket));
	assert_non_null(scene->client.manager);
	scene->guest = client_guest(&scene->client, name);
	guest_v1_set_state(scene->guest, GUEST_V1_STATE_RUNNING);
	scanout_create(&scene->scanout, &scene->client, scene->guest, index);
	assert_true(blob_create(&scene->blob, scene->guest, SIZE));
	fill(&scene->blob, RED);
	buffer_create(&scene->buffer, &scene->blob, 1, W, H);
	assert_true(client_sync(&scene->client));
}

static void scene_finish(struct scene *scene) {
	picture_finish(&scene->picture);
	blob_finish(&scene->blob);
	client_finish(&scene->client);
}

static void show(struct scene *scene, struct host *host, const char *output) {
	scanout_commit(&scene->scanout, &scene->buffer);
	assert_true(client_sync(&scene->client));
	assert_true(host_wait_pixel(host, output, W / 2, H / 2, RED, WAIT_MS, &scene->picture));
}

/* Quotas. */

/* Whatever others have: a client may have one guest. */
static void test_guests_of_others(struct host *host) {
	struct client clients[12];
	for (unsigned i = 0; i < 12; i++) {
		assert_true(client_connect(&clients[i], host->bridge_socket));
		for (unsigned n = 0; n < (i < 8 ? 8 : 1); n++) {
			char name[16];
			snprintf(name, sizeof(name), "guest %u.%u", i, n);
			client_guest(&clients[i], name);
		}
		assert_true(client_sync(&clients[i]));
	}
	for (unsigned i = 0; i < 12; i++) {
		client_finish(&clients[i]);
	}
}

/*
 * Bridges of guests were killed and started again before the compositor saw that they hung up. What
 * it sees first is not ours to choose, so it is both.
 */
static void test_hung_up(struct host *host) {
	struct client old[4], new[4];
	for (unsigned i = 0; i < 4; i++) {
		char name[16];
		snprintf(name, sizeof(name), "vm%u", i);
		assert_true(client_connect(&old[i], host->bridge_socket));
		assert_true(client_connect(&new[i], host->bridge_socket));
		client_guest(&old[i], name);
		assert_true(client_sync(&old[i]));
		client_guest(&new[i], name);
	}
	kill(host->compositor.pid, SIGSTOP);
	for (unsigned i = 0; i < 4; i++) {
		if (i % 2 == 0) {
			client_finish(&old[i]);
		}
		wl_display_flush(new[i].display);
		if (i % 2 == 1) {
			client_finish(&old[i]);
		}
	}
	kill(host->compositor.pid, SIGCONT);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(client_sync(&new[i]));
	}
	assert_int_equal(host_status_number(&host->compositor, "guests.4.generation"), -1);
	for (unsigned i = 0; i < 4; i++) {
		client_finish(&new[i]);
	}
}

/* Memory that is kept by wl_buffers counts although its blobs were destroyed. */
static void test_blobs_kept_by_buffers(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	unsigned i = 0;
	scene_init(&scene, host, 0);
	unsigned fds = host_count_fds(&host->compositor);
	for (; i < 10000; i++) {
		assert_true(blob_create(&blob, scene.guest, 4096));
		buffer_create(&buffer, &blob, i, 32, 32);
		blob_finish(&blob);
		if (i % 64 == 63 && !client_sync(&scene.client)) {
			break;
		}
	}
	printf("# %u blobs\n", i);
	assert_true(i >= 256);
	assert_true(client_expect_error(
		&scene.client, &guest_v1_interface, GUEST_V1_ERROR_TOO_MANY_BLOBS));
	scene_finish(&scene);
	assert_true(host_wait_fds(&host->compositor, fds, WAIT_MS));
}

/* A bridge has what it needs, and nothing that only opens ways around the blobs' rules. */
static void test_bridge_globals(struct host *host) {
	struct client client;
	assert_true(client_connect(&client, host->bridge_socket));
	assert_non_null(client.manager);
	assert_null(client.shm);
	client_finish(&client);
}

/* Old and foreign pictures. */

/* A cursor that was not shown when the machine was reset is from another life as well. */
static void test_hidden_cursor_generation(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	scene_init(&scene, host, 0);
	show(&scene, host, OUTPUT);
	host->cursor_in_grabs = true;
	assert_true(blob_create(&blob, scene.guest, 64 * 64 * 4));
	fill(&blob, 0xff000000 | BLUE);
	buffer_create_layout(
		&buffer, &blob, 2, 64, 64, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR, 0, 64 * 4);
	struct wl_surface *surface = wl_compositor_create_surface(scene.client.compositor);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, surface, 0, 0);
	guest_scanout_v1_move_cursor(scene.scanout.proxy, 10, 10);
	wl_surface_attach(surface, buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 20, 20, BLUE, WAIT_MS, &scene.picture));

	guest_scanout_v1_set_cursor(scene.scanout.proxy, NULL, 0, 0);
	guest_v1_next_generation(scene.guest);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, surface, 0, 0);
	show(&scene, host, OUTPUT);
	assert_false(picture_has(&scene.picture, BLUE));
	/* A new commit shows it. */
	wl_surface_attach(surface, buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 20, 20, BLUE, WAIT_MS, &scene.picture));
	blob_finish(&blob);
	scene_finish(&scene);
}

static void randr(struct host *host, const char *const *args) {
	const char *argv[16] = {"wlr-randr"};
	char *output = NULL;
	for (size_t i = 0; args[i] != NULL && i < 14; i++) {
		argv[i + 1] = args[i];
	}
	int status = host_run(host, argv, &output);
	if (status != 0) {
		printf("# wlr-randr: %d %s\n", status, output != NULL ? output : "");
	}
	free(output);
	if (status == 127 || status == -1) {
		case_skip(host, "wlr-randr does not run");
	}
	assert_int_equal(status, 0);
}

/* An output that is off shows nothing, wherever the others are moved. */
static void test_disabled_output(struct host *host) {
	struct scene scene;
	scene_init(&scene, host, 0);
	show(&scene, host, OUTPUT);
	const char *const off[] = {"--output", "HEADLESS-2", "--off", NULL};
	const char *const move[] = {"--output", OUTPUT, "--pos", "640,0", NULL};
	randr(host, off);
	randr(host, move);
	host_sleep_ms(300);
	assert_true(host_grab(host, OUTPUT, &scene.picture));
	assert_true(picture_is(&scene.picture, 0, 0, W, H, RED));
	const char *const on[] = {"--output", "HEADLESS-2", "--on", "--pos", "0,0", NULL};
	randr(host, on);
	host_sleep_ms(300);
	assert_true(host_grab(host, "HEADLESS-2", &scene.picture));
	assert_false(picture_is_flat(&scene.picture));
	assert_true(host_grab(host, OUTPUT, &scene.picture));
	assert_true(picture_is(&scene.picture, 0, 0, W, H, RED));
	scene_finish(&scene);
}

/* Frames. */

struct pacer {
	struct scene *scene;
	unsigned frames;
};

static void pacer_commit(struct pacer *pacer);

static void handle_frame(void *data, struct wl_callback *callback, uint32_t time) {
	struct pacer *pacer = data;
	wl_callback_destroy(callback);
	pacer->frames++;
	pacer_commit(pacer);
}

static const struct wl_callback_listener frame_listener = {.done = handle_frame};

static void pacer_commit(struct pacer *pacer) {
	struct wl_callback *callback = wl_surface_frame(pacer->scene->scanout.surface);
	wl_callback_add_listener(callback, &frame_listener, pacer);
	scanout_commit(&pacer->scene->scanout, &pacer->scene->buffer);
}

/* The frames of another output do not pace this one's guest. */
static void test_frames_of_other_output(struct host *host) {
	struct scene scenes[2];
	struct pacer pacers[2];
	unsigned never = 0;
	for (uint32_t i = 0; i < 2; i++) {
		scene_init(&scenes[i], host, i);
		show(&scenes[i], host, i == 0 ? OUTPUT : "HEADLESS-2");
		pacers[i] = (struct pacer){.scene = &scenes[i]};
	}
	pacer_commit(&pacers[0]);
	client_wait(&scenes[0].client, &never, 1, 5); // out of step
	pacer_commit(&pacers[1]);
	uint64_t end = host_now_ms() + 1000;
	while (host_now_ms() < end) {
		client_wait(&scenes[0].client, &never, 1, 1);
		client_wait(&scenes[1].client, &never, 1, 1);
	}
	printf("# %u and %u frames in a second\n", pacers[0].frames, pacers[1].frames);
	assert_true(pacers[0].frames >= 5 && pacers[0].frames <= 75);
	assert_true(pacers[1].frames >= 5 && pacers[1].frames <= 75);
	scene_finish(&scenes[0]);
	scene_finish(&scenes[1]);
}

/* Ends. */

/*
 * All objects of a guest, ended in an order that the number picks, with and without a revoke, and
 * with a commit now and then; at the end the client goes. Some orders are errors: they cost the
 * client, and nothing else.
 */
static void end_in_order(struct host *host, unsigned number) {
	struct scene scene;
	struct buffer cursor_buffer;
	scene_init(&scene, host, 0);
	struct wl_surface *cursor = wl_compositor_create_surface(scene.client.compositor);
	struct wp_viewport *viewport =
		wp_viewporter_get_viewport(scene.client.viewporter, scene.scanout.surface);
	buffer_create_layout(&cursor_buffer, &scene.blob, 3, 64, 64, DRM_FORMAT_ARGB8888,
		DRM_FORMAT_MOD_LINEAR, 0, 64 * 4);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, cursor, 0, 0);
	wl_surface_attach(cursor, number & 1 ? cursor_buffer.proxy : scene.buffer.proxy, 0, 0);
	wl_surface_commit(cursor);
	wp_viewport_set_source(viewport, 0, 0, wl_fixed_from_int(W / 2), wl_fixed_from_int(3));
	wp_viewport_set_destination(viewport, number & 2 ? INT32_MAX : 7, 5);
	scanout_commit(&scene.scanout, &scene.buffer);
	client_sync(&scene.client);

	bool done[10] = {false};
	srand(number);
	for (unsigned step = 0; step < 14; step++) {
		unsigned what = (unsigned)rand() % 10;
		bool is_error = what == 6 || what == 7;
		if (done[what] || (is_error && number % 3 != 0)) {
			continue;
		}
		done[what] = what < 8;
		switch (what) {
		case 0:
			guest_blob_v1_revoke(scene.blob.proxy);
			break;
		case 1:
			guest_blob_v1_destroy(scene.blob.proxy);
			scene.blob.proxy = NULL;
			done[0] = true;
			break;
		case 2:
			buffer_destroy(&scene.buffer);
			break;
		case 3:
			buffer_destroy(&cursor_buffer);
			break;
		case 4:
			wl_surface_destroy(cursor);
			break;
		case 5:
			guest_scanout_v1_destroy(scene.scanout.proxy);
			break;
		case 6:
			wl_surface_destroy(scene.scanout.surface);
			done[8] = done[9] = true;
			break;
		case 7:
			guest_v1_destroy(scene.guest);
			break;
		case 8:
			wl_surface_damage_buffer(scene.scanout.surface, 0, 0, 10, 10);
			wl_surface_commit(scene.scanout.surface);
			break;
		case 9:
			if (scene.buffer.proxy != NULL) {
				wl_surface_attach(scene.scanout.surface, scene.buffer.proxy, 0, 0);
			}
			break;
		}
		if (number & 4 && !client_sync(&scene.client)) {
			break;
		}
	}
	wl_display_flush(scene.client.display);
	if (number & 8) {
		client_sync(&scene.client);
	}
	scene_finish(&scene);
}

static void test_ends(struct host *host) {
	struct scene scene;
	for (unsigned number = 0; number < 200; number++) {
		end_in_order(host, number);
		assert_true(host_alive(&host->compositor));
	}
	scene_init(&scene, host, 0);
	show(&scene, host, OUTPUT);
	scene_finish(&scene);
}

static const struct host_case cases[] = {
	{"guests of others", test_guests_of_others, 1},
	{"name of one that hung up", test_hung_up, 1},
	{"blobs kept by buffers", test_blobs_kept_by_buffers, 1},
	{"globals of a bridge", test_bridge_globals, 1},
	{"hidden cursor and generation", test_hidden_cursor_generation, 1},
	{"disabled output", test_disabled_output, 2},
	{"frames of another output", test_frames_of_other_output, 2},
	{"ends in any order", test_ends, 1},
};

int main(int argc, char **argv) {
	return cases_run(
		"hostile", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
