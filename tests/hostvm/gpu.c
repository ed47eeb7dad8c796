/*
 * Preloaded into the compositor: a GPU as amdgpu is, above a software renderer. It takes strides of
 * a multiple of 256 bytes only, and counts what is uploaded. The figures are in GPU_COUNTS of
 * gpu.h.
 */

#include "tests/hostvm/gpu.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wlr/render/dmabuf.h>
#include <wlr/render/wlr_texture.h>
#include <wlr/types/wlr_buffer.h>

#define EXPORT __attribute__((visibility("default")))

/* Of GL, whose headers are not needed for more. */
typedef void (*tex_image_fn)(unsigned target, int level, int internal_format, int width, int height,
	int border, unsigned format, unsigned type, const void *pixels);
typedef void (*tex_sub_image_fn)(unsigned target, int level, int x, int y, int width, int height,
	unsigned format, unsigned type, const void *pixels);

EXPORT void glTexImage2D(unsigned target, int level, int internal_format, int width, int height,
	int border, unsigned format, unsigned type, const void *pixels);
EXPORT void glTexSubImage2D(unsigned target, int level, int x, int y, int width, int height,
	unsigned format, unsigned type, const void *pixels);

static struct gpu_counts *counts(void) {
	static struct gpu_counts *map;
	if (map == NULL) {
		int fd = open(GPU_COUNTS, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || ftruncate(fd, sizeof(*map)) < 0) {
			abort();
		}
		map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (map == MAP_FAILED) {
			abort();
		}
	}
	return map;
}

EXPORT struct wlr_texture *wlr_texture_from_buffer(
	struct wlr_renderer *renderer, struct wlr_buffer *buffer) {
	struct wlr_texture *(*from_buffer)(struct wlr_renderer *, struct wlr_buffer *) =
		(struct wlr_texture * (*)(struct wlr_renderer *, struct wlr_buffer *))
			dlsym(RTLD_NEXT, "wlr_texture_from_buffer");
	struct wlr_dmabuf_attributes attribs;
	if (wlr_buffer_get_dmabuf(buffer, &attribs) && attribs.stride[0] % GPU_ALIGNMENT != 0) {
		counts()->refused++;
		return NULL;
	}
	return from_buffer(renderer, buffer);
}

EXPORT void glTexImage2D(unsigned target, int level, int internal_format, int width, int height,
	int border, unsigned format, unsigned type, const void *pixels) {
	tex_image_fn tex_image = (tex_image_fn)dlsym(RTLD_NEXT, "glTexImage2D");
	if (pixels != NULL) {
		counts()->uploaded += (uint64_t)width * (uint64_t)height * 4;
	}
	tex_image(target, level, internal_format, width, height, border, format, type, pixels);
}

EXPORT void glTexSubImage2D(unsigned target, int level, int x, int y, int width, int height,
	unsigned format, unsigned type, const void *pixels) {
	tex_sub_image_fn tex_sub_image = (tex_sub_image_fn)dlsym(RTLD_NEXT, "glTexSubImage2D");
	counts()->uploaded += (uint64_t)width * (uint64_t)height * 4;
	tex_sub_image(target, level, x, y, width, height, format, type, pixels);
}
