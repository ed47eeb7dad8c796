#ifndef GP_TOOLS_HWPROBE_UDMABUF_H
#define GP_TOOLS_HWPROBE_UDMABUF_H

struct hw_buffers;

/* Makes udmabufs in the sizes of modes. */
void hw_try_udmabuf(struct hw_buffers *buffers);

#endif
