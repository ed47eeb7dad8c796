#include "client/registry.h"

#include <string.h>
#include <wayland-client.h>

#include "client/guest_scanout.h"
#include "common/log.h"
#include "guest-scanout-v1-client-protocol.h"
#include "viewporter-client-protocol.h"

/* damage_buffer */
#define COMPOSITOR_VERSION 4

static void handle_main_device(
	void *data, struct guest_scanout_manager_v1 *manager, struct wl_array *device) {
	/* Where a GPU imports matters for device memory only. */
}

static void handle_capabilities(
	void *data, struct guest_scanout_manager_v1 *manager, uint32_t capabilities) {
	gp_debug("the compositor's capabilities: %#x", capabilities);
}

static void handle_format(void *data, struct guest_scanout_manager_v1 *manager, uint32_t format,
	uint32_t modifier_hi, uint32_t modifier_lo) {
	/* imported or failed decides. */
}

static void handle_done(void *data, struct guest_scanout_manager_v1 *manager) {
	struct gp_client_registry *registry = data;
	if (registry->ready) {
		registry->events->changed(registry->data);
		return;
	}
	registry->ready = true;
	registry->logged_missing = false;
	registry->events->ready(registry->data);
}

static const struct guest_scanout_manager_v1_listener manager_listener = {
	.main_device = handle_main_device,
	.capabilities = handle_capabilities,
	.format = handle_format,
	.done = handle_done,
};

static void handle_global(void *data, struct wl_registry *proxy, uint32_t name,
	const char *interface, uint32_t version) {
	struct gp_client_registry *registry = data;
	if (strcmp(interface, wl_compositor_interface.name) == 0 && registry->compositor == NULL &&
		version >= COMPOSITOR_VERSION) {
		registry->compositor =
			wl_registry_bind(proxy, name, &wl_compositor_interface, COMPOSITOR_VERSION);
	} else if (strcmp(interface, wp_viewporter_interface.name) == 0 &&
		registry->viewporter == NULL) {
		registry->viewporter = wl_registry_bind(proxy, name, &wp_viewporter_interface, 1);
	} else if (strcmp(interface, guest_scanout_manager_v1_interface.name) == 0 &&
		registry->manager == NULL) {
		registry->manager =
			wl_registry_bind(proxy, name, &guest_scanout_manager_v1_interface, 1);
		if (registry->manager != NULL) {
			guest_scanout_manager_v1_add_listener(
				registry->manager, &manager_listener, registry);
		}
	} else {
		registry->events->global(registry->data, proxy, name, interface, version);
	}
}

static void handle_global_remove(void *data, struct wl_registry *proxy, uint32_t name) {
}

static const struct wl_registry_listener registry_listener = {
	.global = handle_global,
	.global_remove = handle_global_remove,
};

static void handle_sync(void *data, struct wl_callback *callback, uint32_t serial) {
	struct gp_client_registry *registry = data;
	wl_callback_destroy(registry->sync);
	registry->sync = NULL;
	if (registry->manager != NULL && registry->compositor != NULL) {
		return; // handle_done follows
	}
	if (!registry->logged_missing) {
		gp_error("%s is not a bridge socket: the compositor there offers no %s to this "
			 "client",
			registry->connection->options->socket,
			registry->manager == NULL ? guest_scanout_manager_v1_interface.name
						  : "wl_compositor of version 4");
		registry->logged_missing = true;
	}
	gp_client_connection_fail(registry->connection);
}

static const struct wl_callback_listener sync_listener = {
	.done = handle_sync,
};

bool gp_client_registry_start(struct gp_client_registry *registry, struct wl_display *display) {
	registry->proxy = wl_display_get_registry(display);
	registry->sync = wl_display_sync(display);
	if (registry->proxy == NULL || registry->sync == NULL) {
		gp_client_registry_stop(registry);
		return false;
	}
	wl_registry_add_listener(registry->proxy, &registry_listener, registry);
	wl_callback_add_listener(registry->sync, &sync_listener, registry);
	return true;
}

void gp_client_registry_stop(struct gp_client_registry *registry) {
	registry->ready = false;
#define DESTROY(member, destroy)                                                                   \
	do {                                                                                       \
		if (registry->member != NULL) {                                                    \
			destroy(registry->member);                                                 \
			registry->member = NULL;                                                   \
		}                                                                                  \
	} while (0)
	DESTROY(manager, guest_scanout_manager_v1_destroy);
	DESTROY(viewporter, wp_viewporter_destroy);
	DESTROY(compositor, wl_compositor_destroy);
	DESTROY(sync, wl_callback_destroy);
	DESTROY(proxy, wl_registry_destroy);
#undef DESTROY
}
