/*
 * Guests as ext-foreign-toplevel-list-v1 lists them. What wlr-foreign-toplevel-management does is for
 * tests/desktop, with a tool that uses it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/fd.h"
#include "common/socket.h"
#include "ext-foreign-toplevel-list-v1-client-protocol.h"
#include "tests/protocol/scene.h"

#define TOPLEVELS_MAX 8

struct toplevel {
	struct ext_foreign_toplevel_handle_v1 *proxy; // NULL: there is none
	unsigned n_done, n_closed;
	char title[320], app_id[128], identifier[64];
};

/* Those that were ever listed, in that order. */
struct taskbar {
	struct wl_display *display;
	struct wl_registry *registry;
	struct ext_foreign_toplevel_list_v1 *list;
	struct toplevel toplevels[TOPLEVELS_MAX];
	unsigned n;
};

static void handle_closed(void *data, struct ext_foreign_toplevel_handle_v1 *proxy) {
	struct toplevel *toplevel = data;
	toplevel->n_closed++;
}

static void handle_done(void *data, struct ext_foreign_toplevel_handle_v1 *proxy) {
	struct toplevel *toplevel = data;
	toplevel->n_done++;
}

static void handle_title(
	void *data, struct ext_foreign_toplevel_handle_v1 *proxy, const char *title) {
	struct toplevel *toplevel = data;
	snprintf(toplevel->title, sizeof(toplevel->title), "%s", title);
}

static void handle_app_id(
	void *data, struct ext_foreign_toplevel_handle_v1 *proxy, const char *app_id) {
	struct toplevel *toplevel = data;
	snprintf(toplevel->app_id, sizeof(toplevel->app_id), "%s", app_id);
}

static void handle_identifier(
	void *data, struct ext_foreign_toplevel_handle_v1 *proxy, const char *identifier) {
	struct toplevel *toplevel = data;
	snprintf(toplevel->identifier, sizeof(toplevel->identifier), "%s", identifier);
}

static const struct ext_foreign_toplevel_handle_v1_listener handle_listener = {
	.closed = handle_closed,
	.done = handle_done,
	.title = handle_title,
	.app_id = handle_app_id,
	.identifier = handle_identifier,
};

static void handle_toplevel(void *data, struct ext_foreign_toplevel_list_v1 *list,
	struct ext_foreign_toplevel_handle_v1 *proxy) {
	struct taskbar *taskbar = data;
	assert_true(taskbar->n < TOPLEVELS_MAX);
	struct toplevel *toplevel = &taskbar->toplevels[taskbar->n++];
	toplevel->proxy = proxy;
	ext_foreign_toplevel_handle_v1_add_listener(proxy, &handle_listener, toplevel);
}

static void handle_finished(void *data, struct ext_foreign_toplevel_list_v1 *list) {
}

static const struct ext_foreign_toplevel_list_v1_listener list_listener = {
	.toplevel = handle_toplevel,
	.finished = handle_finished,
};

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	struct taskbar *taskbar = data;
	if (strcmp(interface, ext_foreign_toplevel_list_v1_interface.name) == 0) {
		taskbar->list = wl_registry_bind(
			registry, name, &ext_foreign_toplevel_list_v1_interface, 1);
		ext_foreign_toplevel_list_v1_add_listener(taskbar->list, &list_listener, taskbar);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

/* What the compositor does about a request of another client is done at the end of a turn. */
static void taskbar_sync(struct taskbar *taskbar) {
	for (unsigned i = 0; i < 3; i++) {
		assert_true(wl_display_roundtrip(taskbar->display) >= 0);
	}
}

static void taskbar_connect(struct taskbar *taskbar, const struct host *host) {
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", host->dir, host->wayland_display);
	*taskbar = (struct taskbar){0};
	int fd = gp_socket_connect(path);
	taskbar->display = fd >= 0 ? wl_display_connect_to_fd(fd) : NULL;
	assert_non_null(taskbar->display);
	taskbar->registry = wl_display_get_registry(taskbar->display);
	wl_registry_add_listener(taskbar->registry, &registry_listener, taskbar);
	taskbar_sync(taskbar);
	assert_non_null(taskbar->list);
}

static void taskbar_finish(struct taskbar *taskbar) {
	for (unsigned i = 0; i < taskbar->n; i++) {
		ext_foreign_toplevel_handle_v1_destroy(taskbar->toplevels[i].proxy);
	}
	ext_foreign_toplevel_list_v1_destroy(taskbar->list);
	wl_registry_destroy(taskbar->registry);
	wl_display_disconnect(taskbar->display);
}

/* Its title has changed, soon. */
static void assert_title(struct taskbar *taskbar, unsigned i, const char *title) {
	uint64_t end = host_now_ms() + WAIT_MS;
	while (strcmp(taskbar->toplevels[i].title, title) != 0 && host_now_ms() < end) {
		taskbar_sync(taskbar);
	}
	assert_string_equal(taskbar->toplevels[i].title, title);
}

/* A scanout that is placed on an output is listed, whether or not it shows something. */
static void test_list(struct host *host) {
	struct taskbar taskbar, late;
	struct scene scene;
	struct scanout second, third;
	taskbar_connect(&taskbar, host);
	assert_int_equal(taskbar.n, 0);
	scene_connect(&scene, host);
	scanout_create(&second, &scene.client, scene.guest, 1);
	scanout_create(&third, &scene.client, scene.guest, 2); // there are two outputs
	assert_true(client_sync(&scene.client));
	taskbar_sync(&taskbar);
	assert_int_equal(taskbar.n, 2);
	assert_string_equal(taskbar.toplevels[0].app_id, "vm0");
	assert_string_equal(taskbar.toplevels[0].title, "vm0");
	assert_string_equal(taskbar.toplevels[1].app_id, "vm0");
	assert_string_equal(taskbar.toplevels[1].title, "vm0, scanout 1");
	assert_string_not_equal(taskbar.toplevels[0].identifier, taskbar.toplevels[1].identifier);
	assert_true(taskbar.toplevels[0].n_done > 0);

	guest_v1_set_title(scene.guest, "An office");
	assert_true(client_sync(&scene.client));
	assert_title(&taskbar, 0, "An office");
	assert_title(&taskbar, 1, "An office, scanout 1");

	/* Who comes later sees the same. */
	taskbar_connect(&late, host);
	assert_int_equal(late.n, 2);
	assert_string_equal(late.toplevels[0].title, "An office");
	assert_string_equal(late.toplevels[0].identifier, taskbar.toplevels[0].identifier);

	scanout_destroy(&second);
	assert_true(client_sync(&scene.client));
	taskbar_sync(&taskbar);
	assert_int_equal(taskbar.toplevels[0].n_closed, 0);
	assert_int_equal(taskbar.toplevels[1].n_closed, 1);
	/* The bridge is lost. */
	scene_finish(&scene);
	uint64_t end = host_now_ms() + WAIT_MS;
	while (taskbar.toplevels[0].n_closed == 0 && host_now_ms() < end) {
		taskbar_sync(&taskbar);
	}
	assert_int_equal(taskbar.toplevels[0].n_closed, 1);
	assert_int_equal(taskbar.n, 2);
	taskbar_finish(&late);
	taskbar_finish(&taskbar);
}

/* Takes a picture of one toplevel, by ext-image-copy-capture-v1. Returns grim's exit status. */
static int grab(struct host *host, const struct toplevel *toplevel, struct picture *picture) {
	char path[128], *text;
	snprintf(path, sizeof(path), "%s/toplevel.ppm", host->dir);
	picture_finish(picture);
	int status = host_run(host,
		(const char *[]){"grim", "-t", "ppm", "-T", toplevel->identifier, path, NULL},
		&text);
	if (status != 0) {
		printf("# grim: %s\n", text != NULL ? text : "");
	}
	free(text);
	return status == 0 && !picture_read(picture, path) ? -1 : status;
}

static void assert_grab(struct host *host, const struct toplevel *toplevel, uint32_t width,
	uint32_t height, uint32_t color) {
	struct picture picture = {0};
	assert_int_equal(grab(host, toplevel, &picture), 0);
	assert_int_equal(picture.width, width);
	assert_int_equal(picture.height, height);
	assert_true(picture_is(&picture, 0, 0, width, height, color));
	picture_finish(&picture);
}

/* A picture of a guest is of that guest alone, in its size, whoever is in front. */
static void test_capture(struct host *host) {
	struct taskbar taskbar;
	struct scene front, behind;
	struct buffer small;
	struct picture picture = {0};
	scene_show(&front, host);
	scene_connect(&behind, host);
	scene_blob(&behind, &behind.blob, &behind.buffer, BLUE);
	buffer_create(&small, &behind.blob, 1, W / 2, H / 4);
	taskbar_connect(&taskbar, host);
	assert_int_equal(taskbar.n, 2);
	const struct toplevel *red = &taskbar.toplevels[0], *blue = &taskbar.toplevels[1];

	assert_grab(host, blue, W, H, BLACK); // nothing so far, in the size of its monitor
	scanout_commit(&behind.scanout, &behind.buffer);
	assert_true(client_sync(&behind.client));
	assert_grab(host, blue, W, H, BLUE);
	assert_grab(host, red, W, H, RED);
	blob_fill(&behind.blob, GREEN);
	scanout_commit(&behind.scanout, &behind.buffer);
	assert_true(client_sync(&behind.client));
	assert_grab(host, blue, W, H, GREEN);
	scanout_commit(&behind.scanout, &small);
	assert_true(client_sync(&behind.client));
	assert_grab(host, blue, W / 2, H / 4, GREEN);
	/* Off, it is black; nobody's buffer is kept for a picture. */
	scanout_commit(&behind.scanout, NULL);
	assert_true(client_sync(&behind.client));
	assert_grab(host, blue, W / 2, H / 4, BLACK);
	assert_true(client_wait(&behind.client, &small.releases, 1, WAIT_MS));
	assert_true(client_wait(&behind.client, &behind.buffer.releases, 1, WAIT_MS));
	/* The output shows what it has shown. */
	scene_assert_shown(&front, host, RED);

	/* Revoked memory is not read any more. */
	guest_blob_v1_revoke(front.blob.proxy);
	assert_true(client_wait(&front.client, &front.blob.n_revoked, 1, WAIT_MS));
	assert_grab(host, red, W, H, BLACK);
	buffer_destroy(&small);
	scene_finish(&behind);
	taskbar_sync(&taskbar);
	assert_int_not_equal(grab(host, blue, &picture), 0);
	picture_finish(&picture);
	taskbar_finish(&taskbar);
	scene_finish(&front);
}

static const struct host_case cases[] = {
	{"list of toplevels", test_list, 2},
	{"capture of one guest", test_capture, 1},
};

int main(int argc, char **argv) {
	return cases_run(
		"toplevels", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
