#ifndef GP_TOOLS_HWPROBE_UDMABUF_H
#define GP_TOOLS_HWPROBE_UDMABUF_H

#include <stdbool.h>
#include <stdint.h>

struct hw_buffers;

/* A udmabuf of that many bytes, of neighbouring or of single pages. -1 with errno. */
int hw_make_udmabuf(uint64_t size, bool scattered);
/* Makes them in the sizes of modes. */
void hw_try_udmabuf(struct hw_buffers *buffers);

#endif
