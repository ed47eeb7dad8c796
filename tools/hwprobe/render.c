#include "tools/hwprobe/render.h"

#include <dirent.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/hwprobe/buffers.h"
#include "tools/hwprobe/report.h"

#ifndef HAVE_EGL

void hw_try_render_nodes(const struct hw_buffers *buffers) {
	printf("Render nodes: built without EGL, not tried\n");
}

#else

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <GLES2/gl2ext.h>
#include <gbm.h>

struct node {
	int fd;
	struct gbm_device *gbm;
	EGLDisplay display;
	EGLContext context;
	PFNEGLCREATEIMAGEKHRPROC create_image;
	PFNEGLDESTROYIMAGEKHRPROC destroy_image;
	PFNGLEGLIMAGETARGETTEXTURE2DOESPROC bind_image;
};

static EGLImageKHR import(const struct node *node, int fd, uint32_t format, uint32_t width,
	uint32_t height, uint32_t stride, bool modifier) {
	EGLint attributes[] = {EGL_WIDTH, (EGLint)width, EGL_HEIGHT, (EGLint)height,
		EGL_LINUX_DRM_FOURCC_EXT, (EGLint)format, EGL_DMA_BUF_PLANE0_FD_EXT, fd,
		EGL_DMA_BUF_PLANE0_OFFSET_EXT, 0, EGL_DMA_BUF_PLANE0_PITCH_EXT, (EGLint)stride,
		modifier ? EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT : EGL_NONE, 0,
		EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT, 0, EGL_NONE};
	return node->create_image(
		node->display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, attributes);
}

/* What the GPU reads from some pixels of the image. */
static void read_back(const struct node *node, EGLImageKHR image, const char *name) {
	GLuint texture, framebuffer;
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	node->bind_image(GL_TEXTURE_2D, image);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE) {
		unsigned wrong = 0;
		for (uint32_t i = 0; i < 100; i++) {
			uint32_t x = i * 911 % HW_WIDTH, y = i * 577 % HW_HEIGHT, want;
			uint8_t rgba[4];
			glReadPixels((GLint)x, (GLint)y, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, rgba);
			want = hw_pixel(x, y);
			wrong += rgba[0] != (want >> 16 & 0xff) || rgba[1] != (want >> 8 & 0xff) ||
				rgba[2] != (want & 0xff);
		}
		printf("      read back from %s: %u of 100 pixels wrong\n", name, wrong);
	} else {
		printf("      read back from %s: not possible\n", name);
	}
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	glDeleteFramebuffers(1, &framebuffer);
	glDeleteTextures(1, &texture);
}

static void try_image(const struct node *node, const struct hw_buffer *buffer, const char *format,
	uint32_t width, uint32_t height, uint32_t stride, bool modifier) {
	uint32_t fourcc = fourcc_code(format[0], format[1], format[2], format[3]);
	EGLImageKHR image = import(node, buffer->fd, fourcc, width, height, stride, modifier);
	printf("    %s %ux%u pitch %u%s: ", format, width, height, stride,
		modifier ? " modifier LINEAR" : "");
	if (image == EGL_NO_IMAGE_KHR) {
		printf("EGL error %#x\n", eglGetError());
		return;
	}
	printf("ok\n");
	if (buffer->painted && width == HW_WIDTH && strcmp(format, "XR24") == 0) {
		read_back(node, image, buffer->name);
	}
	node->destroy_image(node->display, image);
}

static void try_buffer(const struct node *node, const struct hw_buffer *buffer, bool modifiers) {
	static const uint32_t sizes[][3] = {{HW_WIDTH, HW_HEIGHT, HW_STRIDE}, {1366, 768, 5464},
		{1366, 768, 5504}, {1366, 768, 5632}};
	static const char *formats[] = {"XR24", "AR24", "XB24", "AB24", "RG16"};
	printf("  import of %s\n", buffer->name);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if ((uint64_t)sizes[i][1] * sizes[i][2] > buffer->size) {
			continue;
		}
		for (int modifier = 0; modifier <= modifiers; modifier++) {
			for (size_t k = 0; k < (i == 0 ? 5 : 1); k++) {
				try_image(node, buffer, formats[k], sizes[i][0], sizes[i][1],
					sizes[i][2], modifier);
			}
		}
	}
}

static bool open_node(struct node *node, const char *path) {
	static const EGLint attributes[] = {EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE};
	PFNEGLGETPLATFORMDISPLAYEXTPROC get_display =
		(PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
	node->fd = open(path, O_RDWR | O_CLOEXEC);
	if (node->fd < 0) {
		return hw_result(errno, "open");
	}
	node->gbm = gbm_create_device(node->fd);
	if (node->gbm == NULL || get_display == NULL) {
		return hw_result(ENOTSUP, "GBM device");
	}
	node->display = get_display(EGL_PLATFORM_GBM_KHR, node->gbm, NULL);
	if (!eglInitialize(node->display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_ES_API)) {
		return hw_result(ENOTSUP, "EGL display");
	}
	node->context =
		eglCreateContext(node->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
	if (node->context == EGL_NO_CONTEXT ||
		!eglMakeCurrent(node->display, EGL_NO_SURFACE, EGL_NO_SURFACE, node->context)) {
		return hw_result(ENOTSUP, "OpenGL ES context");
	}
	node->create_image = (PFNEGLCREATEIMAGEKHRPROC)eglGetProcAddress("eglCreateImageKHR");
	node->destroy_image = (PFNEGLDESTROYIMAGEKHRPROC)eglGetProcAddress("eglDestroyImageKHR");
	node->bind_image = (PFNGLEGLIMAGETARGETTEXTURE2DOESPROC)eglGetProcAddress(
		"glEGLImageTargetTexture2DOES");
	printf("  %s\n", (const char *)glGetString(GL_RENDERER));
	return node->create_image != NULL && node->destroy_image != NULL &&
		node->bind_image != NULL;
}

static void close_node(struct node *node) {
	if (node->display != EGL_NO_DISPLAY) {
		eglMakeCurrent(node->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
		eglTerminate(node->display);
	}
	if (node->gbm != NULL) {
		gbm_device_destroy(node->gbm);
	}
	if (node->fd >= 0) {
		close(node->fd);
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
		struct node node = {.fd = -1, .display = EGL_NO_DISPLAY};
		char path[300];
		snprintf(path, sizeof(path), "/dev/dri/%s", entries[i]->d_name);
		printf("Render node %s\n", path);
		if (open_node(&node, path)) {
			const char *extensions = eglQueryString(node.display, EGL_EXTENSIONS);
			bool modifiers = extensions != NULL &&
				strstr(extensions, "EGL_EXT_image_dma_buf_import_modifiers") !=
					NULL;
			for (size_t k = 0; k < buffers->count; k++) {
				try_buffer(&node, &buffers->items[k], modifiers);
			}
		}
		close_node(&node);
		free(entries[i]);
	}
	if (count >= 0) {
		free(entries);
	}
}

#endif
