#include "tests/harness/power_client.h"

#include <poll.h>
#include <string.h>
#include <wayland-client.h>

#include "common/clock.h"
#include "common/socket.h"
#include "ext-idle-notify-v1-client-protocol.h"
#include "wlr-output-power-management-unstable-v1-client-protocol.h"

static void handle_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version) {
	struct power_client *client = data;
	if (strcmp(interface, wl_seat_interface.name) == 0) {
		client->seat = wl_registry_bind(registry, name, &wl_seat_interface, 1);
	} else if (strcmp(interface, wl_output_interface.name) == 0 && client->output == NULL) {
		client->output = wl_registry_bind(registry, name, &wl_output_interface, 1);
	} else if (strcmp(interface, zwlr_output_power_manager_v1_interface.name) == 0) {
		client->power_manager = wl_registry_bind(
			registry, name, &zwlr_output_power_manager_v1_interface, 1);
	} else if (strcmp(interface, ext_idle_notifier_v1_interface.name) == 0) {
		client->notifier =
			wl_registry_bind(registry, name, &ext_idle_notifier_v1_interface, 1);
	}
}

static void handle_global_remove(void *data, struct wl_registry *registry, uint32_t name) {
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void handle_mode(void *data, struct zwlr_output_power_v1 *power, uint32_t mode) {
	struct power_client *client = data;
	client->mode = (int)mode;
}

static void handle_failed(void *data, struct zwlr_output_power_v1 *power) {
	struct power_client *client = data;
	client->mode = -1;
}

static const struct zwlr_output_power_v1_listener power_listener = {
	.mode = handle_mode,
	.failed = handle_failed,
};

static void handle_idled(void *data, struct ext_idle_notification_v1 *notification) {
	struct power_client *client = data;
	client->n_idled++;
}

static void handle_resumed(void *data, struct ext_idle_notification_v1 *notification) {
	struct power_client *client = data;
	client->n_resumed++;
}

static const struct ext_idle_notification_v1_listener notification_listener = {
	.idled = handle_idled,
	.resumed = handle_resumed,
};

bool power_client_sync(struct power_client *client) {
	return wl_display_roundtrip(client->display) >= 0;
}

bool power_client_connect(struct power_client *client, const char *path) {
	*client = (struct power_client){.mode = -1};
	int fd = gp_socket_connect(path);
	client->display = fd >= 0 ? wl_display_connect_to_fd(fd) : NULL;
	if (client->display == NULL) {
		return false;
	}
	client->registry = wl_display_get_registry(client->display);
	wl_registry_add_listener(client->registry, &registry_listener, client);
	if (!power_client_sync(client) || client->seat == NULL || client->output == NULL ||
		client->power_manager == NULL || client->notifier == NULL) {
		return false;
	}
	client->power = zwlr_output_power_manager_v1_get_output_power(
		client->power_manager, client->output);
	zwlr_output_power_v1_add_listener(client->power, &power_listener, client);
	return power_client_sync(client);
}

void power_client_finish(struct power_client *client) {
	if (client->notification != NULL) {
		ext_idle_notification_v1_destroy(client->notification);
	}
	if (client->power != NULL) {
		zwlr_output_power_v1_destroy(client->power);
	}
	if (client->notifier != NULL) {
		ext_idle_notifier_v1_destroy(client->notifier);
	}
	if (client->power_manager != NULL) {
		zwlr_output_power_manager_v1_destroy(client->power_manager);
	}
	if (client->output != NULL) {
		wl_output_destroy(client->output);
	}
	if (client->seat != NULL) {
		wl_seat_destroy(client->seat);
	}
	if (client->display != NULL) {
		wl_registry_destroy(client->registry);
		wl_display_disconnect(client->display);
	}
	*client = (struct power_client){0};
}

bool power_client_set_mode(struct power_client *client, int mode) {
	zwlr_output_power_v1_set_mode(client->power, mode);
	return power_client_sync(client);
}

bool power_client_watch(struct power_client *client, uint32_t timeout_ms) {
	client->notification = ext_idle_notifier_v1_get_idle_notification(
		client->notifier, timeout_ms, client->seat);
	ext_idle_notification_v1_add_listener(client->notification, &notification_listener, client);
	return power_client_sync(client);
}

bool power_client_wait(
	struct power_client *client, unsigned n_idled, unsigned n_resumed, int timeout_ms) {
	uint64_t end_ns = gp_now_ns() + (uint64_t)timeout_ms * 1000000;
	struct pollfd fd = {.fd = wl_display_get_fd(client->display), .events = POLLIN};
	while (client->n_idled < n_idled || client->n_resumed < n_resumed) {
		uint64_t now_ns = gp_now_ns();
		if (now_ns >= end_ns || wl_display_flush(client->display) < 0 ||
			poll(&fd, 1, (int)((end_ns - now_ns) / 1000000) + 1) < 0 ||
			((fd.revents & POLLIN) != 0 && wl_display_dispatch(client->display) < 0)) {
			return false;
		}
	}
	return true;
}
