#ifndef GP_TOOLS_HWPROBE_RENDER_H
#define GP_TOOLS_HWPROBE_RENDER_H

struct hw_buffers;

/* Every /dev/dri/renderD*: EGL import by format and pitch, and what is read back. */
void hw_try_render_nodes(const struct hw_buffers *buffers);

#endif
