#ifndef GP_TOOLS_HWPROBE_BUFFERS_H
#define GP_TOOLS_HWPROBE_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The dma-bufs of every kind that are offered to importers. Those that can be written have the
 * picture of probe/udmabuf.h.
 */

#define HW_BUFFERS_MAX 16
#define HW_PAGE 4096u
#define HW_WIDTH 1920u
#define HW_HEIGHT 1080u
#define HW_STRIDE (HW_WIDTH * 4)

struct hw_buffer {
	char name[48];
	int fd; // dma-buf
	uint64_t size;
	bool painted; // by gp_probe_paint, at HW_WIDTH × HW_HEIGHT
};

struct hw_buffers {
	struct hw_buffer items[HW_BUFFERS_MAX];
	size_t count;
};

/* Takes fd; a line is printed for it. fd < 0: it failed with errno. */
void hw_buffers_add(
	struct hw_buffers *buffers, const char *name, int fd, uint64_t size, bool painted);
void hw_buffers_finish(struct hw_buffers *buffers);

#endif
