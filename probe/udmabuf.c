#include "probe/udmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Every other page of a file that is twice as large: nothing can be merged. */
static struct udmabuf_create_list *make_list(int memfd, uint64_t size, bool scattered) {
	uint32_t count = scattered ? (uint32_t)(size / GP_PROBE_PAGE) : 1;
	struct udmabuf_create_list *list = calloc(1, sizeof(*list) + count * sizeof(list->list[0]));
	if (list == NULL) {
		return NULL;
	}
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	list->count = count;
	for (uint32_t i = 0; i < count; i++) {
		list->list[i] = (struct udmabuf_create_item){
			.memfd = (uint32_t)memfd,
			.offset = scattered ? (2 * (uint64_t)i + 1) * GP_PROBE_PAGE : 0,
			.size = scattered ? GP_PROBE_PAGE : size,
		};
	}
	return list;
}

int gp_probe_create_udmabuf(uint64_t size, bool scattered) {
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0) {
		return -1;
	}
	int fd = -1;
	int memfd = memfd_create("guestpane-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size = (size + GP_PROBE_PAGE - 1) / GP_PROBE_PAGE * GP_PROBE_PAGE;
	struct udmabuf_create_list *list = make_list(memfd, size, scattered);
	if (list != NULL && memfd >= 0 && ftruncate(memfd, (off_t)(size * 2)) == 0 &&
		fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0) {
		fd = ioctl(device, UDMABUF_CREATE_LIST, list);
	}
	int error = errno;
	free(list);
	if (memfd >= 0) {
		close(memfd);
	}
	close(device);
	errno = error;
	return fd;
}

uint32_t gp_probe_pixel(uint32_t x, uint32_t y) {
	return 0xff000000u | (x & 0xff) << 16 | (y & 0xff) << 8 | ((x >> 8) * 16 + (y >> 8));
}

bool gp_probe_paint(int fd, uint32_t width, uint32_t height, uint32_t stride) {
	size_t size = (size_t)stride * height;
	uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		return false;
	}
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE};
	ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	for (uint32_t y = 0; y < height; y++) {
		uint32_t *row = (uint32_t *)(map + (size_t)y * stride);
		for (uint32_t x = 0; x < width; x++) {
			row[x] = gp_probe_pixel(x, y);
		}
	}
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE;
	ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	munmap(map, size);
	return true;
}
