#ifndef GP_COMPOSITOR_REQUESTS_H
#define GP_COMPOSITOR_REQUESTS_H

#include <wayland-server-core.h>

struct gp_server;
struct json_object;

/**
 * What guestpanectl asks for: requests of the control socket. Arguments are separated by tabs,
 * which no name has.
 */
struct gp_requests {
	struct gp_server *server;

	struct {
		struct wl_signal reload; // NULL: load the configuration again, before this returns
		struct wl_signal quit; // NULL
	} events;
};

void gp_requests_init(struct gp_requests *requests, struct gp_server *server);

/* The handler of the control socket; data is the requests. */
struct json_object *gp_requests_handle(void *data, const char *request);

#endif
