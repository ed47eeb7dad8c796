#ifndef GP_CLIENT_GUEST_H
#define GP_CLIENT_GUEST_H

#include "client/registry.h"
#include "client/scanout.h"

/* The guest_v1 object and what belongs to it: scanouts, blobs, and the VM's state. */

struct gp_client_guest {
	struct gp_client_blobs blobs;
	struct gp_scanout_surface *scanouts; // n_scanouts
	uint32_t n_scanouts;
	enum gp_client_vm_state state;
	uint32_t leds;

	/* Of one connection. */
	struct guest_v1 *proxy; // NULL without
	bool focused;
};

/**
 * connection and events must outlive it. Returns false without memory; to be finished then, too.
 */
bool gp_client_guest_init(struct gp_client_guest *guest, struct gp_client_connection *connection,
	uint32_t n_scanouts, const struct gp_client_events *events, void *data);
/* After stop. */
void gp_client_guest_finish(struct gp_client_guest *guest);

/**
 * Asks the manager of the registry, which is ready, for a guest; a name in use, or one that is not
 * ours, is a protocol error. uuid has 16 bytes. False without memory.
 */
bool gp_client_guest_request(struct gp_client_guest *guest,
	const struct gp_client_registry *registry, const char *name, const uint8_t uuid[16]);
/**
 * Makes the objects of the guest that was requested, and sends what is kept. False without memory;
 * to be stopped then, too.
 */
bool gp_client_guest_start(
	struct gp_client_guest *guest, const struct gp_client_registry *registry);
/* Destroys the objects of the connection, in the order that the protocol asks for. */
void gp_client_guest_stop(struct gp_client_guest *guest);

/* As the functions of the public header. */
void gp_client_guest_set_state(struct gp_client_guest *guest, enum gp_client_vm_state state);
void gp_client_guest_set_leds(struct gp_client_guest *guest, uint32_t leds);
void gp_client_guest_next_generation(struct gp_client_guest *guest);

#endif
