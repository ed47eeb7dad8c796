#ifndef GP_COMPOSITOR_NESTED_SHM_BUFFER_H
#define GP_COMPOSITOR_NESTED_SHM_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wayland-server-core.h>

struct wl_buffer;
struct wl_shm;

/**
 * A picture of ours for the parent compositor, ARGB8888 with premultiplied alpha.
 */
struct gp_shm_buffer {
	struct wl_buffer *wl_buffer;
	uint32_t *pixels; // packed
	size_t size; // in bytes
	int32_t width, height;
	bool busy; // the parent reads it; whoever attaches it sets this

	struct {
		struct wl_signal release; // it is not busy any more
	} events;
};

/* All transparent. Returns NULL after logging. */
struct gp_shm_buffer *gp_shm_buffer_create(struct wl_shm *shm, int32_t width, int32_t height);
/* NULL is fine. */
void gp_shm_buffer_destroy(struct gp_shm_buffer *buffer);

#endif
