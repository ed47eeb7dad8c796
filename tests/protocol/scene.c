#include "tests/protocol/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

void blob_fill(struct blob *blob, uint32_t color) {
	for (size_t i = 0; i < blob->size / 4; i++) {
		blob->pixels[i] = color;
	}
}

void scene_connect(struct scene *scene, struct host *host) {
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

void scene_blob(struct scene *scene, struct blob *blob, struct buffer *buffer, uint32_t color) {
	assert_true(blob_create(blob, scene->guest, SIZE));
	blob_fill(blob, color);
	buffer_create(buffer, blob, 1, W, H);
	assert_true(client_wait(&scene->client, &blob->answers, 1, WAIT_MS));
	assert_int_equal(blob->n_imported, 1);
}

void scene_assert_shown(struct scene *scene, struct host *host, uint32_t color) {
	assert_true(client_sync(&scene->client));
	assert_true(host_wait_pixel(host, OUTPUT, W / 2, H / 2, color, WAIT_MS, &scene->picture));
	assert_true(picture_is(&scene->picture, 0, 0, W, H, color));
}

void scene_show(struct scene *scene, struct host *host) {
	scene_connect(scene, host);
	scene_blob(scene, &scene->blob, &scene->buffer, RED);
	scanout_commit(&scene->scanout, &scene->buffer);
	scene_assert_shown(scene, host, RED);
}

void scene_assert_dropped(struct scene *scene, struct host *host, uint32_t color) {
	if (scene->client.display) {
		assert_true(client_sync(&scene->client));
	}
	assert_true(
		host_wait_not_pixel(host, OUTPUT, W / 2, H / 2, color, WAIT_MS, &scene->picture));
	assert_false(picture_has(&scene->picture, color));
	/* A status screen is not one flat color: it says something. */
	assert_false(picture_is_flat(&scene->picture));
}

void scene_finish(struct scene *scene) {
	picture_finish(&scene->picture);
	blob_finish(&scene->blob);
	client_finish(&scene->client);
}
