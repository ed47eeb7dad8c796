#include "client/client_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <wayland-server-core.h>

#include "common/clock.h"
#include "common/log.h"

static void handle_manager_main_device(
	void *data, struct guest_scanout_manager_v1 *manager, struct wl_array *device) {
	/* Where a GPU imports matters for device memory only. */
}

static void handle_manager_capabilities(
	void *data, struct guest_scanout_manager_v1 *manager, uint32_t capabilities) {
	gp_debug("the compositor's capabilities: %#x", capabilities);
}

static void handle_manager_format(void *data, struct guest_scanout_manager_v1 *manager,
	uint32_t format, uint32_t modifier_hi, uint32_t modifier_lo) {
	/* The answer to create_buffer decides. */
}

static bool create_guest(struct gp_client *client) {
	struct wl_array uuid = {
		.size = sizeof(client->options.uuid),
		.data = client->options.uuid,
	};
	client->guest =
		guest_scanout_manager_v1_create_guest(client->manager, client->options.name, &uuid);
	if (client->guest == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < client->options.n_scanouts; i++) {
		if (!gp_scanout_surface_start(&client->scanouts[i])) {
			return false;
		}
	}
	guest_v1_set_state(client->guest, client->state);
	guest_v1_set_leds(client->guest, client->leds);
	gp_client_seat_start(client);
	return true;
}

static void handle_guest_focus(void *data, struct guest_v1 *guest, uint32_t focused) {
	struct gp_client *client = data;
	client->focused = focused != 0;
}

static const struct guest_v1_listener guest_listener = {
	.focus = handle_guest_focus,
};

static void handle_manager_done(void *data, struct guest_scanout_manager_v1 *manager) {
	struct gp_client *client = data;
	if (client->guest != NULL) {
		return; // the renderer changed; the answers to create_buffer tell
	}
	if (!create_guest(client)) {
		gp_error("no memory for the objects of the guest");
		gp_client_fail(client);
		return;
	}
	guest_v1_add_listener(client->guest, &guest_listener, client);
	client->ready = true;
	client->ready_ns = gp_now_ns();
	client->counters.connects++;
	client->logged_error = 0;
	client->logged_wrong_socket = false;
	gp_info("connected to the compositor at %s", client->options.socket);
	for (uint32_t i = 0; i < client->options.n_scanouts; i++) {
		gp_client_cursor_start(&client->scanouts[i].cursor);
	}
	if (client->ops->connected != NULL) {
		client->ops->connected(client->data);
	}
}

static const struct guest_scanout_manager_v1_listener manager_listener = {
	.main_device = handle_manager_main_device,
	.capabilities = handle_manager_capabilities,
	.format = handle_manager_format,
	.done = handle_manager_done,
};

void gp_client_manager_listen(struct gp_client *client) {
	guest_scanout_manager_v1_add_listener(client->manager, &manager_listener, client);
}

static int handle_retry(void *data) {
	gp_client_connect(data);
	return 0;
}

static void log_libwayland(const char *fmt, va_list args) {
	char line[256];
	int length = vsnprintf(line, sizeof(line), fmt, args);
	if (length > 0 && (size_t)length < sizeof(line) && line[length - 1] == '\n') {
		line[length - 1] = '\0';
	}
	gp_warn("libwayland: %s", line);
}

static bool create_timers(struct gp_client *client) {
	client->retry_timer = wl_event_loop_add_timer(client->loop, handle_retry, client);
	client->revoke_timer =
		wl_event_loop_add_timer(client->loop, gp_client_handle_revoke_limit, client);
	return client->retry_timer != NULL && client->revoke_timer != NULL;
}

static void client_free(struct gp_client *client) {
	if (client->retry_timer != NULL) {
		wl_event_source_remove(client->retry_timer);
	}
	if (client->revoke_timer != NULL) {
		wl_event_source_remove(client->revoke_timer);
	}
	free(client->scanouts);
	free(client);
}

struct gp_client *gp_client_create(struct wl_event_loop *loop,
	const struct gp_client_options *options, const struct gp_client_ops *ops, void *data) {
	struct gp_client *client = calloc(1, sizeof(*client));
	if (client == NULL) {
		gp_error_errno("cannot make the Wayland client");
		return NULL;
	}
	client->loop = loop;
	client->options = *options;
	client->ops = ops;
	client->data = data;
	wl_list_init(&client->blobs);
	client->scanouts = calloc(options->n_scanouts, sizeof(*client->scanouts));
	if (client->scanouts == NULL || !create_timers(client)) {
		gp_error_errno("cannot make the Wayland client");
		client_free(client);
		return NULL;
	}
	for (uint32_t i = 0; i < options->n_scanouts; i++) {
		client->scanouts[i].client = client;
		client->scanouts[i].index = i;
		gp_client_cursor_init(&client->scanouts[i].cursor, &client->scanouts[i]);
	}
	wl_log_set_handler_client(log_libwayland);
	wl_log_set_handler_server(log_libwayland);
	gp_client_connect(client);
	return client;
}

void gp_client_destroy(struct gp_client *client) {
	if (client == NULL) {
		return;
	}
	if (client->display != NULL) {
		wl_display_flush(client->display);
	}
	gp_client_disconnect(client);
	for (uint32_t i = 0; i < client->options.n_scanouts; i++) {
		gp_client_cursor_finish(&client->scanouts[i].cursor);
	}
	client_free(client);
}

bool gp_client_connected(const struct gp_client *client) {
	return client->ready;
}

void gp_client_set_state(struct gp_client *client, enum gp_vm_state state) {
	if (client->state == state) {
		return;
	}
	client->state = state;
	if (client->ready) {
		guest_v1_set_state(client->guest, state);
	}
}

void gp_client_next_generation(struct gp_client *client) {
	if (client->ready) {
		guest_v1_next_generation(client->guest);
	}
}

void gp_client_set_leds(struct gp_client *client, uint32_t leds) {
	/* LED_NUML, LED_CAPSL and LED_SCROLLL are 0, 1 and 2: the bits are the same. */
	client->leds = leds;
	if (client->ready) {
		guest_v1_set_leds(client->guest, leds);
	}
}

bool gp_client_focused(const struct gp_client *client) {
	return client->focused;
}

const struct gp_client_counters *gp_client_counters(const struct gp_client *client) {
	return &client->counters;
}
