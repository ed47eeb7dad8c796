#ifndef GP_COMPOSITOR_SYSTEM_SECURITY_H
#define GP_COMPOSITOR_SYSTEM_SECURITY_H

#include <stdbool.h>
#include <stdint.h>
#include <wayland-server-core.h>

/**
 * Which client sees which global, and so can bind it. What is not in the table of security.c nobody
 * sees. There are three kinds of clients: bridges, those of a client socket, and those of sockets
 * that a client has made by security-context-v1 for programs that it confines.
 *
 * Bridges see what they need to show a guest and to give it input, and nothing of other guests or
 * of the outputs. Clients see what no guest can suffer from, and what the permissions of their
 * socket open (compositor/config/client_grant.h). Confined ones have no permissions, whatever those
 * that confine them have.
 */
enum gp_client_kind {
	GP_CLIENT_KIND_BRIDGE,
	GP_CLIENT_KIND_ORDINARY,
	GP_CLIENT_KIND_CONFINED,
};

/* Confined clients in all; the newest ones are disconnected. */
#define GP_CONFINED_CLIENTS_MAX 64

struct gp_security {
	struct wl_display *display;
	struct wl_event_source *check; // of the number of confined clients, pending; or NULL
	struct wl_listener client_created;
};

/* Sets the global filter of the display and makes security-context-v1. False if memory is short. */
bool gp_security_init(struct gp_security *security, struct wl_display *display);
/* One that is all zeros is fine. */
void gp_security_finish(struct gp_security *security);

/* Whether a client sees globals of the interface. */
bool gp_security_shows(enum gp_client_kind kind, uint32_t permissions, const char *interface);

#endif
