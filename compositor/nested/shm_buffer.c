#include "compositor/nested/shm_buffer.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <wayland-client-protocol.h>

#include "common/fd.h"
#include "common/log.h"

static void handle_release(void *data, struct wl_buffer *wl_buffer) {
	struct gp_shm_buffer *buffer = data;
	buffer->busy = false;
	wl_signal_emit_mutable(&buffer->events.release, buffer);
}

static const struct wl_buffer_listener buffer_listener = {
	.release = handle_release,
};

struct gp_shm_buffer *gp_shm_buffer_create(struct wl_shm *shm, int32_t width, int32_t height) {
	struct gp_shm_buffer *buffer = calloc(1, sizeof(*buffer));
	if (buffer == NULL) {
		gp_error("picture for the parent compositor: no memory");
		return NULL;
	}
	buffer->width = width;
	buffer->height = height;
	buffer->size = (size_t)width * height * sizeof(*buffer->pixels);
	wl_signal_init(&buffer->events.release);
	int fd = gp_memfd_create_sealed("guestpane-cursor", buffer->size);
	if (fd < 0) {
		gp_error_errno("picture for the parent compositor");
		free(buffer);
		return NULL;
	}
	buffer->pixels = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (buffer->pixels == MAP_FAILED) {
		gp_error_errno("picture for the parent compositor");
		gp_fd_close(&fd);
		free(buffer);
		return NULL;
	}
	struct wl_shm_pool *pool = wl_shm_create_pool(shm, fd, (int32_t)buffer->size);
	buffer->wl_buffer = wl_shm_pool_create_buffer(
		pool, 0, width, height, width * 4, WL_SHM_FORMAT_ARGB8888);
	wl_shm_pool_destroy(pool);
	gp_fd_close(&fd);
	wl_buffer_add_listener(buffer->wl_buffer, &buffer_listener, buffer);
	return buffer;
}

void gp_shm_buffer_destroy(struct gp_shm_buffer *buffer) {
	if (buffer == NULL) {
		return;
	}
	wl_buffer_destroy(buffer->wl_buffer);
	munmap(buffer->pixels, buffer->size);
	free(buffer);
}
