#ifndef GP_CLIENT_REGISTRY_H
#define GP_CLIENT_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "client/connection.h"

/**
 * The compositor's globals. Those that a guest needs are bound here. A compositor that does not
 * have them offers its ordinary socket, perhaps, or will be replaced: it is tried again.
 */

struct guest_scanout_manager_v1;
struct wl_callback;
struct wl_compositor;
struct wl_registry;
struct wp_viewporter;

struct gp_client_registry_events {
	/* All that is needed is bound, and the manager has said what it can do. Once. */
	void (*ready)(void *data);
	/* The manager has said that anew: the renderer has changed. */
	void (*changed)(void *data);
	/* A global that is none of those. It may appear at any time. */
	void (*global)(void *data, struct wl_registry *registry, uint32_t name,
		const char *interface, uint32_t version);
};

struct gp_client_registry {
	struct gp_client_connection *connection;
	const struct gp_client_registry_events *events;
	void *data;
	bool logged_missing; // since there was a compositor that has all

	/* Of one connection; NULL without. */
	struct wl_registry *proxy;
	struct wl_callback *sync;
	struct wl_compositor *compositor;
	struct wp_viewporter *viewporter; // may be missing
	struct guest_scanout_manager_v1 *manager;
	bool ready;
};

/* Binds what appears on the display. False without memory: nothing was made then. */
bool gp_client_registry_start(struct gp_client_registry *registry, struct wl_display *display);
/* Destroys the objects of the connection. */
void gp_client_registry_stop(struct gp_client_registry *registry);

#endif
