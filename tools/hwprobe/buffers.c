#include "tools/hwprobe/buffers.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/hwprobe/report.h"

void hw_buffers_add(
	struct hw_buffers *buffers, const char *name, int fd, uint64_t size, bool painted) {
	hw_result(fd < 0 ? errno : 0, "%s, %llu bytes", name, (unsigned long long)size);
	if (fd < 0) {
		return;
	}
	if (buffers->count == HW_BUFFERS_MAX) {
		close(fd);
		return;
	}
	struct hw_buffer *buffer = &buffers->items[buffers->count++];
	*buffer = (struct hw_buffer){.fd = fd, .size = size, .painted = painted};
	snprintf(buffer->name, sizeof(buffer->name), "%s", name);
}

void hw_buffers_finish(struct hw_buffers *buffers) {
	for (size_t i = 0; i < buffers->count; i++) {
		close(buffers->items[i].fd);
	}
	buffers->count = 0;
}

uint32_t hw_pixel(uint32_t x, uint32_t y) {
	return 0xff000000u | (x & 0xff) << 16 | (y & 0xff) << 8 | ((x >> 8) * 16 + (y >> 8));
}

bool hw_paint(int fd, uint32_t width, uint32_t height, uint32_t stride) {
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
			row[x] = hw_pixel(x, y);
		}
	}
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE;
	ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	munmap(map, size);
	return true;
}
