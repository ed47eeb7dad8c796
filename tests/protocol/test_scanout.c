/*
 * What a scanout shows, and when it stops showing it; what it is told of its monitor.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "tests/protocol/scene.h"

/* Globals. */

static void test_privileged(struct host *host) {
	struct client client;
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", host->dir, host->wayland_display);
	assert_true(client_connect(&client, path));
	assert_null(client.manager);
	assert_non_null(client.shm);
	client_finish(&client);

	assert_true(client_connect(&client, host->bridge_socket));
	assert_non_null(client.manager);
	assert_non_null(client.viewporter);
	assert_non_null(client.presentation);
	client_finish(&client);

	assert_int_equal(stat(host->bridge_socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_capabilities(struct host *host) {
	struct client client;
	assert_true(client_connect(&client, host->bridge_socket));
	assert_int_equal(client.n_done, 1);
	assert_int_equal(client.n_capabilities, 1);
	assert_int_equal(client.n_devices, 0); // pixman: no GPU
	assert_int_equal(client.capabilities,
		GUEST_SCANOUT_MANAGER_V1_CAPABILITY_CPU_MAPPING |
			GUEST_SCANOUT_MANAGER_V1_CAPABILITY_SHM);
	assert_true(client.n_formats > 0 && client.format_before_done);
	assert_true(client.xrgb_linear);
	/* Guests outlive the manager. */
	struct guest_v1 *guest = client_guest(&client, "vm");
	guest_scanout_manager_v1_destroy(client.manager);
	client.manager = NULL;
	guest_v1_set_title(guest, "still here");
	assert_true(client_sync(&client));
	guest_v1_destroy(guest);
	assert_true(client_sync(&client));
	client_finish(&client);
}

/* Monitor events. */

static void test_first_batch(struct host *host) {
	struct scene scene;
	unsigned preferred = 0;
	scene_connect(&scene, host);
	struct scanout *scanout = &scene.scanout;
	assert_int_equal(scanout->n_done, 1);
	assert_int_equal(scanout->events, 0); // all of it before done
	assert_int_equal(scanout->n_physical, 1);
	assert_int_equal(scanout->n_scale, 1);
	assert_int_equal(scanout->n_transform, 1);
	assert_int_equal(scanout->n_identity, 1);
	assert_int_equal(scanout->n_connected, 1);
	assert_int_equal(scanout->connected, 1);
	assert_int_equal(scanout->scale, 120);
	assert_true(scanout->n_modes >= 1);
	for (unsigned i = 0; i < scanout->n_modes; i++) {
		const struct monitor_mode *mode = &scanout->modes[i];
		assert_true(mode->width > 0 && mode->height > 0 && mode->refresh >= 1000);
		if (mode->flags & GUEST_SCANOUT_V1_MODE_FLAG_PREFERRED) {
			preferred++;
			assert_int_equal(mode->width, W);
			assert_int_equal(mode->height, H);
		}
	}
	assert_int_equal(preferred, 1);
	scene_finish(&scene);
}

static void test_no_output(struct host *host) {
	struct scene scene;
	struct scanout second;
	struct feedback feedback;
	scene_connect(&scene, host);
	scanout_create(&second, &scene.client, scene.guest, 1);
	assert_true(client_sync(&scene.client));
	assert_int_equal(second.n_done, 1);
	assert_int_equal(second.connected, 0);
	assert_int_equal(second.visible, 0);

	/* Commits are taken and not shown, and nobody waits for them. */
	scene_blob(&scene, &scene.blob, &scene.buffer, RED);
	for (unsigned i = 0; i < 3; i++) {
		feedback_create(&feedback, &scene.client, &second);
		scanout_commit(&second, &scene.buffer);
	}
	assert_true(client_sync(&scene.client));
	assert_true(host_grab(host, OUTPUT, &scene.picture));
	assert_false(picture_has(&scene.picture, RED));
	/* A frame that nobody sees has no time of presentation. */
	assert_false(feedback.presented);
	scene_finish(&scene);
}

static void test_visibility(struct host *host) {
	struct scene scene;
	scene_connect(&scene, host);
	scene_blob(&scene, &scene.blob, &scene.buffer, RED);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_true(client_wait(&scene.client, &scene.scanout.n_visibility, 1, WAIT_MS));
	assert_int_equal(scene.scanout.visible, 1);
	scene_assert_shown(&scene, host, RED);
	/* The output shows one guest. The other one is told that it is not seen, and is not. */
	struct scene other;
	scene_connect(&other, host);
	scene_blob(&other, &other.blob, &other.buffer, BLUE);
	scanout_commit(&other.scanout, &other.buffer);
	assert_true(client_sync(&other.client));
	assert_true(client_sync(&scene.client));
	assert_int_equal(scene.scanout.visible + other.scanout.visible, 1);
	scene_assert_shown(&scene, host, scene.scanout.visible ? RED : BLUE);
	scene_finish(&other);
	scene_assert_shown(&scene, host, RED);
	assert_int_equal(scene.scanout.visible, 1);
	scene_finish(&scene);
}

static void test_path(struct host *host) {
	struct scene scene;
	scene_show(&scene, host);
	assert_true(client_wait(&scene.client, &scene.scanout.n_way, 1, WAIT_MS));
	/* A headless output would take every buffer, but it shows them to nobody. */
	assert_true(scene.scanout.path == GUEST_SCANOUT_V1_PATH_MAPPED ||
		scene.scanout.path == GUEST_SCANOUT_V1_PATH_COPIED);
	assert_string_not_equal(scene.scanout.path_reason, "");
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.frames.direct"), 0);
	scene_finish(&scene);
}

static void next_guest(struct host *host) {
	char *text;
	const char *argv[] = {
		getenv("GUESTPANECTL"), "--socket", host->compositor.control, "next", OUTPUT, NULL};
	assert_int_equal(host_run(host, argv, &text), 0);
	free(text);
}

/* A scanout that is seen again takes a path again, although its guest has not drawn anything. */
static void test_path_again(struct host *host) {
	struct scene scene, other;
	scene_show(&scene, host);
	assert_true(client_wait(&scene.client, &scene.scanout.n_way, 1, WAIT_MS));
	uint32_t path = scene.scanout.path;
	assert_int_not_equal(path, GUEST_SCANOUT_V1_PATH_NONE);
	int64_t frames = host_status_number(&host->compositor, "guests.0.scanouts.0.frames.copied");

	scene_connect(&other, host);
	scene_blob(&other, &other.blob, &other.buffer, BLUE);
	scanout_commit(&other.scanout, &other.buffer);
	assert_true(client_sync(&other.client));
	scene_assert_shown(&scene, host, RED); // the other one is behind
	next_guest(host);
	assert_true(client_wait(&scene.client, &scene.scanout.n_way, 2, WAIT_MS));
	assert_int_equal(scene.scanout.path, GUEST_SCANOUT_V1_PATH_NONE);
	scene_finish(&other);
	assert_true(client_wait(&scene.client, &scene.scanout.n_way, 3, WAIT_MS));
	assert_int_equal(scene.scanout.path, path);
	assert_int_equal(
		host_status_number(&host->compositor, "guests.0.scanouts.0.frames.copied"), frames);
	scene_finish(&scene);
}

static void test_presentation(struct host *host) {
	struct scene scene;
	struct feedback feedback;
	scene_show(&scene, host);
	for (unsigned i = 0; i < 5; i++) {
		feedback_create(&feedback, &scene.client, &scene.scanout);
		scanout_commit(&scene.scanout, &scene.buffer);
		assert_true(client_wait(&scene.client, &feedback.answers, 1, WAIT_MS));
		assert_true(feedback.presented);
	}
	scene_finish(&scene);
}

/* Frames. */

static void test_recommit_damage(struct host *host) {
	struct scene scene;
	scene_show(&scene, host);
	/* The same buffer, new content, a part of it damaged. */
	for (uint32_t y = 100; y < 200; y++) {
		for (uint32_t x = 50; x < 150; x++) {
			scene.blob.pixels[y * W + x] = BLUE;
		}
	}
	wl_surface_attach(scene.scanout.surface, scene.buffer.proxy, 0, 0);
	wl_surface_damage_buffer(scene.scanout.surface, 50, 100, 100, 100);
	wl_surface_commit(scene.scanout.surface);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 100, 150, BLUE, WAIT_MS, &scene.picture));
	assert_true(picture_is(&scene.picture, 50, 100, 100, 100, BLUE));
	assert_true(picture_is(&scene.picture, 0, 0, W, 100, RED));
	/* Damage without attach. */
	for (uint32_t x = 0; x < W; x++) {
		scene.blob.pixels[300 * W + x] = GREEN;
	}
	wl_surface_damage_buffer(scene.scanout.surface, 0, 300, W, 1);
	wl_surface_commit(scene.scanout.surface);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 10, 300, GREEN, WAIT_MS, &scene.picture));
	/* D3: nothing of this was another import. */
	assert_int_equal(scene.blob.answers, 1);
	scene_finish(&scene);
}

static void test_release(struct host *host) {
	struct scene scene;
	struct blob second;
	struct buffer buffer;
	scene_show(&scene, host);
	scene_blob(&scene, &second, &buffer, BLUE);
	for (unsigned i = 1; i <= 10; i++) {
		scanout_commit(&scene.scanout, &buffer);
		assert_true(client_wait(&scene.client, &scene.buffer.releases, i, WAIT_MS));
		scanout_commit(&scene.scanout, &scene.buffer);
		assert_true(client_wait(&scene.client, &buffer.releases, i, WAIT_MS));
	}
	scene_assert_shown(&scene, host, RED);
	assert_int_equal(second.answers, 1);
	blob_finish(&second);
	scene_finish(&scene);
}

static void test_null_buffer(struct host *host) {
	struct scene scene;
	scene_show(&scene, host);
	wl_surface_attach(scene.scanout.surface, NULL, 0, 0);
	wl_surface_commit(scene.scanout.surface);
	assert_true(client_sync(&scene.client));
	assert_true(host_grab(host, OUTPUT, &scene.picture));
	assert_false(picture_has(&scene.picture, RED));
	/* D4: it is black when it has said why. What comes will be seen. */
	scene_assert_shown(&scene, host, BLACK);
	assert_int_equal(scene.scanout.visible, 1);
	assert_true(client_wait(&scene.client, &scene.buffer.releases, 1, WAIT_MS));
	scanout_commit(&scene.scanout, &scene.buffer);
	scene_assert_shown(&scene, host, RED);
	scene_finish(&scene);
}

/* What is shown is decided when the guest has said all: it hears of nothing in between. */
static void test_null_in_between(struct host *host) {
	struct scene scene;
	scene_show(&scene, host);
	unsigned n_visibility = scene.scanout.n_visibility;
	for (int i = 0; i < 3; i++) {
		wl_surface_attach(scene.scanout.surface, NULL, 0, 0);
		wl_surface_commit(scene.scanout.surface);
		scanout_commit(&scene.scanout, &scene.buffer);
	}
	assert_true(client_sync(&scene.client));
	assert_int_equal(scene.scanout.n_visibility, n_visibility);
	assert_int_equal(scene.scanout.visible, 1);
	scene_assert_shown(&scene, host, RED);
	scene_finish(&scene);
}

/* Ends. */

static void test_client_gone(struct host *host) {
	struct scene scene;
	scene_show(&scene, host);
	client_finish(&scene.client);
	scene.blob.proxy = NULL; // it went with the connection
	scene_assert_dropped(&scene, host, RED);
	scene_finish(&scene);
}

static void test_client_gone_by_error(struct host *host) {
	struct scene scene;
	scene_show(&scene, host);
	guest_v1_set_state(scene.guest, 99);
	assert_true(client_expect_error(
		&scene.client, &guest_v1_interface, GUEST_V1_ERROR_INVALID_STATE));
	assert_true(host_wait_not_pixel(host, OUTPUT, W / 2, H / 2, RED, WAIT_MS, &scene.picture));
	assert_false(picture_has(&scene.picture, RED));
	scene_finish(&scene);
}

static void test_scanout_destroyed(struct host *host) {
	struct scene scene;
	scene_show(&scene, host);
	guest_scanout_v1_destroy(scene.scanout.proxy);
	scene_assert_dropped(&scene, host, RED);
	/* The surface keeps its role and can have it again. */
	wl_surface_attach(scene.scanout.surface, NULL, 0, 0);
	wl_surface_commit(scene.scanout.surface);
	scanout_create_for(&scene.scanout, scene.scanout.surface, scene.guest, 0);
	scanout_commit(&scene.scanout, &scene.buffer);
	scene_assert_shown(&scene, host, RED);
	scanout_destroy(&scene.scanout);
	scene_assert_dropped(&scene, host, RED);
	guest_v1_destroy(scene.guest);
	assert_true(client_sync(&scene.client));
	scene_finish(&scene);
}

/* A guest's own end in the right order, and the next guest in its place. */
static void test_next_guest(struct host *host) {
	struct scene scene, next;
	scene_show(&scene, host);
	scanout_destroy(&scene.scanout);
	guest_v1_destroy(scene.guest);
	scene_assert_dropped(&scene, host, RED);
	scene_connect(&next, host);
	assert_int_equal(next.scanout.connected, 1);
	scene_assert_dropped(&next, host, RED);
	scene_blob(&next, &next.blob, &next.buffer, BLUE);
	scanout_commit(&next.scanout, &next.buffer);
	assert_true(client_sync(&next.client));
	assert_true(host_wait_pixel(host, OUTPUT, W / 2, H / 2, BLUE, WAIT_MS, &next.picture));
	assert_false(picture_has(&next.picture, RED));
	/* It is another one, so its name stands there at first (D14). */
	uint64_t end = host_now_ms() + WAIT_MS;
	while (!picture_is_flat(&next.picture) && host_now_ms() < end) {
		assert_true(host_grab(host, OUTPUT, &next.picture));
	}
	scene_assert_shown(&next, host, BLUE);
	scene_finish(&next);
	scene_finish(&scene);
}

static void test_next_generation(struct host *host) {
	struct scene scene;
	scene_show(&scene, host);
	guest_v1_next_generation(scene.guest);
	scene_assert_dropped(&scene, host, RED);
	/* A commit without a buffer does not bring it back. */
	wl_surface_damage_buffer(scene.scanout.surface, 0, 0, W, H);
	wl_surface_commit(scene.scanout.surface);
	scene_assert_dropped(&scene, host, RED);
	/* Buffers and blobs stay valid. */
	blob_fill(&scene.blob, GREEN);
	scanout_commit(&scene.scanout, &scene.buffer);
	scene_assert_shown(&scene, host, GREEN);
	scene_finish(&scene);
}

static void assert_state_drops(struct host *host, uint32_t state) {
	struct scene scene;
	scene_show(&scene, host);
	guest_v1_set_state(scene.guest, state);
	scene_assert_dropped(&scene, host, RED);
	/* What was shown before belongs to the past. */
	guest_v1_set_state(scene.guest, GUEST_V1_STATE_RUNNING);
	scene_assert_dropped(&scene, host, RED);
	/* Nothing is shown in this state, whatever is committed. */
	guest_v1_set_state(scene.guest, state);
	scanout_commit(&scene.scanout, &scene.buffer);
	scene_assert_dropped(&scene, host, RED);
	guest_v1_set_state(scene.guest, GUEST_V1_STATE_RUNNING);
	scanout_commit(&scene.scanout, &scene.buffer);
	scene_assert_shown(&scene, host, RED);
	scene_finish(&scene);
}

static void test_state_waiting(struct host *host) {
	assert_state_drops(host, GUEST_V1_STATE_WAITING);
}

static void test_state_disconnected(struct host *host) {
	assert_state_drops(host, GUEST_V1_STATE_DISCONNECTED);
}

static void test_state_paused(struct host *host) {
	struct scene scene;
	scene_show(&scene, host);
	guest_v1_set_state(scene.guest, GUEST_V1_STATE_PAUSED);
	assert_true(client_sync(&scene.client));
	/* It is marked: something lies over the picture, which is still there. */
	bool marked = false;
	size_t red = 0;
	uint64_t end = host_now_ms() + WAIT_MS;
	while (!marked && host_now_ms() < end) {
		assert_true(host_grab(host, OUTPUT, &scene.picture));
		red = 0;
		for (size_t i = 0; i < (size_t)W * H; i++) {
			red += scene.picture.pixels[i] == RED;
		}
		marked = red < (size_t)W * H;
	}
	printf("# paused: %zu %% of the picture as it was\n", red * 100 / ((size_t)W * H));
	assert_true(marked);
	guest_v1_set_state(scene.guest, GUEST_V1_STATE_RUNNING);
	scene_assert_shown(&scene, host, RED);
	scene_finish(&scene);
}

static const struct host_case cases[] = {
	{"privileged global", test_privileged, 1},
	{"capabilities", test_capabilities, 1},
	{"first monitor batch", test_first_batch, 1},
	{"scanout without output", test_no_output, 1},
	{"visibility", test_visibility, 1},
	{"path", test_path, 1},
	{"path when seen again", test_path_again, 1},
	{"presentation", test_presentation, 1},
	{"re-commit and damage", test_recommit_damage, 1},
	{"release", test_release, 1},
	{"null buffer", test_null_buffer, 1},
	{"null buffer in between", test_null_in_between, 1},
	{"client gone", test_client_gone, 1},
	{"client gone by error", test_client_gone_by_error, 1},
	{"scanout destroyed", test_scanout_destroyed, 1},
	{"next guest", test_next_guest, 1},
	{"next generation", test_next_generation, 1},
	{"state waiting", test_state_waiting, 1},
	{"state disconnected", test_state_disconnected, 1},
	{"state paused", test_state_paused, 1},
};

int main(int argc, char **argv) {
	return cases_run(
		"scanout", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
