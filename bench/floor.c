/*
 * The floor: a Wayland client of the compositor that flips buffers which are there, with no guest,
 * no virtqueue and no other process in between. It obeys lines on its input.
 *
 *     bench-floor BRIDGE-SOCKET
 *
 *     blobs N WIDTH HEIGHT          makes N buffers: of udmabufs where there is /dev/udmabuf, else
 *                                   of shared memory; and a source to copy from
 *     run flip N COUNT PERIOD_US JITTER_US
 *     run copy N COUNT PERIOD_US JITTER_US
 *                                   the same, with a copy into the buffer before each commit
 *
 * The time of a step is until the buffer that the commit replaced is released, and for a copy
 * until the commit is sent: what guestpane-bridge waits for before it answers the guest.
 */

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/run.h"
#include "common/fd.h"
#include "tests/protocol/client.h"

#define BUFFERS_MAX 4
#define TIMEOUT_MS 20000

struct floor {
	struct client client;
	struct guest_v1 *guest;
	struct scanout scanout;
	struct blob blobs[BUFFERS_MAX];
	struct buffer buffers[BUFFERS_MAX];
	size_t size;
	uint8_t *source;
	uint32_t n;
};

/* A dma-buf of a memory file, which is mapped at *pixels; or -1. */
static int make_dmabuf(size_t size, uint32_t **pixels) {
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int memory = gp_memfd_create_sealed("bench-floor", size);
	struct udmabuf_create create = {
		.memfd = (uint32_t)memory, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size};
	int fd = device != -1 && memory != -1 ? ioctl(device, UDMABUF_CREATE, &create) : -1;
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	*pixels = map == MAP_FAILED ? NULL : map;
	gp_fd_close(&memory);
	gp_fd_close(&device);
	return fd;
}

static bool make_blob(struct floor *floor, struct blob *blob) {
	uint32_t *pixels;
	if (access("/dev/udmabuf", R_OK | W_OK) != 0) {
		return blob_create(blob, floor->guest, floor->size);
	}
	int fd = make_dmabuf(floor->size, &pixels);
	if (!blob_create_fd(
		    blob, floor->guest, fd, floor->size, GUEST_BLOB_V1_KIND_SYSTEM_DMABUF, NULL)) {
		return false;
	}
	blob->pixels = pixels;
	return pixels != NULL;
}

static bool make_blobs(struct floor *floor, uint32_t n, uint32_t width, uint32_t height) {
	floor->size = ((size_t)width * height * 4 + 4095) & ~(size_t)4095;
	floor->source = malloc(floor->size);
	if (floor->source == NULL) {
		return false;
	}
	memset(floor->source, 0x55, floor->size);
	for (uint32_t i = 0; i < n; i++) {
		if (!make_blob(floor, &floor->blobs[i])) {
			return false;
		}
		memset(floor->blobs[i].pixels, (int)(0x30 * (i + 1)), floor->size);
		buffer_create(
			&floor->buffers[i], &floor->blobs[i], i, (int32_t)width, (int32_t)height);
		if (!client_wait(&floor->client, &floor->blobs[i].n_imported, 1, TIMEOUT_MS)) {
			return false;
		}
	}
	scanout_commit(&floor->scanout, &floor->buffers[0]);
	return client_sync(&floor->client);
}

static void commit(struct floor *floor, uint32_t number) {
	scanout_commit(&floor->scanout, &floor->buffers[(number + 1) % floor->n]);
}

static bool flip(void *data, uint32_t number, uint64_t *begin_ns) {
	struct floor *floor = data;
	struct buffer *old = &floor->buffers[number % floor->n];
	unsigned releases = old->releases;
	commit(floor, number);
	return client_wait(&floor->client, &old->releases, releases + 1, TIMEOUT_MS);
}

static bool copy_flip(void *data, uint32_t number, uint64_t *begin_ns) {
	struct floor *floor = data;
	if (!client_sync(&floor->client)) {
		return false;
	}
	*begin_ns = run_now_ns();
	memcpy(floor->blobs[(number + 1) % floor->n].pixels, floor->source, floor->size);
	commit(floor, number);
	return wl_display_flush(floor->client.display) >= 0;
}

static bool obey(void *data, const char *line) {
	struct floor *floor = data;
	struct run run;
	uint32_t n, width, height;
	if (sscanf(line, "blobs %u %u %u", &n, &width, &height) == 3) {
		floor->n = n;
		bool ok = n >= 2 && n <= BUFFERS_MAX && make_blobs(floor, n, width, height);
		if (ok) {
			puts("ok {}");
		}
		return ok;
	}
	char what[8];
	if (sscanf(line, "run %7s %u %u %u %u", what, &n, &run.count, &run.period_us,
		    &run.jitter_us) != 5 ||
		n != floor->n) {
		return false;
	}
	return run_steps(&run, strcmp(what, "copy") == 0 ? copy_flip : flip, floor);
}

int main(int argc, char **argv) {
	struct floor floor = {0};
	if (argc != 2 || !client_connect(&floor.client, argv[1]) || floor.client.manager == NULL) {
		fprintf(stderr, "bench-floor: no compositor at %s\n", argc > 1 ? argv[1] : "");
		return 1;
	}
	floor.guest = client_guest(&floor.client, "floor");
	scanout_create(&floor.scanout, &floor.client, floor.guest, 0);
	guest_v1_set_state(floor.guest, GUEST_V1_STATE_RUNNING);
	if (!client_sync(&floor.client)) {
		return 1;
	}
	return run_lines(obey, &floor);
}
