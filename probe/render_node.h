#ifndef GP_PROBE_RENDER_NODE_H
#define GP_PROBE_RENDER_NODE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * A GPU by its render node, to find out what it imports. By gbm and libepoxy, and not by wlroots,
 * whose answers it explains.
 */
struct gp_render_node {
	int fd;
	struct gbm_device *gbm;
	void *display, *context; // EGLDisplay and EGLContext
	bool modifiers; // imports may name one
	bool software; // no GPU: Mesa draws with the CPU
	char renderer[128]; // GL's name of it
};

/* Makes the context current. Returns NULL, or what failed: to be closed then, too. */
const char *gp_render_node_open(struct gp_render_node *node, const char *path);
void gp_render_node_close(struct gp_render_node *node);

/* A picture in a dma-buf. */
struct gp_probe_image {
	int fd;
	uint32_t format; // DRM fourcc
	uint32_t width, height, stride;
	bool modifier; // says that it is linear; else the driver assumes so
};

#define GP_PROBE_PIXELS 100

/**
 * Imports the image. Returns 0 or the error of EGL. If wrong is not NULL, *wrong is how many of
 * GP_PROBE_PIXELS pixels that the GPU reads are not those of gp_probe_pixel, -1 if it reads none.
 */
int gp_render_node_try(
	const struct gp_render_node *node, const struct gp_probe_image *image, int *wrong);

#endif
