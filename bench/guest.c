/*
 * The guest's side of a measurement: a virtio-gpu driver that obeys lines on its input.
 *
 *     bench-guest SOCKET [MIB]      of guest memory, 64 if not given
 *
 *     blobs N WIDTH HEIGHT          makes blobs 1 to N
 *     bar N WIDTH HEIGHT            the same, in the memory of an ivshmem device at vfio-pci
 *     2d WIDTH HEIGHT               makes a 2D resource with memory
 *     show HEAD                     shows blob 1 on that head
 *     cursor                        shows a cursor
 *     run WHAT COUNT PERIOD_US JITTER_US
 *
 * WHAT is one of
 *
 *     flip N          another of the first N blobs each time, whole, as Linux' page flip does
 *     flush W H       damage of that size, at another place of blob 1 each time
 *     paint X         paints blob 1 from column X on, and flushes all of it
 *     draw W H        as flush, of the 2D resource
 *     flood W H       the same without a fence, as Linux did up to 5.10: it is answered at once
 *     move            moves the cursor; not answered by the device, so no time is measured
 *     heads N         a damage of 64×16 on each of N heads that show blobs 1 to N, in one go
 *     poison N        flips; a buffer that was given back is painted magenta for 2 ms, and then
 *                     grey: where magenta is seen, it was given back too early
 *     copy            no command: copies blob 1 to RAM, what a copy costs at least
 *
 * The time of a step is from the kick to the interrupt of the answer to the flush.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/run.h"
#include "tests/harness/gpu_wire.h"
#include "tests/harness/guest_gpu.h"
#include "tests/hostvm/vfio_host.h"

#define BLOBS_MAX 16
#define RESOURCE_2D 100
#define RESOURCE_CURSOR 101
#define OK VIRTIO_GPU_RESP_OK_NODATA
#define TIMEOUT_MS 20000
#define PAGE 4096u
#define MAGENTA 0xff00ffu

struct guest {
	struct fe fe;
	struct gg_blob blobs[BLOBS_MAX + 1]; // by id, from 1
	uint32_t width, height; // of blobs
	struct vfio_host device; // that has their memory
	uint8_t *copy; // of a blob
	uint32_t width_2d, height_2d;
	uint32_t a, b; // numbers behind WHAT
	uint64_t fence_id;
};

/* Kicks, and waits for all answers that are due. */
static bool kick_and_wait(struct guest *guest, unsigned n, uint64_t *begin_ns) {
	*begin_ns = run_now_ns();
	fe_kick(&guest->fe, 0);
	for (unsigned i = 0; i < n; i++) {
		struct virtio_gpu_ctrl_hdr hdr;
		uint32_t written;
		if (fe_wait_used(&guest->fe, 0, &hdr, sizeof(hdr), &written, TIMEOUT_MS) < 0 ||
			written < sizeof(hdr) || le32toh(hdr.type) != OK) {
			return false;
		}
	}
	return true;
}

#define SEND(guest, wire) (gg_send(&(guest)->fe, &(wire), sizeof(wire)) >= 0)

static bool send_flush(struct guest *guest, uint32_t id, const struct gp_rect *rect) {
	struct virtio_gpu_resource_flush wire = wire_flush(id, rect, ++guest->fence_id);
	return SEND(guest, wire);
}

static bool send_flip(struct guest *guest, uint32_t id) {
	struct gp_rect all = {.width = guest->width, .height = guest->height};
	struct virtio_gpu_transfer_to_host_2d transfer = wire_transfer(id, &all, 0);
	struct virtio_gpu_set_scanout_blob set =
		wire_set_scanout_blob(0, id, guest->width, guest->height);
	return SEND(guest, transfer) && SEND(guest, set) && send_flush(guest, id, &all);
}

static bool flip(void *data, uint32_t number, uint64_t *begin_ns) {
	struct guest *guest = data;
	return send_flip(guest, (number + 1) % guest->a + 1) && kick_and_wait(guest, 3, begin_ns);
}

/* A rectangle that wanders over the picture. */
static struct gp_rect wander(
	uint32_t number, uint32_t w, uint32_t h, uint32_t width, uint32_t height) {
	return (struct gp_rect){
		.x = width > w ? number * 64 % (width - w) : 0,
		.y = height > h ? number * 16 % (height - h) : 0,
		.width = w < width ? w : width,
		.height = h < height ? h : height,
	};
}

static bool flush(void *data, uint32_t number, uint64_t *begin_ns) {
	struct guest *guest = data;
	struct gp_rect rect = wander(number, guest->a, guest->b, guest->width, guest->height);
	struct virtio_gpu_transfer_to_host_2d transfer = wire_transfer(1, &rect, 0);
	return SEND(guest, transfer) && send_flush(guest, 1, &rect) &&
		kick_and_wait(guest, 2, begin_ns);
}

static bool paint_and_flush(void *data, uint32_t number, uint64_t *begin_ns) {
	struct guest *guest = data;
	const struct gp_rect all = {.width = guest->width, .height = guest->height};
	uint32_t x = guest->a < guest->width ? guest->a : guest->width - 1;
	const struct gp_rect part = {.x = x, .width = guest->width - x, .height = guest->height};
	gg_fill(guest->blobs[1].pixels, guest->width, &part, (number + 1) % 256 * 0x010101u);
	return send_flush(guest, 1, &all) && kick_and_wait(guest, 1, begin_ns);
}

static bool draw_2d(struct guest *guest, uint32_t number, uint64_t fence_id, uint64_t *begin_ns) {
	struct gp_rect rect = wander(number, guest->a, guest->b, guest->width_2d, guest->height_2d);
	uint64_t offset = ((uint64_t)rect.y * guest->width_2d + rect.x) * 4;
	struct virtio_gpu_transfer_to_host_2d transfer = wire_transfer(RESOURCE_2D, &rect, offset);
	struct virtio_gpu_resource_flush flush = wire_flush(RESOURCE_2D, &rect, fence_id);
	return SEND(guest, transfer) && SEND(guest, flush) && kick_and_wait(guest, 2, begin_ns);
}

static bool draw(void *data, uint32_t number, uint64_t *begin_ns) {
	struct guest *guest = data;
	return draw_2d(guest, number, ++guest->fence_id, begin_ns);
}

static bool flood(void *data, uint32_t number, uint64_t *begin_ns) {
	return draw_2d(data, number, 0, begin_ns);
}

static bool move(void *data, uint32_t number, uint64_t *begin_ns) {
	struct guest *guest = data;
	guest->fe.hold_kicks = false;
	bool ok = gg_move_cursor(&guest->fe, 0, (int32_t)(number * 7 % guest->width),
		(int32_t)(number * 3 % guest->height));
	guest->fe.hold_kicks = true;
	return ok;
}

static bool flush_heads(void *data, uint32_t number, uint64_t *begin_ns) {
	struct guest *guest = data;
	struct gp_rect rect = wander(number, 64, 16, guest->width, guest->height);
	bool ok = true;
	for (uint32_t head = 0; ok && head < guest->a; head++) {
		ok = send_flush(guest, head + 1, &rect);
	}
	return ok && kick_and_wait(guest, guest->a, begin_ns);
}

static void paint(struct guest *guest, uint32_t id, uint32_t color) {
	const struct gp_rect all = {.width = guest->width, .height = guest->height};
	gg_fill(guest->blobs[id].pixels, guest->width, &all, color);
}

static bool poison(void *data, uint32_t number, uint64_t *begin_ns) {
	struct guest *guest = data;
	uint32_t next = (number + 1) % guest->a + 1;
	paint(guest, next, MAGENTA);
	nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	paint(guest, next, (64 + number % 128) * 0x010101u);
	return send_flip(guest, next) && kick_and_wait(guest, 3, begin_ns);
}

static bool copy(void *data, uint32_t number, uint64_t *begin_ns) {
	struct guest *guest = data;
	const struct gg_blob *blob = &guest->blobs[1];
	if (guest->copy == NULL) {
		guest->copy = malloc(blob->size);
	}
	if (guest->copy == NULL) {
		return false;
	}
	memcpy(guest->copy, blob->pixels, blob->size);
	return true;
}

/* Lines. */

static bool make_blobs(struct guest *guest, uint32_t n) {
	for (uint32_t id = 1; id <= n; id++) {
		if (gg_create_blob(&guest->fe, id, (uint64_t)guest->width * guest->height * 4,
			    &guest->blobs[id]) != OK) {
			return false;
		}
		paint(guest, id, 0x303030 * id);
	}
	return true;
}

static bool make_bar_blobs(struct guest *guest, uint32_t n) {
	uint64_t size = (uint64_t)guest->width * guest->height * 4;
	uint32_t n_pages = (uint32_t)((size + PAGE - 1) / PAGE);
	uint64_t *gpas = calloc(n_pages, sizeof(*gpas));
	bool ok = gpas != NULL && vfio_host_find(&guest->device, 0) &&
		vfio_host_open(&guest->device) &&
		(uint64_t)n * n_pages * PAGE <= guest->device.bar_size;
	for (uint32_t id = 1; ok && id <= n; id++) {
		uint64_t start = (uint64_t)(id - 1) * n_pages * PAGE;
		for (uint32_t i = 0; i < n_pages; i++) {
			gpas[i] = guest->device.bar_gpa + start + (uint64_t)i * PAGE;
		}
		guest->blobs[id] = (struct gg_blob){.id = id,
			.gpa = gpas[0],
			.size = size,
			.pixels = (uint32_t *)(guest->device.bar + start)};
		ok = gg_create_blob_pages(&guest->fe, id, size, gpas, n_pages) == OK;
		if (ok) {
			paint(guest, id, 0x303030 * id);
		}
	}
	free(gpas);
	return ok;
}

static bool make_2d(struct guest *guest) {
	uint64_t size = (uint64_t)guest->width_2d * guest->height_2d * 4;
	uint64_t gpa = fe_alloc(&guest->fe, size);
	struct gp_rect all = {.width = guest->width_2d, .height = guest->height_2d};
	return gpa != 0 &&
		gg_create_2d(&guest->fe, RESOURCE_2D, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
			guest->width_2d, guest->height_2d) == OK &&
		gg_attach(&guest->fe, RESOURCE_2D, gpa, size) == OK &&
		gg_set_scanout(&guest->fe, 0, RESOURCE_2D, &all) == OK;
}

static bool show(struct guest *guest, uint32_t head) {
	struct gp_rect all = {.width = guest->width, .height = guest->height};
	uint32_t id = head + 1;
	return gg_set_scanout_blob(&guest->fe, head, id, guest->width, guest->height) == OK &&
		gg_flush(&guest->fe, id, &all, true) == OK;
}

static bool show_cursor(struct guest *guest) {
	struct gg_blob blob;
	struct gp_rect all = {.width = 64, .height = 64};
	bool ok = gg_create_blob(&guest->fe, RESOURCE_CURSOR, 64 * 64 * 4, &blob) == OK;
	if (ok) {
		gg_fill(blob.pixels, 64, &all, 0xffffffff);
	}
	return ok && gg_transfer(&guest->fe, RESOURCE_CURSOR, &all, 0) == OK &&
		gg_cursor(&guest->fe, 0, RESOURCE_CURSOR, 10, 10, 0, 0);
}

static const struct {
	const char *name;
	int numbers; // behind the name
	run_step_fn step;
} steps[] = {
	{"flip", 1, flip},
	{"flush", 2, flush},
	{"paint", 1, paint_and_flush},
	{"draw", 2, draw},
	{"flood", 2, flood},
	{"move", 0, move},
	{"heads", 1, flush_heads},
	{"poison", 1, poison},
	{"copy", 0, copy},
};

static bool obey_run(struct guest *guest, const char *line) {
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		size_t length = strlen(steps[i].name);
		uint32_t numbers[5] = {0};
		if (strncmp(line, steps[i].name, length) != 0) {
			continue;
		}
		int n = sscanf(line + length, "%u %u %u %u %u", &numbers[0], &numbers[1],
			&numbers[2], &numbers[3], &numbers[4]);
		if (n != steps[i].numbers + 3) {
			return false;
		}
		const uint32_t *rest = &numbers[steps[i].numbers];
		struct run run = {.count = rest[0], .period_us = rest[1], .jitter_us = rest[2]};
		guest->a = numbers[0];
		guest->b = numbers[1];
		guest->fe.hold_kicks = true;
		bool ok = run_steps(&run, steps[i].step, guest);
		guest->fe.hold_kicks = false;
		return ok;
	}
	return false;
}

static bool answer(bool ok) {
	if (ok) {
		puts("ok {}");
	}
	return ok;
}

static bool obey(void *data, const char *line) {
	struct guest *guest = data;
	uint32_t number;
	if (sscanf(line, "blobs %u %u %u", &number, &guest->width, &guest->height) == 3) {
		return number <= BLOBS_MAX && answer(make_blobs(guest, number));
	}
	if (sscanf(line, "bar %u %u %u", &number, &guest->width, &guest->height) == 3) {
		return number <= BLOBS_MAX && answer(make_bar_blobs(guest, number));
	}
	if (sscanf(line, "2d %u %u", &guest->width_2d, &guest->height_2d) == 2) {
		return answer(make_2d(guest));
	}
	if (sscanf(line, "show %u", &number) == 1) {
		return number < BLOBS_MAX && answer(show(guest, number));
	}
	if (strcmp(line, "cursor") == 0) {
		return answer(show_cursor(guest));
	}
	return strncmp(line, "run ", 4) == 0 && obey_run(guest, line + 4);
}

int main(int argc, char **argv) {
	struct guest *guest = calloc(1, sizeof(*guest));
	if (guest != NULL) {
		guest->device = (struct vfio_host){.container = -1, .group = -1, .device = -1};
	}
	uint64_t mib = argc > 2 ? strtoull(argv[2], NULL, 10) : 64;
	if (guest == NULL || argc < 2 || !fe_connect_ram(&guest->fe, argv[1], -1, mib << 20) ||
		!fe_negotiate(&guest->fe,
			1ull << VIRTIO_GPU_F_EDID | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB) ||
		!fe_start(&guest->fe)) {
		fprintf(stderr, "bench-guest: no device at %s\n", argc > 1 ? argv[1] : "(no path)");
		return 1;
	}
	int status = run_lines(obey, guest);
	fe_finish(&guest->fe);
	vfio_host_close(&guest->device);
	free(guest->copy);
	free(guest);
	return status;
}
