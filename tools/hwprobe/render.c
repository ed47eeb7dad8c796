#include "tools/hwprobe/render.h"

#include <dirent.h>
#include <drm_fourcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/render_node.h"
#include "tools/hwprobe/buffers.h"

static void try_image(const struct gp_render_node *node, const struct hw_buffer *buffer,
	const struct gp_probe_image *image) {
	int wrong;
	bool reads =
		buffer->painted && image->width == HW_WIDTH && image->format == DRM_FORMAT_XRGB8888;
	int error = gp_render_node_try(node, image, reads ? &wrong : NULL);
	printf("    %.4s %ux%u pitch %u%s: ", (const char *)&image->format, image->width,
		image->height, image->stride, image->modifier ? " modifier LINEAR" : "");
	if (error != 0) {
		printf("EGL error %#x\n", (unsigned)error);
		return;
	}
	printf("ok\n");
	if (reads && wrong >= 0) {
		printf("      read back from %s: %d of %d pixels wrong\n", buffer->name, wrong,
			GP_PROBE_PIXELS);
	} else if (reads) {
		printf("      read back from %s: not possible\n", buffer->name);
	}
}

static void try_buffer(const struct gp_render_node *node, const struct hw_buffer *buffer) {
	static const uint32_t sizes[][3] = {{HW_WIDTH, HW_HEIGHT, HW_STRIDE}, {1366, 768, 5464},
		{1366, 768, 5504}, {1366, 768, 5632}};
	static const uint32_t formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888,
		DRM_FORMAT_XBGR8888, DRM_FORMAT_ABGR8888, DRM_FORMAT_RGB565};
	printf("  import of %s\n", buffer->name);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if ((uint64_t)sizes[i][1] * sizes[i][2] > buffer->size) {
			continue;
		}
		for (int modifier = 0; modifier <= node->modifiers; modifier++) {
			for (size_t k = 0; k < (i == 0 ? 5 : 1); k++) {
				const struct gp_probe_image image = {buffer->fd, formats[k],
					sizes[i][0], sizes[i][1], sizes[i][2], modifier != 0};
				try_image(node, buffer, &image);
			}
		}
	}
}

static int is_render_node(const struct dirent *entry) {
	return strncmp(entry->d_name, "renderD", 7) == 0;
}

void hw_try_render_nodes(const struct hw_buffers *buffers) {
	struct dirent **entries;
	int count = scandir("/dev/dri", &entries, is_render_node, versionsort);
	if (count <= 0) {
		printf("No render nodes in /dev/dri\n");
	}
	for (int i = 0; i < count; i++) {
		struct gp_render_node node;
		char path[300];
		snprintf(path, sizeof(path), "/dev/dri/%s", entries[i]->d_name);
		printf("Render node %s\n", path);
		const char *failure = gp_render_node_open(&node, path);
		printf("  %s\n", failure != NULL ? failure : node.renderer);
		for (size_t k = 0; failure == NULL && k < buffers->count; k++) {
			try_buffer(&node, &buffers->items[k]);
		}
		gp_render_node_close(&node);
		free(entries[i]);
	}
	if (count >= 0) {
		free(entries);
	}
}
