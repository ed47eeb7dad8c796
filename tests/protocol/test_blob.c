/*
 * Memory: what is imported, what is refused, and how long it is used.
 */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/fd.h"
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
	struct picture picture;
};

static void scene_init(struct scene *scene, struct host *host) {
	*scene = (struct scene){0};
	assert_true(client_connect(&scene->client, host->bridge_socket));
	assert_non_null(scene->client.manager);
	scene->guest = client_guest(&scene->client, "vm");
	guest_v1_set_state(scene->guest, GUEST_V1_STATE_RUNNING);
	scanout_create(&scene->scanout, &scene->client, scene->guest, 0);
	assert_true(client_sync(&scene->client));
}

static void scene_finish(struct scene *scene) {
	picture_finish(&scene->picture);
	client_finish(&scene->client);
}

static void fill(struct blob *blob, uint32_t color) {
	for (size_t i = 0; i < blob->size / 4; i++) {
		blob->pixels[i] = color;
	}
}

static void assert_shown(struct scene *scene, struct host *host, uint32_t color) {
	assert_true(client_sync(&scene->client));
	assert_true(host_wait_pixel(host, OUTPUT, W / 2, H / 2, color, WAIT_MS, &scene->picture));
}

static void assert_dropped(struct scene *scene, struct host *host, uint32_t color) {
	assert_true(client_sync(&scene->client));
	assert_true(
		host_wait_not_pixel(host, OUTPUT, W / 2, H / 2, color, WAIT_MS, &scene->picture));
	assert_false(picture_has(&scene->picture, color));
}

static void show(struct scene *scene, struct host *host, struct blob *blob, struct buffer *buffer,
	uint32_t color) {
	assert_true(blob_create(blob, scene->guest, SIZE));
	fill(blob, color);
	buffer_create(buffer, blob, 1, W, H);
	scanout_commit(&scene->scanout, buffer);
	assert_true(client_wait(&scene->client, &blob->answers, 1, WAIT_MS));
	assert_int_equal(blob->n_imported, 1);
	assert_shown(scene, host, color);
}

/* A buffer of the blob fails with the reason, can be committed, is released; the client lives. */
static void assert_fails(struct scene *scene, struct host *host, struct blob *blob,
	uint64_t modifier, uint32_t reason) {
	struct buffer buffer;
	buffer_create_layout(&buffer, blob, 0xfeedu, W, H, DRM_FORMAT_XRGB8888, modifier, 0, W * 4);
	scanout_commit(&scene->scanout, &buffer); // the answer has not come yet
	assert_true(client_wait(&scene->client, &blob->answers, 1, WAIT_MS));
	printf("# %s\n", blob->message);
	assert_int_equal(blob->n_failed, 1);
	assert_int_equal(blob->last_serial, 0xfeed);
	assert_int_equal(blob->reason, reason);
	assert_string_not_equal(blob->message, "");
	assert_true(client_wait(&scene->client, &buffer.releases, 1, WAIT_MS));
	assert_int_equal(blob->answers, 1);
	/* Committed again after the answer: released again, nothing is shown. */
	scanout_commit(&scene->scanout, &buffer);
	assert_true(client_wait(&scene->client, &buffer.releases, 2, WAIT_MS));
	assert_true(host_grab(host, OUTPUT, &scene->picture));
	assert_false(picture_has(&scene->picture, RED));
	buffer_destroy(&buffer);
	blob_finish(blob);
	assert_true(client_sync(&scene->client));
	/* The next, good one is shown. */
	struct blob good;
	show(scene, host, &good, &buffer, BLUE);
	blob_finish(&good);
}

static int memory_file(size_t size, unsigned flags) {
	int fd = memfd_create("test-file", flags | MFD_CLOEXEC);
	assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	return fd;
}

static void assert_fd_fails(struct host *host, int fd, uint32_t kind, const char *device,
	uint64_t modifier, uint32_t reason) {
	struct scene scene;
	struct blob blob;
	scene_init(&scene, host);
	assert_true(blob_create_fd(&blob, scene.guest, fd, SIZE, kind, device));
	assert_fails(&scene, host, &blob, modifier, reason);
	scene_finish(&scene);
}

static void test_unsealed(struct host *host) {
	assert_fd_fails(host, memory_file(SIZE, MFD_ALLOW_SEALING), GUEST_BLOB_V1_KIND_SHM, NULL, 0,
		GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
}

static void test_unsealable(struct host *host) {
	assert_fd_fails(host, memory_file(SIZE, 0), GUEST_BLOB_V1_KIND_SHM, NULL, 0,
		GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
}

static void test_too_small(struct host *host) {
	int fd = gp_memfd_create_sealed("test-small", SIZE - 4096);
	assert_fd_fails(
		host, fd, GUEST_BLOB_V1_KIND_SHM, NULL, 0, GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
}

static void test_pipe(struct host *host) {
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[1]);
	assert_fd_fails(
		host, fds[0], GUEST_BLOB_V1_KIND_SHM, NULL, 0, GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
}

static void test_dev_null(struct host *host) {
	assert_fd_fails(host, open("/dev/null", O_RDWR | O_CLOEXEC), GUEST_BLOB_V1_KIND_SHM, NULL,
		0, GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
}

static void test_dmabuf_of_memfd(struct host *host) {
	int fd = gp_memfd_create_sealed("test-no-dmabuf", SIZE);
	assert_fd_fails(host, fd, GUEST_BLOB_V1_KIND_SYSTEM_DMABUF, NULL, 0,
		GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
}

static void test_device_dmabuf_of_memfd(struct host *host) {
	int fd = gp_memfd_create_sealed("test-no-dmabuf", SIZE);
	assert_fd_fails(host, fd, GUEST_BLOB_V1_KIND_DEVICE_DMABUF, "0000:03:00.0", 0,
		GUEST_BLOB_V1_FAILURE_BAD_MEMORY);
}

/* A format that is known, in a layout that the CPU does not read. */
static void test_unsupported_modifier(struct host *host) {
	int fd = gp_memfd_create_sealed("test-tiled", SIZE);
	assert_fd_fails(host, fd, GUEST_BLOB_V1_KIND_SHM, NULL, I915_FORMAT_MOD_X_TILED,
		GUEST_BLOB_V1_FAILURE_UNSUPPORTED_FORMAT);
}

/* Each create_buffer is answered once, with its own serial, whatever the order of things. */
static void test_answers(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffers[16];
	scene_init(&scene, host);
	assert_true(blob_create(&blob, scene.guest, SIZE));
	for (uint32_t i = 0; i < 16; i++) {
		buffer_create(&buffers[i], &blob, 1000 + i, W, H / 2);
	}
	assert_true(client_wait(&scene.client, &blob.answers, 16, WAIT_MS));
	assert_true(client_sync(&scene.client));
	assert_int_equal(blob.answers, 16);
	assert_int_equal(blob.last_serial, 1015);
	/* Destroyed at once: still one answer. */
	buffer_destroy(&buffers[0]);
	buffer_create(&buffers[0], &blob, 5, W, H);
	buffer_destroy(&buffers[0]);
	assert_true(client_sync(&scene.client));
	assert_int_equal(blob.answers, 17);
	assert_int_equal(blob.last_serial, 5);
	/* The number of buffers that exist is what is limited, not how many there were. */
	for (uint32_t i = 0; i < 300; i++) {
		buffer_create(&buffers[0], &blob, i, W, H);
		buffer_destroy(&buffers[0]);
	}
	assert_true(client_sync(&scene.client));
	assert_int_equal(blob.answers, 317);
	blob_finish(&blob);
	scene_finish(&scene);
}

/* As many blobs as a guest may have in any case, and again after they were destroyed. */
static void test_many_blobs(struct host *host) {
	struct scene scene;
	struct blob blobs[256];
	struct buffer buffer;
	scene_init(&scene, host);
	unsigned fds = host_count_fds(&host->compositor);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 256; i++) {
			assert_true(blob_create(&blobs[i], scene.guest, 4096));
			buffer_create(&buffer, &blobs[i], i, 32, 32);
			buffer_destroy(&buffer);
		}
		assert_true(client_sync(&scene.client));
		for (unsigned i = 0; i < 256; i++) {
			assert_int_equal(blobs[i].answers, 1);
			blob_finish(&blobs[i]);
		}
		assert_true(client_sync(&scene.client));
	}
	assert_true(host_wait_fds(&host->compositor, fds, WAIT_MS));
	scene_finish(&scene);
}

/* The blob goes, its content stays. */
static void test_destroyed_while_shown(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	scene_init(&scene, host);
	show(&scene, host, &blob, &buffer, RED);
	blob_finish(&blob);
	assert_true(client_sync(&scene.client));
	assert_shown(&scene, host, RED);
	/* The buffer is as good as before. */
	scanout_commit(&scene.scanout, NULL);
	assert_dropped(&scene, host, RED);
	scanout_commit(&scene.scanout, &buffer);
	assert_shown(&scene, host, RED);
	/* It is shown as long as nothing else was committed, even without the wl_buffer. */
	buffer_destroy(&buffer);
	assert_shown(&scene, host, RED);
	scanout_commit(&scene.scanout, NULL);
	assert_dropped(&scene, host, RED);
	scene_finish(&scene);
}

static void test_revoke_shown(struct host *host) {
	struct scene scene;
	struct blob blob, other;
	struct buffer buffer, other_buffer;
	scene_init(&scene, host);
	/* The output's own buffers come with the first picture: count when they are there. */
	show(&scene, host, &other, &other_buffer, BLUE);
	blob_finish(&other);
	buffer_destroy(&other_buffer);
	assert_true(client_sync(&scene.client));
	unsigned fds = host_count_fds(&host->compositor);
	show(&scene, host, &blob, &buffer, RED);
	uint64_t start = host_now_ms();
	guest_blob_v1_revoke(blob.proxy);
	assert_true(client_wait(&scene.client, &blob.n_revoked, 1, WAIT_MS));
	printf("# revoked after %u ms\n", (unsigned)(host_now_ms() - start));
	/* The compositor does not read it any more: not even what was shown. */
	fill(&blob, BLUE);
	assert_dropped(&scene, host, RED);
	assert_false(picture_has(&scene.picture, BLUE));
	assert_true(host_wait_fds(&host->compositor, fds, WAIT_MS));
	/* Its buffers are inert: committed, released, not shown. */
	unsigned releases = buffer.releases;
	scanout_commit(&scene.scanout, &buffer);
	assert_true(client_wait(&scene.client, &buffer.releases, releases + 1, WAIT_MS));
	assert_dropped(&scene, host, BLUE);
	assert_int_equal(blob.n_revoked, 1);
	blob_finish(&blob);
	buffer_destroy(&buffer);
	show(&scene, host, &other, &other_buffer, BLUE);
	blob_finish(&other);
	scene_finish(&scene);
}

/* Revoked while another one is shown: nothing is to be seen of it. */
static void test_revoke_hidden(struct host *host) {
	struct scene scene;
	struct blob blob, other;
	struct buffer buffer, other_buffer;
	scene_init(&scene, host);
	show(&scene, host, &other, &other_buffer, RED);
	show(&scene, host, &blob, &buffer, BLUE);
	guest_blob_v1_revoke(other.proxy);
	assert_true(client_wait(&scene.client, &other.n_revoked, 1, WAIT_MS));
	assert_shown(&scene, host, BLUE);
	blob_finish(&other);
	blob_finish(&blob);
	scene_finish(&scene);
}

/* In one batch with the commit and with the end of everything. */
static void test_revoke_races(struct host *host) {
	struct scene scene;
	struct blob blob;
	struct buffer buffer;
	scene_init(&scene, host);
	for (unsigned i = 0; i < 8; i++) {
		assert_true(blob_create(&blob, scene.guest, SIZE));
		fill(&blob, RED);
		buffer_create(&buffer, &blob, i, W, H);
		if (i & 1) {
			scanout_commit(&scene.scanout, &buffer);
		}
		guest_blob_v1_revoke(blob.proxy);
		if (i & 2) {
			scanout_commit(&scene.scanout, &buffer);
		}
		if (i & 4) {
			buffer_destroy(&buffer);
		}
		assert_true(client_wait(&scene.client, &blob.n_revoked, 1, WAIT_MS));
		assert_int_equal(blob.answers, 1);
		blob_finish(&blob);
		buffer_destroy(&buffer);
	}
	/* Revoke and destroy without waiting. */
	show(&scene, host, &blob, &buffer, RED);
	guest_blob_v1_revoke(blob.proxy);
	blob_finish(&blob);
	assert_dropped(&scene, host, RED);
	scene_finish(&scene);
}

/* Revoked is a blob, not its file: the other blob of the same file stays. */
static void test_same_file_twice(struct host *host) {
	struct scene scene;
	struct blob blob, twin;
	struct buffer buffer, twin_buffer;
	scene_init(&scene, host);
	show(&scene, host, &blob, &buffer, RED);
	assert_true(blob_create_fd(
		&twin, scene.guest, dup(blob.fd), SIZE, GUEST_BLOB_V1_KIND_SHM, NULL));
	buffer_create(&twin_buffer, &twin, 2, W, H);
	guest_blob_v1_revoke(blob.proxy);
	scanout_commit(&scene.scanout, &twin_buffer);
	assert_true(client_wait(&scene.client, &blob.n_revoked, 1, WAIT_MS));
	assert_shown(&scene, host, RED);
	blob_finish(&twin);
	blob_finish(&blob);
	scene_finish(&scene);
}

static const struct host_case cases[] = {
	{"unsealed file", test_unsealed, 1},
	{"unsealable file", test_unsealable, 1},
	{"file too small", test_too_small, 1},
	{"pipe", test_pipe, 1},
	{"/dev/null", test_dev_null, 1},
	{"dma-buf that is a file", test_dmabuf_of_memfd, 1},
	{"device dma-buf that is a file", test_device_dmabuf_of_memfd, 1},
	{"unsupported modifier", test_unsupported_modifier, 1},
	{"answers", test_answers, 1},
	{"many blobs", test_many_blobs, 1},
	{"destroyed while shown", test_destroyed_while_shown, 1},
	{"revoked while shown", test_revoke_shown, 1},
	{"revoked while hidden", test_revoke_hidden, 1},
	{"revoke races", test_revoke_races, 1},
	{"two blobs of a file", test_same_file_twice, 1},
};

int main(int argc, char **argv) {
	return cases_run(
		"blob", cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
