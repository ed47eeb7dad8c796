#include "client/guest_scanout.h"

#include <stdlib.h>
#include <string.h>
#include <wayland-client.h>

#include "client/connection.h"
#include "client/guest.h"
#include "client/registry.h"
#include "client/seat.h"
#include "common/log.h"
#include "guest-scanout-v1-client-protocol.h"

/* The client as a whole: the only file that knows all parts. */

struct gp_client {
	struct gp_client_options options;
	const struct gp_client_events *events;
	void *data; // for events
	struct gp_client_connection connection;
	struct gp_client_registry registry;
	struct gp_client_guest guest;
	struct gp_client_seat seat;
	struct gp_client_counters counters;
	const char *refusal; // of the compositor, until it takes the guest; NULL: none
	struct wl_callback *created; // awaited: the compositor has taken the guest
	bool ready; // the compositor has the guest and its scanouts
};

/* Destroys what was made on the connection. */
static void stop(struct gp_client *client) {
	client->ready = false;
	if (client->created != NULL) {
		wl_callback_destroy(client->created);
		client->created = NULL;
	}
	gp_client_seat_stop(&client->seat);
	gp_client_guest_stop(&client->guest);
	gp_client_registry_stop(&client->registry);
}

static bool handle_connection_opened(void *data, struct wl_display *display) {
	struct gp_client *client = data;
	return gp_client_registry_start(&client->registry, display);
}

static bool handle_connection_refused(void *data, const char *interface, uint32_t code) {
	struct gp_client *client = data;
	const char *old = client->refusal;
	if (strcmp(interface, guest_scanout_manager_v1_interface.name) != 0) {
		return false;
	}
	if (code == GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_IN_USE) {
		client->refusal = "a guest of this name is shown already";
	} else if (code == GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_REFUSED) {
		client->refusal = "a guest of this name is not for this socket";
	} else {
		return false;
	}
	if (client->refusal != old) {
		gp_error_limited("the compositor at %s does not take the guest %s: %s",
			client->options.socket, client->options.name, client->refusal);
	}
	return true;
}

static void handle_connection_lost(void *data) {
	struct gp_client *client = data;
	bool was_ready = client->ready;
	stop(client);
	if (was_ready && client->events->disconnected != NULL) {
		client->events->disconnected(client->data);
	}
}

static const struct gp_client_connection_events connection_events = {
	.opened = handle_connection_opened,
	.refused = handle_connection_refused,
	.lost = handle_connection_lost,
};

/* Without memory. */
static void fail(struct gp_client *client) {
	gp_error_limited("no memory for the objects of the guest");
	gp_client_connection_fail(&client->connection);
}

static void handle_created(void *data, struct wl_callback *callback, uint32_t serial) {
	struct gp_client *client = data;
	wl_callback_destroy(client->created);
	client->created = NULL;
	if (!gp_client_guest_start(&client->guest, &client->registry)) {
		fail(client);
		return;
	}
	gp_client_seat_start(&client->seat);
	gp_client_connection_set_established(&client->connection);
	client->ready = true;
	client->refusal = NULL;
	client->counters.connects++;
	gp_info_limited("connected to the compositor at %s", client->options.socket);
	if (client->events->connected != NULL) {
		client->events->connected(client->data);
	}
}

static const struct wl_callback_listener created_listener = {
	.done = handle_created,
};

/* Nothing is made for a guest that the compositor does not take. */
static void handle_registry_ready(void *data) {
	struct gp_client *client = data;
	const struct gp_client_options *options = &client->options;
	if (!gp_client_guest_request(
		    &client->guest, &client->registry, options->name, options->uuid)) {
		fail(client);
		return;
	}
	client->created = wl_display_sync(client->connection.display);
	if (client->created == NULL) {
		fail(client);
		return;
	}
	wl_callback_add_listener(client->created, &created_listener, client);
}

static void handle_registry_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	struct gp_client *client = data;
	gp_client_seat_bind(&client->seat, registry, name, interface, version);
}

static void handle_registry_changed(void *data) {
	struct gp_client *client = data;
	if (client->ready && client->events->renderer_changed != NULL) {
		client->events->renderer_changed(client->data);
	}
}

static const struct gp_client_registry_events registry_events = {
	.ready = handle_registry_ready,
	.changed = handle_registry_changed,
	.global = handle_registry_global,
};

struct gp_client *gp_client_create(struct wl_event_loop *loop,
	const struct gp_client_options *options, const struct gp_client_events *events,
	void *data) {
	if (options->n_scanouts == 0 || options->n_scanouts > GP_CLIENT_SCANOUTS_MAX) {
		gp_error("a VM has 1 to %d scanouts", GP_CLIENT_SCANOUTS_MAX);
		return NULL;
	}
	struct gp_client *client = calloc(1, sizeof(*client));
	if (client == NULL) {
		gp_error_errno("cannot make the client of the compositor");
		return NULL;
	}
	client->options = *options;
	client->events = events;
	client->data = data;
	client->registry = (struct gp_client_registry){
		.connection = &client->connection,
		.events = &registry_events,
		.data = client,
	};
	if (!gp_client_connection_init(
		    &client->connection, loop, &client->options, &connection_events, client)) {
		gp_error_errno("cannot make the client of the compositor");
		free(client);
		return NULL;
	}
	if (!gp_client_guest_init(
		    &client->guest, &client->connection, options->n_scanouts, events, data)) {
		gp_error_errno("cannot make the client of the compositor");
		gp_client_guest_finish(&client->guest);
		gp_client_connection_finish(&client->connection);
		free(client);
		return NULL;
	}
	gp_client_seat_init(&client->seat, loop, options, client->guest.scanouts);
	gp_client_connection_open(&client->connection);
	return client;
}

void gp_client_destroy(struct gp_client *client) {
	if (client == NULL) {
		return;
	}
	gp_client_connection_flush(&client->connection);
	stop(client);
	gp_client_guest_finish(&client->guest);
	gp_client_connection_finish(&client->connection);
	free(client);
}

bool gp_client_connected(const struct gp_client *client) {
	return client->ready;
}

const char *gp_client_refusal(const struct gp_client *client) {
	return client->connection.reached ? client->refusal : NULL;
}

void gp_client_flush(struct gp_client *client) {
	for (uint32_t i = 0; i < client->guest.n_scanouts; i++) {
		gp_client_cursor_flush(&client->guest.scanouts[i].cursor);
	}
	gp_client_connection_flush(&client->connection);
}

void gp_client_set_state(struct gp_client *client, enum gp_client_vm_state state) {
	gp_client_guest_set_state(&client->guest, state);
}

void gp_client_next_generation(struct gp_client *client) {
	gp_client_guest_next_generation(&client->guest);
}

void gp_client_set_leds(struct gp_client *client, uint32_t leds) {
	gp_client_guest_set_leds(&client->guest, leds);
}

bool gp_client_focused(const struct gp_client *client) {
	return client->guest.focused;
}

static void handle_blob_imported(void *data) {
	struct gp_client *client = data;
	client->counters.imports++;
}

static void handle_blob_failed(void *data, struct gp_client_blob *blob,
	struct gp_client_buffer *buffer, const struct gp_client_failure *failure) {
	struct gp_client *client = data;
	client->counters.imports_failed++;
	if (buffer != NULL && client->events->failed != NULL) {
		client->events->failed(client->data, blob->user, buffer, failure);
	}
}

static void handle_blob_released(
	void *data, struct gp_client_blob *blob, struct gp_client_buffer *buffer) {
	struct gp_client *client = data;
	client->counters.releases++;
	if (client->events->released != NULL) {
		client->events->released(client->data, blob->user, buffer);
	}
}

static void handle_blob_revoked(void *data, void *user) {
	struct gp_client *client = data;
	if (client->events->revoked != NULL) {
		client->events->revoked(client->data, user);
	}
}

static const struct gp_client_blob_events blob_events = {
	.imported = handle_blob_imported,
	.failed = handle_blob_failed,
	.released = handle_blob_released,
	.revoked = handle_blob_revoked,
};

struct gp_client_blob *gp_client_blob_create(struct gp_client *client, int fd, uint64_t size,
	enum gp_client_blob_kind kind, const char *device, void *user) {
	return client->ready ? gp_client_blobs_add(&client->guest.blobs, client->guest.proxy, fd,
				       size, kind, device, &blob_events, client, user)
			     : NULL;
}

bool gp_client_wait_revoked(struct gp_client *client, int timeout_ms) {
	return gp_client_blobs_wait_revoked(&client->guest.blobs, timeout_ms);
}

void gp_client_show(struct gp_client *client, uint32_t scanout, struct gp_client_buffer *buffer,
	const struct gp_client_rect *source, const struct gp_client_rect *damage) {
	if (client->ready && scanout < client->guest.n_scanouts &&
		gp_client_connection_check(&client->connection)) {
		gp_scanout_surface_show(&client->guest.scanouts[scanout], buffer, source, damage);
		client->counters.commits++;
	}
}

void gp_client_set_cursor(struct gp_client *client, uint32_t scanout, const void *pixels,
	uint32_t hot_x, uint32_t hot_y) {
	if (scanout < client->guest.n_scanouts) {
		gp_client_cursor_set(&client->guest.scanouts[scanout].cursor, pixels, hot_x, hot_y);
	}
}

void gp_client_move_cursor(struct gp_client *client, uint32_t scanout, int32_t x, int32_t y) {
	if (scanout < client->guest.n_scanouts) {
		gp_client_cursor_move(&client->guest.scanouts[scanout].cursor, x, y);
	}
}

const struct gp_client_counters *gp_client_counters(const struct gp_client *client) {
	return &client->counters;
}
