#ifndef GP_TOOLS_HWPROBE_HWPROBE_H
#define GP_TOOLS_HWPROBE_HWPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * The part of tools/hwcheck that talks to devices: makes buffers of every kind, and offers them to
 * every importer of this host. Results are lines on stdout, "  what: ok" or "  what: error N (…)".
 */

#define HW_BUFFERS_MAX 16
#define HW_WIDTH 1920u
#define HW_HEIGHT 1080u
#define HW_STRIDE (HW_WIDTH * 4)

struct hw_buffer {
	char name[48];
	int fd; // dma-buf
	uint64_t size;
	bool readable; // holds hw_pixel's picture
};

struct hw_buffers {
	struct hw_buffer items[HW_BUFFERS_MAX];
	size_t count;
};

/* Prints the result of an attempt; error is 0 or an errno. Returns whether it is 0. */
bool hw_result(int error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes fd; a line is printed for it. fd < 0: it failed with errno. */
void hw_buffers_add(
	struct hw_buffers *buffers, const char *name, int fd, uint64_t size, bool readable);

/* The picture that readable buffers hold, as XRGB8888. */
uint32_t hw_pixel(uint32_t x, uint32_t y);
/* Writes it into a dma-buf that can be mapped. */
bool hw_paint(int fd, uint32_t width, uint32_t height, uint32_t stride);

/* A udmabuf of that many bytes, of neighbouring or of single pages. -1 with errno. */
int hw_make_udmabuf(uint64_t size, bool scattered);
void hw_try_udmabuf(struct hw_buffers *buffers);

/* Opens the device, which no VM may use, by group or cdev; and exports its largest BAR. */
void hw_try_vfio(struct hw_buffers *buffers, const char *pci);
/* The same with the devices of a running VMM. */
void hw_try_vmm(struct hw_buffers *buffers, int pid);

/* Every /dev/dri/card*: import, framebuffer; with commit also on the screen. */
void hw_try_cards(const struct hw_buffers *buffers, bool commit);
/* Shows pictures of the card's own mode on its first connected connector. */
void hw_try_commit(int card);

/* Every /dev/dri/renderD*: EGL import by format and pitch, and what is read back. */
void hw_try_render_nodes(const struct hw_buffers *buffers);

#endif
