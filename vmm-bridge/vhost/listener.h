#ifndef GP_VMM_BRIDGE_VHOST_LISTENER_H
#define GP_VMM_BRIDGE_VHOST_LISTENER_H

struct gp_listener;
struct wl_event_loop;

/* Gets a connected, non-blocking socket, which it takes. */
typedef void (*gp_listener_func)(void *data, int fd);

/**
 * Accepts connections at a listening socket, which is taken in every case. When descriptors run out
 * it rests for a second rather than spin. Returns NULL after logging.
 */
struct gp_listener *gp_listener_create(
	struct wl_event_loop *loop, int fd, gp_listener_func accepted, void *data);
/* NULL is fine. */
void gp_listener_destroy(struct gp_listener *listener);

#endif
