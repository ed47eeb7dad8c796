/**
 * Runs in a guest: shows pictures that lie in the memory of a PCI device. The device (ivshmem at
 * vfio-pci) stands for a GPU, vfio-pci for its driver: it exports the memory as a dma-buf, which
 * the stock virtio_gpu driver imports and scans out.
 *
 * Reads commands from stdin, a line each, and answers each with a line "ok …" or "error …":
 *
 *   show N whole|reverse   put picture N on the screen; its memory in one range, or in pages from
 *                          the last to the first
 *   flip A B COUNT         page flips between two pictures that were shown before
 *   paint N STEP           paint picture N again, STEP colours further, and mark it dirty
 *   dark N STEP            the same without telling anybody
 *   commit N               put picture N on the screen again
 *   decode on|off          the device's memory decode
 *   drop N                 let go of a picture
 *   cycles COUNT           export, import, show and drop as often
 *   cursor on|off          a cursor in device memory
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "tests/hostvm/vfio_host.h"
#include "vmm-bridge/vfio/uapi.h"

#define PICTURES 8
#define PAGE 4096u
#define BLOCK 40 // pixels
#define EVENT_MS 20000

struct picture {
	uint64_t offset; // in the BAR
	int dma_buf; // -1: not there
	uint32_t handle, fb;
};

struct guest {
	struct vfio_host device;
	int card;
	uint32_t connector, crtc;
	drmModeModeInfo mode;
	uint32_t stride;
	uint64_t size; // of a picture, whole pages
	struct picture pictures[PICTURES];
};

static bool answer_error(const char *what) {
	printf("error %s: %s\n", what, strerror(errno));
	return false;
}

static bool open_card(struct guest *guest) {
	for (int i = 0; i < 4; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		guest->card = open(path, O_RDWR | O_CLOEXEC);
		drmVersion *version = guest->card >= 0 ? drmGetVersion(guest->card) : NULL;
		bool found = version != NULL && strcmp(version->name, "virtio_gpu") == 0;
		drmFreeVersion(version);
		if (found) {
			return true;
		}
		if (guest->card >= 0) {
			close(guest->card);
		}
	}
	printf("error no virtio_gpu card\n");
	return false;
}

static bool find_output(struct guest *guest) {
	drmModeRes *res = drmModeGetResources(guest->card);
	for (int i = 0; res != NULL && i < res->count_connectors; i++) {
		drmModeConnector *connector = drmModeGetConnector(guest->card, res->connectors[i]);
		if (connector != NULL && connector->connection == DRM_MODE_CONNECTED &&
			connector->count_modes > 0 && guest->connector == 0) {
			guest->connector = connector->connector_id;
			guest->mode = connector->modes[0];
		}
		drmModeFreeConnector(connector);
	}
	if (res != NULL && res->count_crtcs > 0) {
		guest->crtc = res->crtcs[0];
	}
	drmModeFreeResources(res);
	if (guest->connector == 0 || guest->crtc == 0) {
		printf("error no connected output\n");
		return false;
	}
	guest->stride = guest->mode.hdisplay * 4;
	guest->size = ((uint64_t)guest->stride * guest->mode.vdisplay + PAGE - 1) / PAGE * PAGE;
	for (int i = 0; i < PICTURES; i++) {
		guest->pictures[i].offset = i * guest->size;
		guest->pictures[i].dma_buf = -1;
	}
	if (PICTURES * guest->size > guest->device.bar_size) {
		printf("error the BAR is too small\n");
		return false;
	}
	return true;
}

/* Where byte `at` of the picture lies in the BAR. */
static uint8_t *place(
	const struct guest *guest, const struct picture *picture, bool reverse, uint64_t at) {
	uint64_t pages = guest->size / PAGE, page = at / PAGE;
	uint64_t there = reverse ? pages - 1 - page : page;
	return guest->device.bar + picture->offset + there * PAGE + at % PAGE;
}

static bool is_reverse[PICTURES];

static void paint(const struct guest *guest, unsigned n, unsigned step) {
	static const uint32_t colours[] = {
		0xc0c0c0, 0xc0c000, 0x00c0c0, 0x00c000, 0xc000c0, 0xc00000, 0x0000c0};
	for (unsigned y = 0; y < guest->mode.vdisplay; y++) {
		for (unsigned x = 0; x < guest->mode.hdisplay; x++) {
			unsigned colour = x / BLOCK + 3 * (y / BLOCK) + 2 * n + step;
			uint64_t at = (uint64_t)y * guest->stride + x * 4;
			uint32_t value = colours[colour % 7];
			memcpy(place(guest, &guest->pictures[n], is_reverse[n], at), &value,
				sizeof(value));
		}
	}
}

static int export_memory(const struct guest *guest, uint64_t offset, uint64_t size, bool reverse) {
	uint32_t n_ranges = reverse ? (uint32_t)(size / PAGE) : 1;
	size_t bytes = sizeof(struct vfio_device_feature) +
		sizeof(struct vfio_device_feature_dma_buf) +
		n_ranges * sizeof(struct vfio_region_dma_range);
	struct vfio_device_feature *feature = calloc(1, bytes);
	if (feature == NULL) {
		abort();
	}
	struct vfio_device_feature_dma_buf *request = (void *)feature->data;
	feature->argsz = (uint32_t)bytes;
	feature->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
	request->region_index = VFIO_HOST_BAR;
	request->open_flags = O_CLOEXEC;
	request->nr_ranges = n_ranges;
	for (uint32_t i = 0; i < n_ranges; i++) {
		request->dma_ranges[i].offset = offset + (uint64_t)(n_ranges - 1 - i) * PAGE;
		request->dma_ranges[i].length = reverse ? PAGE : size;
	}
	int fd = ioctl(guest->device.device, VFIO_DEVICE_FEATURE, feature);
	free(feature);
	return fd;
}

static void drop(struct guest *guest, struct picture *picture) {
	if (picture->fb != 0) {
		drmModeRmFB(guest->card, picture->fb);
	}
	if (picture->handle != 0) {
		drmCloseBufferHandle(guest->card, picture->handle);
	}
	if (picture->dma_buf >= 0) {
		close(picture->dma_buf);
	}
	*picture = (struct picture){.offset = picture->offset, .dma_buf = -1};
}

static bool make(struct guest *guest, unsigned n, bool reverse) {
	struct picture *picture = &guest->pictures[n];
	drop(guest, picture);
	is_reverse[n] = reverse;
	picture->dma_buf = export_memory(guest, picture->offset, guest->size, reverse);
	if (picture->dma_buf < 0) {
		return answer_error("VFIO_DEVICE_FEATURE_DMA_BUF");
	}
	if (drmPrimeFDToHandle(guest->card, picture->dma_buf, &picture->handle) != 0) {
		return answer_error("drmPrimeFDToHandle");
	}
	uint32_t handles[4] = {picture->handle}, pitches[4] = {guest->stride}, offsets[4] = {0};
	if (drmModeAddFB2(guest->card, guest->mode.hdisplay, guest->mode.vdisplay,
		    DRM_FORMAT_XRGB8888, handles, pitches, offsets, &picture->fb, 0) != 0) {
		return answer_error("drmModeAddFB2");
	}
	return true;
}

static bool commit(struct guest *guest, unsigned n) {
	if (drmModeSetCrtc(guest->card, guest->crtc, guest->pictures[n].fb, 0, 0, &guest->connector,
		    1, &guest->mode) != 0) {
		return answer_error("drmModeSetCrtc");
	}
	return true;
}

static bool flip(struct guest *guest, uint32_t fb) {
	if (drmModePageFlip(guest->card, guest->crtc, fb, DRM_MODE_PAGE_FLIP_EVENT, NULL) != 0) {
		return answer_error("drmModePageFlip");
	}
	struct pollfd ready = {.fd = guest->card, .events = POLLIN};
	drmEventContext context = {.version = DRM_EVENT_CONTEXT_VERSION};
	errno = ETIME;
	if (poll(&ready, 1, EVENT_MS) != 1 || drmHandleEvent(guest->card, &context) != 0) {
		return answer_error("page flip event");
	}
	return true;
}

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool flips(struct guest *guest, unsigned a, unsigned b, unsigned count) {
	double start = now();
	for (unsigned i = 0; i < count; i++) {
		if (!flip(guest, guest->pictures[i % 2 == 0 ? b : a].fb)) {
			return false;
		}
	}
	printf("# %.1f flips/s\n", count / (now() - start));
	return true;
}

static bool dirty(struct guest *guest, unsigned n) {
	return drmModeDirtyFB(guest->card, guest->pictures[n].fb, NULL, 0) == 0 ||
		answer_error("drmModeDirtyFB");
}

static bool cycles(struct guest *guest, unsigned count) {
	for (unsigned i = 0; i < count; i++) {
		unsigned n = 5 + i % 2;
		if (!make(guest, n, false) || !commit(guest, n)) {
			return false;
		}
		drop(guest, &guest->pictures[5 + (i + 1) % 2]);
	}
	return true;
}

/* A red square with a transparent rim of 16 pixels, its hotspot in the corner. */
static bool show_cursor(struct guest *guest) {
	uint64_t offset = PICTURES * guest->size;
	uint32_t *pixels = (uint32_t *)(guest->device.bar + offset);
	for (int i = 0; i < 64 * 64; i++) {
		int x = i % 64, y = i / 64;
		bool inside = x >= 16 && x < 48 && y >= 16 && y < 48;
		pixels[i] = inside ? 0xffff0000 : 0;
	}
	uint32_t handle;
	int fd = export_memory(guest, offset, 64 * 64 * 4, false);
	if (fd < 0 || drmPrimeFDToHandle(guest->card, fd, &handle) != 0) {
		return answer_error("cursor");
	}
	close(fd);
	if (drmModeSetCursor(guest->card, guest->crtc, handle, 64, 64) != 0 ||
		drmModeMoveCursor(guest->card, guest->crtc, 200, 100) != 0) {
		return answer_error("drmModeSetCursor");
	}
	return true;
}

static bool hide_cursor(struct guest *guest) {
	return drmModeSetCursor(guest->card, guest->crtc, 0, 0, 0) == 0 ||
		answer_error("drmModeSetCursor");
}

/* Prints the answer only if it is an error. */
static bool obey(struct guest *guest, const char *line) {
	unsigned n, m, count;
	char word[16];
	if (sscanf(line, "show %u %15s", &n, word) == 2 && n < PICTURES) {
		if (!make(guest, n, strcmp(word, "reverse") == 0)) {
			return false;
		}
		paint(guest, n, 0);
		return commit(guest, n);
	}
	if (sscanf(line, "flip %u %u %u", &n, &m, &count) == 3 && n < PICTURES && m < PICTURES) {
		return flips(guest, n, m, count);
	}
	if (sscanf(line, "paint %u %u", &n, &m) == 2 && n < PICTURES) {
		paint(guest, n, m);
		return dirty(guest, n);
	}
	if (sscanf(line, "dark %u %u", &n, &m) == 2 && n < PICTURES) {
		paint(guest, n, m);
		return true;
	}
	if (sscanf(line, "commit %u", &n) == 1 && n < PICTURES) {
		return commit(guest, n);
	}
	if (sscanf(line, "decode %15s", word) == 1) {
		vfio_host_set_decode(&guest->device, strcmp(word, "on") == 0);
		return true;
	}
	if (sscanf(line, "drop %u", &n) == 1 && n < PICTURES) {
		drop(guest, &guest->pictures[n]);
		return true;
	}
	if (sscanf(line, "cycles %u", &count) == 1) {
		return cycles(guest, count);
	}
	if (sscanf(line, "cursor %15s", word) == 1) {
		return strcmp(word, "on") == 0 ? show_cursor(guest) : hide_cursor(guest);
	}
	printf("error unknown command: %s", line);
	return false;
}

int main(void) {
	struct guest guest = {0};
	char line[128];
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!vfio_host_find(&guest.device, 0) || !vfio_host_open(&guest.device) ||
		!open_card(&guest) || !find_output(&guest)) {
		printf("error no device\n");
		return EXIT_FAILURE;
	}
	printf("ok %ux%u, BAR at 0x%llx\n", guest.mode.hdisplay, guest.mode.vdisplay,
		(unsigned long long)guest.device.bar_gpa);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (obey(&guest, line)) {
			printf("ok %s", line);
		}
	}
	return EXIT_SUCCESS;
}
