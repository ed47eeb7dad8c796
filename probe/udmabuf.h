#ifndef GP_PROBE_UDMABUF_H
#define GP_PROBE_UDMABUF_H

#include <stdbool.h>
#include <stdint.h>

/* Memory like a guest's, as udmabuf makes it, with a test picture in it. */

#define GP_PROBE_PAGE 4096u

/**
 * A udmabuf of at least that many bytes, of neighbouring pages or, scattered, of single ones as
 * guests have. -1 with errno.
 */
int gp_probe_create_udmabuf(uint64_t size, bool scattered);

/* A pixel of the picture, XRGB8888. */
uint32_t gp_probe_pixel(uint32_t x, uint32_t y);
/* Writes the picture into a dma-buf that can be mapped. */
bool gp_probe_paint(int fd, uint32_t width, uint32_t height, uint32_t stride);

#endif
