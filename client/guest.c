#include "client/guest.h"

#include <stdlib.h>
#include <wayland-client.h>

#include "guest-scanout-v1-client-protocol.h"

#define ASSERT_SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)

ASSERT_SAME(GP_CLIENT_VM_WAITING, GUEST_V1_STATE_WAITING);
ASSERT_SAME(GP_CLIENT_VM_RUNNING, GUEST_V1_STATE_RUNNING);
ASSERT_SAME(GP_CLIENT_VM_PAUSED, GUEST_V1_STATE_PAUSED);
ASSERT_SAME(GP_CLIENT_VM_DISCONNECTED, GUEST_V1_STATE_DISCONNECTED);

bool gp_client_guest_init(struct gp_client_guest *guest, struct gp_client_connection *connection,
	uint32_t n_scanouts, const struct gp_client_events *events, void *data) {
	if (!gp_client_blobs_init(&guest->blobs, connection)) {
		return false;
	}
	guest->scanouts = calloc(n_scanouts, sizeof(guest->scanouts[0]));
	if (guest->scanouts == NULL) {
		return false;
	}
	for (guest->n_scanouts = 0; guest->n_scanouts < n_scanouts; guest->n_scanouts++) {
		gp_scanout_surface_init(&guest->scanouts[guest->n_scanouts], guest->n_scanouts,
			&guest->blobs, events, data);
	}
	return true;
}

void gp_client_guest_finish(struct gp_client_guest *guest) {
	for (uint32_t i = 0; i < guest->n_scanouts; i++) {
		gp_scanout_surface_finish(&guest->scanouts[i]);
	}
	free(guest->scanouts);
	gp_client_blobs_finish(&guest->blobs);
}

static void handle_focus(void *data, struct guest_v1 *proxy, uint32_t focused) {
	struct gp_client_guest *guest = data;
	guest->focused = focused != 0;
}

static const struct guest_v1_listener guest_listener = {
	.focus = handle_focus,
};

bool gp_client_guest_request(struct gp_client_guest *guest,
	const struct gp_client_registry *registry, const char *name, const uint8_t uuid[16]) {
	struct wl_array id = {.size = 16, .data = (void *)uuid};
	guest->proxy = guest_scanout_manager_v1_create_guest(registry->manager, name, &id);
	if (guest->proxy == NULL) {
		return false;
	}
	guest_v1_add_listener(guest->proxy, &guest_listener, guest);
	return true;
}

bool gp_client_guest_start(
	struct gp_client_guest *guest, const struct gp_client_registry *registry) {
	for (uint32_t i = 0; i < guest->n_scanouts; i++) {
		if (!gp_scanout_surface_start(&guest->scanouts[i], guest->proxy,
			    registry->compositor, registry->viewporter)) {
			return false;
		}
	}
	guest_v1_set_state(guest->proxy, guest->state);
	guest_v1_set_leds(guest->proxy, guest->leds);
	for (uint32_t i = 0; i < guest->n_scanouts; i++) {
		struct gp_scanout_surface *scanout = &guest->scanouts[i];
		gp_client_cursor_start(
			&scanout->cursor, guest->proxy, scanout->role, registry->compositor);
	}
	return true;
}

void gp_client_guest_stop(struct gp_client_guest *guest) {
	for (uint32_t i = 0; i < guest->n_scanouts; i++) {
		gp_scanout_surface_stop(&guest->scanouts[i]);
	}
	gp_client_blobs_clear(&guest->blobs);
	if (guest->proxy != NULL) {
		guest_v1_destroy(guest->proxy);
		guest->proxy = NULL;
	}
	guest->focused = false;
}

void gp_client_guest_set_state(struct gp_client_guest *guest, enum gp_client_vm_state state) {
	if (guest->state == state) {
		return;
	}
	guest->state = state;
	if (guest->proxy != NULL) {
		guest_v1_set_state(guest->proxy, state);
	}
}

void gp_client_guest_set_leds(struct gp_client_guest *guest, uint32_t leds) {
	/* LED_NUML, LED_CAPSL and LED_SCROLLL are 0, 1 and 2: the bits are the same. */
	guest->leds = leds;
	if (guest->proxy != NULL) {
		guest_v1_set_leds(guest->proxy, leds);
	}
}

void gp_client_guest_next_generation(struct gp_client_guest *guest) {
	if (guest->proxy != NULL) {
		guest_v1_next_generation(guest->proxy);
	}
}
