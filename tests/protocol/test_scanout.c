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

#include "tests/harness/cases.h"
#include "tests/protocol/client.h"

#define W CASE_WIDTH
#define H CASE_HEIGHT
#define SIZE ((size_t)W * H * 4)
#define OUTPUT "HEADLESS-1"
#define WAIT_MS 10000

#define RED 0xd01020u
#define GREEN 0x10c030u
#define BLUE 0x2030e0u
#define BLACK 0x000000u

/* A guest with one scanout, and a picture of one color that fills it. */
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

static void connect_guest(struct scene *scene, struct host *host) {
	static unsigned n; // a name of its own for each
	char name[16];
	snprintf(name, sizeof(name), "vm%u", n++);
	*scene = (struct scene){.blob.fd = -1};
	assert_true(client_connect(&scene->client, host->bridge_socket));
	assert_non_null(scene->client.manager);
	scene->guest = client_guest(&scene->client, name);
	guest_v1_set_state(scene->guest, GUEST_V1_STATE_RUNNING);
	scanout_create(&scene->scanout, &scene->client, scene->guest, 0);
	assert_true(client_sync(&scene->client));
}

static void picture_blob(
	struct scene *scene, struct blob *blob, struct buffer *buffer, uint32_t color) {
	assert_true(blob_create(blob, scene->guest, SIZE));
	fill(blob, color);
	buffer_create(buffer, blob, 1, W, H);
	assert_true(client_wait(&scene->client, &blob->answers, 1, WAIT_MS));
	assert_int_equal(blob->n_imported, 1);
}

static void assert_shown(struct scene *scene, struct host *host, uint32_t color) {
	assert_true(client_sync(&scene->client));
	assert_true(host_wait_pixel(host, OUTPUT, W / 2, H / 2, color, WAIT_MS, &scene->picture));
	assert_true(picture_is(&scene->picture, 0, 0, W, H, color));
}

/* Shows RED. */
static void show(struct scene *scene, struct host *host) {
	connect_guest(scene, host);
	picture_blob(scene, &scene->blob, &scene->buffer, RED);
	scanout_commit(&scene->scanout, &scene->buffer);
	assert_shown(scene, host, RED);
}

/* The next picture has nothing of the color: no waiting, the protocol says "at once". */
static void assert_dropped(struct scene *scene, struct host *host, uint32_t color) {
	if (scene->client.display) {
		assert_true(client_sync(&scene->client));
	}
	assert_true(
		host_wait_not_pixel(host, OUTPUT, W / 2, H / 2, color, WAIT_MS, &scene->picture));
	assert_false(picture_has(&scene->picture, color));
	/* A status screen is not one flat color: it says something. */
	assert_false(picture_is_flat(&scene->picture));
}

static void finish(struct scene *scene) {
	picture_finish(&scene->picture);
	blob_finish(&scene->blob);
	client_finish(&scene->client);
}

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
	connect_guest(&scene, host);
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
	finish(&scene);
}

static void test_no_output(struct host *host) {
	struct scene scene;
	struct scanout second;
	struct feedback feedback;
	connect_guest(&scene, host);
	scanout_create(&second, &scene.client, scene.guest, 1);
	assert_true(client_sync(&scene.client));
	assert_int_equal(second.n_done, 1);
	assert_int_equal(second.connected, 0);
	assert_int_equal(second.visible, 0);

	/* Commits are taken and not shown, and nobody waits for them. */
	picture_blob(&scene, &scene.blob, &scene.buffer, RED);
	for (unsigned i = 0; i < 3; i++) {
		feedback_create(&feedback, &scene.client, &second);
		scanout_commit(&second, &scene.buffer);
	}
	assert_true(client_sync(&scene.client));
	assert_true(host_grab(host, OUTPUT, &scene.picture));
	assert_false(picture_has(&scene.picture, RED));
	/* A frame that nobody sees has no time of presentation. */
	assert_false(feedback.presented);
	finish(&scene);
}

static void test_visibility(struct host *host) {
	struct scene scene;
	connect_guest(&scene, host);
	picture_blob(&scene, &scene.blob, &scene.buffer, RED);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_true(client_wait(&scene.client, &scene.scanout.n_visibility, 1, WAIT_MS));
	assert_int_equal(scene.scanout.visible, 1);
	assert_shown(&scene, host, RED);
	/* The output shows one guest. The other one is told that it is not seen, and is not. */
	struct scene other;
	connect_guest(&other, host);
	picture_blob(&other, &other.blob, &other.buffer, BLUE);
	scanout_commit(&other.scanout, &other.buffer);
	assert_true(client_sync(&other.client));
	assert_true(client_sync(&scene.client));
	assert_int_equal(scene.scanout.visible + other.scanout.visible, 1);
	assert_shown(&scene, host, scene.scanout.visible ? RED : BLUE);
	finish(&other);
	assert_shown(&scene, host, RED);
	assert_int_equal(scene.scanout.visible, 1);
	finish(&scene);
}

static void test_path(struct host *host) {
	struct scene scene;
	show(&scene, host);
	assert_true(client_wait(&scene.client, &scene.scanout.n_way, 1, WAIT_MS));
	/* A headless output would take every buffer, but it shows them to nobody. */
	assert_true(scene.scanout.path == GUEST_SCANOUT_V1_PATH_MAPPED ||
		scene.scanout.path == GUEST_SCANOUT_V1_PATH_COPIED);
	assert_string_not_equal(scene.scanout.path_reason, "");
	assert_int_equal(host_status_number(&host->compositor, "outputs.0.frames.direct"), 0);
	finish(&scene);
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
	show(&scene, host);
	assert_true(client_wait(&scene.client, &scene.scanout.n_way, 1, WAIT_MS));
	uint32_t path = scene.scanout.path;
	assert_int_not_equal(path, GUEST_SCANOUT_V1_PATH_NONE);
	int64_t frames = host_status_number(&host->compositor, "guests.0.scanouts.0.frames.copied");

	connect_guest(&other, host);
	picture_blob(&other, &other.blob, &other.buffer, BLUE);
	scanout_commit(&other.scanout, &other.buffer);
	assert_true(client_sync(&other.client));
	assert_shown(&scene, host, RED); // the other one is behind
	next_guest(host);
	assert_true(client_wait(&scene.client, &scene.scanout.n_way, 2, WAIT_MS));
	assert_int_equal(scene.scanout.path, GUEST_SCANOUT_V1_PATH_NONE);
	finish(&other);
	assert_true(client_wait(&scene.client, &scene.scanout.n_way, 3, WAIT_MS));
	assert_int_equal(scene.scanout.path, path);
	assert_int_equal(
		host_status_number(&host->compositor, "guests.0.scanouts.0.frames.copied"), frames);
	finish(&scene);
}

static void test_presentation(struct host *host) {
	struct scene scene;
	struct feedback feedback;
	show(&scene, host);
	for (unsigned i = 0; i < 5; i++) {
		feedback_create(&feedback, &scene.client, &scene.scanout);
		scanout_commit(&scene.scanout, &scene.buffer);
		assert_true(client_wait(&scene.client, &feedback.answers, 1, WAIT_MS));
		assert_true(feedback.presented);
	}
	finish(&scene);
}

/* Pixels. */

static uint32_t pattern(uint32_t x, uint32_t y) {
	return (x * 7 & 0xff) << 16 | (y * 5 & 0xff) << 8 | ((x ^ y) & 0xff);
}

static void assert_pattern(const struct picture *picture, uint32_t dx, uint32_t dy) {
	assert_int_equal(picture->width, W);
	assert_int_equal(picture->height, H);
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			if (picture_at(picture, x, y) != pattern(x + dx, y + dy)) {
				fail_msg("pixel %u, %u is %06x, not %06x", x, y,
					picture_at(picture, x, y), pattern(x + dx, y + dy));
			}
		}
	}
}

/* Every byte of a picture, with an offset and a stride that are not the packed ones. */
static void test_exact_pixels(struct host *host) {
	struct scene scene;
	const uint32_t stride = (W + 48) * 4, offset = 8192;
	connect_guest(&scene, host);
	assert_true(blob_create(&scene.blob, scene.guest, offset + (size_t)stride * H));
	fill(&scene.blob, RED); // what must not be seen
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			scene.blob.pixels[offset / 4 + y * (stride / 4) + x] = pattern(x, y);
		}
	}
	buffer_create_layout(&scene.buffer, &scene.blob, 9, W, H, DRM_FORMAT_XRGB8888,
		DRM_FORMAT_MOD_LINEAR, offset, stride);
	scanout_commit(&scene.scanout, &scene.buffer); // before the answer
	assert_true(client_wait(&scene.client, &scene.blob.answers, 1, WAIT_MS));
	assert_int_equal(scene.blob.n_imported, 1);
	assert_int_equal(scene.blob.last_serial, 9);
	assert_int_equal(scene.blob.how, GUEST_BLOB_V1_IMPORT_SHM);
	assert_true(host_wait_pixel(
		host, OUTPUT, W - 1, H - 1, pattern(W - 1, H - 1), WAIT_MS, &scene.picture));
	assert_pattern(&scene.picture, 0, 0);
	finish(&scene);
}

/* A monitor shows no alpha: neither the X of XRGB nor, on a scanout, the A of ARGB. */
static void test_alpha_ignored(struct host *host) {
	struct scene scene;
	struct buffer argb;
	connect_guest(&scene, host);
	picture_blob(&scene, &scene.blob, &scene.buffer, GREEN | 0x7f000000);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_shown(&scene, host, GREEN);
	buffer_create_layout(
		&argb, &scene.blob, 2, W, H, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR, 0, W * 4);
	const uint32_t alphas[] = {0, 0x7f000000, 0xff000000};
	for (size_t i = 0; i < sizeof(alphas) / sizeof(alphas[0]); i++) {
		uint32_t color = i % 2 ? RED : BLUE;
		fill(&scene.blob, color | alphas[i]);
		scanout_commit(&scene.scanout, &argb);
		assert_shown(&scene, host, color);
	}
	finish(&scene);
}

static void test_viewport(struct host *host) {
	struct scene scene;
	const uint32_t bw = W + 200, bh = H + 100;
	connect_guest(&scene, host);
	assert_true(blob_create(&scene.blob, scene.guest, (size_t)bw * bh * 4));
	for (uint32_t y = 0; y < bh; y++) {
		for (uint32_t x = 0; x < bw; x++) {
			scene.blob.pixels[y * bw + x] = pattern(x, y);
		}
	}
	buffer_create(&scene.buffer, &scene.blob, 1, (int32_t)bw, (int32_t)bh);
	struct wp_viewport *viewport =
		wp_viewporter_get_viewport(scene.client.viewporter, scene.scanout.surface);
	wp_viewport_set_source(viewport, wl_fixed_from_int(37), wl_fixed_from_int(61),
		wl_fixed_from_int(W), wl_fixed_from_int(H));
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, W - 1, H - 1, pattern(W - 1 + 37, H - 1 + 61),
		WAIT_MS, &scene.picture));
	assert_pattern(&scene.picture, 37, 61);
	finish(&scene);
}

/* A picture of another shape: its aspect is kept, the rest is black. */
static void assert_fit(struct host *host, int32_t width, int32_t height) {
	struct scene scene;
	connect_guest(&scene, host);
	assert_true(blob_create(&scene.blob, scene.guest, (size_t)width * (size_t)height * 4));
	fill(&scene.blob, GREEN);
	buffer_create(&scene.buffer, &scene.blob, 1, width, height);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, W / 2, H / 2, GREEN, WAIT_MS, &scene.picture));
	unsigned shown_w = 0, shown_h = 0, left = 0, top = 0;
	while (left < W && picture_at(&scene.picture, left, H / 2) != GREEN) {
		left++;
	}
	while (top < H && picture_at(&scene.picture, W / 2, top) != GREEN) {
		top++;
	}
	for (uint32_t x = left; x < W && picture_at(&scene.picture, x, H / 2) == GREEN; x++) {
		shown_w++;
	}
	for (uint32_t y = top; y < H && picture_at(&scene.picture, W / 2, y) == GREEN; y++) {
		shown_h++;
	}
	printf("# %dx%d is shown as %ux%u at %u,%u\n", width, height, shown_w, shown_h, left, top);
	/* The aspect, within two pixels of filtered edge. */
	long error = (long)shown_w * height - (long)shown_h * width;
	assert_true(labs(error) <= 2L * (width > height ? width : height) + 2);
	/* In the middle. */
	assert_true(abs((int)(2 * left + shown_w) - W) <= 2);
	assert_true(abs((int)(2 * top + shown_h) - H) <= 2);
	/* Scaled pictures use the output: at least one side is (nearly) filled. */
	assert_true(shown_w + 2 >= W || shown_h + 2 >= H);
	/* Bars. */
	if (left > 1) {
		assert_true(picture_is(&scene.picture, 0, 0, left - 1, H, BLACK));
		assert_true(picture_is(
			&scene.picture, left + shown_w + 1, 0, W - left - shown_w - 1, H, BLACK));
	}
	if (top > 1) {
		assert_true(picture_is(&scene.picture, 0, 0, W, top - 1, BLACK));
		assert_true(picture_is(
			&scene.picture, 0, top + shown_h + 1, W, H - top - shown_h - 1, BLACK));
	}
	finish(&scene);
}

static void test_fit_wide(struct host *host) {
	assert_fit(host, 1280, 480);
}

static void test_fit_tall(struct host *host) {
	assert_fit(host, 300, 900);
}

static void test_fit_small(struct host *host) {
	assert_fit(host, 320, 200);
}

/* Frames. */

static void test_recommit_damage(struct host *host) {
	struct scene scene;
	show(&scene, host);
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
	finish(&scene);
}

static void test_release(struct host *host) {
	struct scene scene;
	struct blob second;
	struct buffer buffer;
	show(&scene, host);
	picture_blob(&scene, &second, &buffer, BLUE);
	for (unsigned i = 1; i <= 10; i++) {
		scanout_commit(&scene.scanout, &buffer);
		assert_true(client_wait(&scene.client, &scene.buffer.releases, i, WAIT_MS));
		scanout_commit(&scene.scanout, &scene.buffer);
		assert_true(client_wait(&scene.client, &buffer.releases, i, WAIT_MS));
	}
	assert_shown(&scene, host, RED);
	assert_int_equal(second.answers, 1);
	blob_finish(&second);
	finish(&scene);
}

static void test_null_buffer(struct host *host) {
	struct scene scene;
	show(&scene, host);
	wl_surface_attach(scene.scanout.surface, NULL, 0, 0);
	wl_surface_commit(scene.scanout.surface);
	assert_true(client_sync(&scene.client));
	assert_true(host_grab(host, OUTPUT, &scene.picture));
	assert_false(picture_has(&scene.picture, RED));
	/* D4: it is black when it has said why. What comes will be seen. */
	assert_shown(&scene, host, BLACK);
	assert_int_equal(scene.scanout.visible, 1);
	assert_true(client_wait(&scene.client, &scene.buffer.releases, 1, WAIT_MS));
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_shown(&scene, host, RED);
	finish(&scene);
}

/* What is shown is decided when the guest has said all: it hears of nothing in between. */
static void test_null_in_between(struct host *host) {
	struct scene scene;
	show(&scene, host);
	unsigned n_visibility = scene.scanout.n_visibility;
	for (int i = 0; i < 3; i++) {
		wl_surface_attach(scene.scanout.surface, NULL, 0, 0);
		wl_surface_commit(scene.scanout.surface);
		scanout_commit(&scene.scanout, &scene.buffer);
	}
	assert_true(client_sync(&scene.client));
	assert_int_equal(scene.scanout.n_visibility, n_visibility);
	assert_int_equal(scene.scanout.visible, 1);
	assert_shown(&scene, host, RED);
	finish(&scene);
}

/* Ends. */

static void test_client_gone(struct host *host) {
	struct scene scene;
	show(&scene, host);
	client_finish(&scene.client);
	scene.blob.proxy = NULL; // it went with the connection
	assert_dropped(&scene, host, RED);
	finish(&scene);
}

static void test_client_gone_by_error(struct host *host) {
	struct scene scene;
	show(&scene, host);
	guest_v1_set_state(scene.guest, 99);
	assert_true(client_expect_error(
		&scene.client, &guest_v1_interface, GUEST_V1_ERROR_INVALID_STATE));
	assert_true(host_wait_not_pixel(host, OUTPUT, W / 2, H / 2, RED, WAIT_MS, &scene.picture));
	assert_false(picture_has(&scene.picture, RED));
	finish(&scene);
}

static void test_scanout_destroyed(struct host *host) {
	struct scene scene;
	show(&scene, host);
	guest_scanout_v1_destroy(scene.scanout.proxy);
	assert_dropped(&scene, host, RED);
	/* The surface keeps its role and can have it again. */
	wl_surface_attach(scene.scanout.surface, NULL, 0, 0);
	wl_surface_commit(scene.scanout.surface);
	scanout_create_for(&scene.scanout, scene.scanout.surface, scene.guest, 0);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_shown(&scene, host, RED);
	scanout_destroy(&scene.scanout);
	assert_dropped(&scene, host, RED);
	guest_v1_destroy(scene.guest);
	assert_true(client_sync(&scene.client));
	finish(&scene);
}

/* A guest's own end in the right order, and the next guest in its place. */
static void test_next_guest(struct host *host) {
	struct scene scene, next;
	show(&scene, host);
	scanout_destroy(&scene.scanout);
	guest_v1_destroy(scene.guest);
	assert_dropped(&scene, host, RED);
	connect_guest(&next, host);
	assert_int_equal(next.scanout.connected, 1);
	assert_dropped(&next, host, RED);
	picture_blob(&next, &next.blob, &next.buffer, BLUE);
	scanout_commit(&next.scanout, &next.buffer);
	assert_true(client_sync(&next.client));
	assert_true(host_wait_pixel(host, OUTPUT, W / 2, H / 2, BLUE, WAIT_MS, &next.picture));
	assert_false(picture_has(&next.picture, RED));
	/* It is another one, so its name stands there at first (D14). */
	uint64_t end = host_now_ms() + WAIT_MS;
	while (!picture_is_flat(&next.picture) && host_now_ms() < end) {
		assert_true(host_grab(host, OUTPUT, &next.picture));
	}
	assert_shown(&next, host, BLUE);
	finish(&next);
	finish(&scene);
}

static void test_next_generation(struct host *host) {
	struct scene scene;
	show(&scene, host);
	guest_v1_next_generation(scene.guest);
	assert_dropped(&scene, host, RED);
	/* A commit without a buffer does not bring it back. */
	wl_surface_damage_buffer(scene.scanout.surface, 0, 0, W, H);
	wl_surface_commit(scene.scanout.surface);
	assert_dropped(&scene, host, RED);
	/* Buffers and blobs stay valid. */
	fill(&scene.blob, GREEN);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_shown(&scene, host, GREEN);
	finish(&scene);
}

static void assert_state_drops(struct host *host, uint32_t state) {
	struct scene scene;
	show(&scene, host);
	guest_v1_set_state(scene.guest, state);
	assert_dropped(&scene, host, RED);
	/* What was shown before belongs to the past. */
	guest_v1_set_state(scene.guest, GUEST_V1_STATE_RUNNING);
	assert_dropped(&scene, host, RED);
	/* Nothing is shown in this state, whatever is committed. */
	guest_v1_set_state(scene.guest, state);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_dropped(&scene, host, RED);
	guest_v1_set_state(scene.guest, GUEST_V1_STATE_RUNNING);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_shown(&scene, host, RED);
	finish(&scene);
}

static void test_state_waiting(struct host *host) {
	assert_state_drops(host, GUEST_V1_STATE_WAITING);
}

static void test_state_gone(struct host *host) {
	assert_state_drops(host, GUEST_V1_STATE_GONE);
}

static void test_state_paused(struct host *host) {
	struct scene scene;
	show(&scene, host);
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
	assert_shown(&scene, host, RED);
	finish(&scene);
}

/* Cursor. */

static void test_cursor(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	show(&scene, host);
	host->cursor_in_grabs = true;

	/* 64×64: the left upper quarter opaque, the rest transparent. */
	assert_true(blob_create(&blob, scene.guest, 64 * 64 * 4));
	for (uint32_t y = 0; y < 64; y++) {
		for (uint32_t x = 0; x < 64; x++) {
			blob.pixels[y * 64 + x] = x < 32 && y < 32 ? 0xff000000 | BLUE : 0;
		}
	}
	buffer_create_layout(
		&buffer, &blob, 2, 64, 64, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR, 0, 64 * 4);
	struct wl_surface *surface = wl_compositor_create_surface(scene.client.compositor);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, surface, 3, 4);
	guest_scanout_v1_move_cursor(scene.scanout.proxy, 100, 120);
	wl_surface_attach(surface, buffer.proxy, 0, 0);
	wl_surface_damage_buffer(surface, 0, 0, 64, 64);
	wl_surface_commit(surface);
	assert_true(client_sync(&scene.client));
	/* The top left corner of the picture is at that point; the hotspot moves nothing. */
	assert_true(host_wait_pixel(host, OUTPUT, 100, 120, BLUE, WAIT_MS, &scene.picture));
	assert_true(picture_is(&scene.picture, 100, 120, 32, 32, BLUE));
	assert_true(picture_is(&scene.picture, 132, 120, 32, 64, RED));
	assert_true(picture_is(&scene.picture, 100, 152, 64, 32, RED));
	assert_true(picture_is(&scene.picture, 0, 0, 100, H, RED));
	assert_true(picture_is(&scene.picture, 0, 0, W, 120, RED));

	/* Moved without a commit; partly outside. */
	guest_scanout_v1_move_cursor(scene.scanout.proxy, W - 10, H - 20);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, W - 1, H - 1, BLUE, WAIT_MS, &scene.picture));
	assert_true(picture_is(&scene.picture, W - 10, H - 20, 10, 20, BLUE));
	assert_true(picture_is(&scene.picture, 0, 0, W - 10, H, RED));
	guest_scanout_v1_move_cursor(scene.scanout.proxy, -16, -8);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 0, 0, BLUE, WAIT_MS, &scene.picture));
	assert_true(picture_is(&scene.picture, 0, 0, 16, 24, BLUE));
	assert_true(picture_is(&scene.picture, 16, 0, W - 16, H, RED));
	guest_scanout_v1_move_cursor(scene.scanout.proxy, INT32_MAX, INT32_MIN);
	assert_shown(&scene, host, RED);
	guest_scanout_v1_move_cursor(scene.scanout.proxy, 100, 120);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 100, 120, BLUE, WAIT_MS, &scene.picture));

	/* No surface, no cursor; and again; and gone with its surface. */
	guest_scanout_v1_set_cursor(scene.scanout.proxy, NULL, 0, 0);
	assert_shown(&scene, host, RED);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, surface, 0, 0);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 100, 120, BLUE, WAIT_MS, &scene.picture));
	wl_surface_destroy(surface);
	assert_shown(&scene, host, RED);
	blob_finish(&blob);
	finish(&scene);
}

/* A cursor over no picture is not seen, and moves; it is there with the next picture. */
static void test_cursor_alone(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	show(&scene, host);
	host->cursor_in_grabs = true;
	assert_true(blob_create(&blob, scene.guest, 64 * 64 * 4));
	fill(&blob, 0xff000000 | BLUE);
	buffer_create_layout(
		&buffer, &blob, 2, 64, 64, DRM_FORMAT_ARGB8888, DRM_FORMAT_MOD_LINEAR, 0, 64 * 4);
	struct wl_surface *surface = wl_compositor_create_surface(scene.client.compositor);
	guest_scanout_v1_set_cursor(scene.scanout.proxy, surface, 0, 0);
	wl_surface_attach(surface, buffer.proxy, 0, 0);
	wl_surface_commit(surface);
	scanout_commit(&scene.scanout, NULL);
	guest_scanout_v1_move_cursor(scene.scanout.proxy, 100, 120);
	assert_true(client_sync(&scene.client));
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_true(client_sync(&scene.client));
	assert_true(host_wait_pixel(host, OUTPUT, 100, 120, BLUE, WAIT_MS, &scene.picture));
	assert_true(picture_is(&scene.picture, 100, 120, 64, 64, BLUE));
	wl_surface_destroy(surface);
	blob_finish(&blob);
	finish(&scene);
}

/* The cursor is from another life of the machine, too. */
static void test_cursor_generation(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	show(&scene, host);
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
	guest_v1_next_generation(scene.guest);
	scanout_commit(&scene.scanout, &scene.buffer);
	assert_shown(&scene, host, RED);
	blob_finish(&blob);
	finish(&scene);
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
	{"exact pixels", test_exact_pixels, 1},
	{"alpha ignored", test_alpha_ignored, 1},
	{"viewport", test_viewport, 1},
	{"fit wide", test_fit_wide, 1},
	{"fit tall", test_fit_tall, 1},
	{"fit small", test_fit_small, 1},
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
	{"state gone", test_state_gone, 1},
	{"state paused", test_state_paused, 1},
	{"cursor", test_cursor, 1},
	{"cursor without a picture", test_cursor_alone, 1},
	{"cursor and generation", test_cursor_generation, 1},
};

int main(int argc, char **argv) {
	return cases_run(
		"scanout", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
