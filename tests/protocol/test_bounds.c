/*
 * What one bridge can cost others: each bound, reached by a client that means harm, while a second
 * bridge goes on. Work is counted, not time.
 */

#include <errno.h>
#include <setjmp.h>
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
#define WAIT_MS 20000
#define RED 0xd01020u
#define GREEN 0x10c040u

/* A bridge with a guest, whose scanout has an output of its own. */
struct scene {
	struct client client;
	struct guest_v1 *guest;
	struct scanout scanout;
	struct blob blob;
	struct buffer buffer;
	struct picture picture;
	const char *output;
};

static void fill(struct blob *blob, uint32_t color) {
	for (size_t i = 0; i < blob->size / 4; i++) {
		blob->pixels[i] = color;
	}
}

static void show(struct scene *scene, struct host *host, uint32_t color) {
	fill(&scene->blob, color);
	scanout_commit(&scene->scanout, &scene->buffer);
	assert_true(client_sync(&scene->client));
	assert_true(host_wait_pixel(
		host, scene->output, W / 2, H / 2, color, WAIT_MS, &scene->picture));
}

static void scene_init(
	struct scene *scene, struct host *host, const char *name, uint32_t index, uint32_t color) {
	*scene = (struct scene){.blob.fd = -1, .output = index == 0 ? "HEADLESS-1" : "HEADLESS-2"};
	assert_true(client_connect(&scene->client, host->bridge_socket));
	scene->guest = client_guest(&scene->client, name);
	guest_v1_set_state(scene->guest, GUEST_V1_STATE_RUNNING);
	scanout_create(&scene->scanout, &scene->client, scene->guest, index);
	assert_true(blob_create(&scene->blob, scene->guest, SIZE));
	buffer_create(&scene->buffer, &scene->blob, 1, W, H);
	show(scene, host, color);
}

static void scene_finish(struct scene *scene) {
	picture_finish(&scene->picture);
	blob_finish(&scene->blob);
	client_finish(&scene->client);
}

/* Its requests have replies and its pictures are seen. */
static void assert_goes_on(struct scene *scene, struct host *host) {
	assert_true(host_alive(&host->compositor));
	show(scene, host, GREEN);
	show(scene, host, RED);
}

/* Log lines. */

static unsigned count_lines(const struct host *host, const char *with) {
	char line[4096];
	unsigned n = 0;
	FILE *log = fopen(host->compositor.log, "r");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log) != NULL) {
		n += strstr(line, with) != NULL;
	}
	fclose(log);
	return n;
}

/* 20,000 changes of the state were as many lines. */
static void test_log_lines(struct host *host) {
	struct scene good, evil;
	scene_init(&good, host, "good", 0, RED);
	scene_init(&evil, host, "evil", 1, RED);
	for (unsigned i = 0; i < 20000; i++) {
		guest_v1_set_state(
			evil.guest, i & 1 ? GUEST_V1_STATE_RUNNING : GUEST_V1_STATE_PAUSED);
		if (i % 100 == 0) {
			assert_true(client_sync(&evil.client));
		}
	}
	assert_true(client_sync(&evil.client));
	guest_v1_set_state(good.guest, GUEST_V1_STATE_PAUSED);
	guest_v1_set_state(good.guest, GUEST_V1_STATE_RUNNING);
	assert_goes_on(&good, host);
	unsigned lines = count_lines(host, "guest evil: ");
	printf("# %u lines\n", lines);
	assert_true(lines < 200);
	/* Not those of others. */
	assert_int_equal(count_lines(host, "guest good: paused"), 1);
	/* How many there were is not lost. */
	host_sleep_ms(1100);
	guest_v1_set_state(evil.guest, GUEST_V1_STATE_WAITING);
	assert_true(client_sync(&evil.client));
	assert_int_equal(count_lines(host, "guest evil: waiting ("), 1);
	scene_finish(&evil);
	scene_finish(&good);
}

/* Guests that come and leave. */
static void test_log_of_connections(struct host *host) {
	struct scene good;
	scene_init(&good, host, "good", 0, RED);
	for (unsigned i = 0; i < 500; i++) {
		struct client client;
		assert_true(client_connect(&client, host->bridge_socket));
		client_guest(&client, "evil");
		assert_true(client_sync(&client));
		client_finish(&client);
	}
	assert_goes_on(&good, host);
	unsigned lines = count_lines(host, "guest evil: ");
	printf("# %u lines\n", lines);
	assert_true(lines < 300);
	scene_finish(&good);
}

static const struct host_case cases[] = {
	{"log lines", test_log_lines, 2},
	{"log lines of connections", test_log_of_connections, 2},
};

int main(int argc, char **argv) {
	return cases_run(
		"bounds", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
