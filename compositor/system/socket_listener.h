#ifndef GP_COMPOSITOR_SYSTEM_SOCKET_LISTENER_H
#define GP_COMPOSITOR_SYSTEM_SOCKET_LISTENER_H

#include <stdbool.h>

struct wl_event_loop;
struct wl_event_source;

/**
 * A listening socket in the event loop.
 */
struct gp_socket_listener {
	const char *what; // for the log: a literal
	char *path; // that it is bound to
	bool owned; // the path is ours to remove
	int fd;
	struct wl_event_source *source, *retry_timer;
	void (*connected)(struct gp_socket_listener *listener, int fd); // takes the fd
};

/**
 * Listens at path, with mode 0600; or on listen_fd, if that is not -1: a listening socket whose
 * path somebody else removes. Takes listen_fd, also on failure. Returns false after logging; then
 * there is nothing to be finished.
 */
bool gp_socket_listener_init(struct gp_socket_listener *listener, const char *what,
	struct wl_event_loop *loop, const char *path, int listen_fd,
	void (*connected)(struct gp_socket_listener *listener, int fd));
/* Removes the path if it was made here. */
void gp_socket_listener_finish(struct gp_socket_listener *listener);

/* Whether a new connection has one of the descriptors that are not for connections. */
bool gp_socket_listener_is_reserved(int fd);

#endif
