#include "compositor/guest/manager_v1.h"

#include <string.h>

#include "common/fd.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/socket.h"
#include "compositor/guest/guest.h"
#include "compositor/guest/guest_v1.h"
#include "compositor/guest/manager.h"
#include "compositor/guest/text.h"
#include "compositor/guest/wl_buffer.h"
#include "compositor/memory/quota.h"
#include "guest-scanout-v1-protocol.h"

#define MANAGER_VERSION 1

static void manager_handle_destroy(struct wl_client *client, struct wl_resource *resource) {
	wl_resource_destroy(resource);
}

static bool check_name(struct wl_resource *resource, const char *name) {
	size_t length = strlen(name);
	if (length < 1 || length > GP_GUEST_NAME_MAX || !gp_text_is_printable(name)) {
		wl_resource_post_error(resource, GUEST_SCANOUT_MANAGER_V1_ERROR_INVALID_NAME,
			"the name must be 1 to %d bytes of UTF-8 without control characters",
			GP_GUEST_NAME_MAX);
		return false;
	}
	return true;
}

/*
 * Whether no guest has the name. The bridge of one that has it may have been killed and started
 * again, faster than its hang-up was seen here.
 */
static bool free_name(
	struct gp_guest_manager *manager, const struct wl_client *client, const char *name) {
	struct gp_guest *guest;
	wl_list_for_each (guest, &manager->guests, link) {
		if (strcmp(guest->name, name) != 0) {
			continue;
		}
		struct wl_client *owner = wl_resource_get_client(guest->resource);
		if (owner == client || !gp_socket_hung_up(wl_client_get_fd(owner))) {
			return false;
		}
		wl_client_destroy(owner);
		return true; // there is one guest of a name
	}
	return true;
}

static bool take_name(
	struct gp_guest_manager *manager, struct wl_resource *resource, const char *name) {
	struct gp_guest_request request = {
		.client = wl_resource_get_client(resource), .name = name};
	wl_signal_emit_mutable(&manager->events.guest_request, &request);
	if (request.refusal[0] != '\0') {
		wl_resource_post_error(resource, GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_REFUSED, "%s",
			request.refusal);
		return false;
	}
	if (!free_name(manager, request.client, name)) {
		wl_resource_post_error(resource, GUEST_SCANOUT_MANAGER_V1_ERROR_NAME_IN_USE,
			"a guest named %s is shown already", name);
		return false;
	}
	return true;
}

static void manager_handle_create_guest(struct wl_client *client, struct wl_resource *resource,
	uint32_t id, const char *name, struct wl_array *uuid) {
	struct gp_guest_manager *manager = wl_resource_get_user_data(resource);
	if (!check_name(resource, name)) {
		return;
	}
	if (uuid->size != GP_GUEST_UUID_SIZE) {
		wl_resource_post_error(resource, GUEST_SCANOUT_MANAGER_V1_ERROR_INVALID_UUID,
			"the uuid has %zu bytes instead of %d", uuid->size, GP_GUEST_UUID_SIZE);
		return;
	}

	struct gp_quota *quota = gp_quota_of_client(client);
	if (quota == NULL) {
		wl_client_post_no_memory(client);
		return;
	}
	/* Everybody gets one, whatever others have: the number of bridges is limited, too. */
	if (quota->n_guests >= GP_GUESTS_PER_CLIENT_MAX ||
		(quota->n_guests > 0 && wl_list_length(&manager->guests) >= GP_GUESTS_MAX)) {
		wl_resource_post_error(resource, GUEST_SCANOUT_MANAGER_V1_ERROR_TOO_MANY_GUESTS,
			"the client has %zu guests, which is the limit", quota->n_guests);
	} else if (take_name(manager, resource, name)) {
		gp_guest_v1_create(manager, resource, id, name, uuid->data, quota);
	}
	gp_quota_unref(quota);
}

static const struct guest_scanout_manager_v1_interface manager_impl = {
	.destroy = manager_handle_destroy,
	.create_guest = manager_handle_create_guest,
};

static void send_format(void *data, uint32_t format, uint64_t modifier) {
	guest_scanout_manager_v1_send_format(data, format, modifier >> 32, modifier & UINT32_MAX);
}

static void send_batch(struct gp_guest_manager *manager, struct wl_resource *resource) {
	dev_t device;
	if (gp_importer_main_device(&manager->importer, &device)) {
		struct wl_array array = {
			.size = sizeof(device), .alloc = sizeof(device), .data = &device};
		guest_scanout_manager_v1_send_main_device(resource, &array);
	}
	guest_scanout_manager_v1_send_capabilities(
		resource, gp_importer_capabilities(&manager->importer));
	gp_importer_for_each_format(&manager->importer, send_format, resource);
	guest_scanout_manager_v1_send_done(resource);
}

static void manager_bind(struct wl_client *client, void *data, uint32_t version, uint32_t id) {
	struct wl_resource *resource =
		wl_resource_create(client, &guest_scanout_manager_v1_interface, version, id);
	if (resource == NULL) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &manager_impl, data, NULL);
	send_batch(data, resource);
}

bool gp_guest_manager_v1_init(struct gp_guest_manager *manager, struct wl_display *display) {
	gp_guest_wl_buffer_register();
	manager->global = wl_global_create(display, &guest_scanout_manager_v1_interface,
		MANAGER_VERSION, manager, manager_bind);
	if (manager->global == NULL) {
		gp_error("cannot make the global guest_scanout_manager_v1");
		return false;
	}
	return true;
}

void gp_guest_manager_v1_finish(struct gp_guest_manager *manager) {
	if (manager->global != NULL) {
		wl_global_destroy(manager->global);
		manager->global = NULL;
	}
}
