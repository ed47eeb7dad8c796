#include "probe/render_node.h"

#ifndef HAVE_GPU

const char *gp_render_node_open(struct gp_render_node *node, const char *path) {
	*node = (struct gp_render_node){.fd = -1};
	return "not tried: built without gbm and libepoxy";
}

void gp_render_node_close(struct gp_render_node *node) {
}

int gp_render_node_try(
	const struct gp_render_node *node, const struct gp_probe_image *image, int *wrong) {
	return -1;
}

#else

#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <fcntl.h>
#include <gbm.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/udmabuf.h"

const char *gp_render_node_open(struct gp_render_node *node, const char *path) {
	static const EGLint attributes[] = {EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE};
	*node = (struct gp_render_node){.fd = open(path, O_RDWR | O_CLOEXEC)};
	if (node->fd < 0) {
		return "it cannot be opened";
	}
	node->gbm = gbm_create_device(node->fd);
	if (node->gbm == NULL) {
		return "no GBM device";
	}
	node->display = eglGetPlatformDisplayEXT(EGL_PLATFORM_GBM_KHR, node->gbm, NULL);
	if (node->display == EGL_NO_DISPLAY || !eglInitialize(node->display, NULL, NULL) ||
		!eglBindAPI(EGL_OPENGL_ES_API)) {
		return "no EGL display";
	}
	if (!epoxy_has_egl_extension(node->display, "EGL_EXT_image_dma_buf_import")) {
		return "no import of dma-bufs";
	}
	node->modifiers =
		epoxy_has_egl_extension(node->display, "EGL_EXT_image_dma_buf_import_modifiers");
	node->context =
		eglCreateContext(node->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
	if (node->context == EGL_NO_CONTEXT ||
		!eglMakeCurrent(node->display, EGL_NO_SURFACE, EGL_NO_SURFACE, node->context) ||
		!epoxy_has_gl_extension("GL_OES_EGL_image")) {
		return "no OpenGL ES";
	}
	snprintf(node->renderer, sizeof(node->renderer), "%s",
		(const char *)glGetString(GL_RENDERER));
	node->software = strstr(node->renderer, "llvmpipe") != NULL ||
		strstr(node->renderer, "softpipe") != NULL;
	return NULL;
}

void gp_render_node_close(struct gp_render_node *node) {
	if (node->display != NULL) {
		eglMakeCurrent(node->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
		eglTerminate(node->display);
	}
	if (node->gbm != NULL) {
		gbm_device_destroy(node->gbm);
	}
	if (node->fd >= 0) {
		close(node->fd);
	}
	*node = (struct gp_render_node){.fd = -1};
}

/* What the GPU reads from some pixels of the image. */
static int count_wrong(EGLImageKHR egl_image, const struct gp_probe_image *image) {
	GLuint texture, framebuffer;
	int wrong = -1;
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glEGLImageTargetTexture2DOES(GL_TEXTURE_2D, egl_image);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE) {
		wrong = 0;
		for (uint32_t i = 0; i < GP_PROBE_PIXELS; i++) {
			uint32_t x = i * 911 % image->width, y = i * 577 % image->height;
			uint32_t want = gp_probe_pixel(x, y);
			uint8_t rgba[4];
			glReadPixels((GLint)x, (GLint)y, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, rgba);
			wrong += rgba[0] != (want >> 16 & 0xff) || rgba[1] != (want >> 8 & 0xff) ||
				rgba[2] != (want & 0xff);
		}
	}
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	glDeleteFramebuffers(1, &framebuffer);
	glDeleteTextures(1, &texture);
	return wrong;
}

int gp_render_node_try(
	const struct gp_render_node *node, const struct gp_probe_image *image, int *wrong) {
	const EGLint attributes[] = {EGL_WIDTH, (EGLint)image->width, EGL_HEIGHT,
		(EGLint)image->height, EGL_LINUX_DRM_FOURCC_EXT, (EGLint)image->format,
		EGL_DMA_BUF_PLANE0_FD_EXT, image->fd, EGL_DMA_BUF_PLANE0_OFFSET_EXT, 0,
		EGL_DMA_BUF_PLANE0_PITCH_EXT, (EGLint)image->stride,
		image->modifier ? EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT : EGL_NONE, 0,
		EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT, 0, EGL_NONE};
	EGLImageKHR egl_image = eglCreateImageKHR(
		node->display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, attributes);
	if (egl_image == EGL_NO_IMAGE_KHR) {
		return eglGetError();
	}
	if (wrong != NULL) {
		*wrong = count_wrong(egl_image, image);
	}
	eglDestroyImageKHR(node->display, egl_image);
	return 0;
}

#endif
