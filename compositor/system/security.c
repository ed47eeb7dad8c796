#include "compositor/system/security.h"

#include <stddef.h>
#include <string.h>
#include <wlr/types/wlr_security_context_v1.h>

#include "common/log.h"
#include "compositor/config/client_grant.h"
#include "compositor/system/bridge_client.h"
#include "compositor/system/client_socket.h"

/* Beside enum gp_permission. */
#define BRIDGE (UINT32_C(1) << 31)
#define CLIENT (UINT32_C(1) << 30) // confined or not
#define UNCONFINED (UINT32_C(1) << 29)

/*
 * Buffers of bridges come from blobs alone. Others know no quota, and a wl_shm file that shrinks
 * while it is handed on to a parent compositor would cost us the connection there, and all guests.
 */
static const struct {
	const char *interface;
	uint32_t seen_by;
} globals[] = {
	{"guest_scanout_manager_v1", BRIDGE},
	{"wp_linux_drm_syncobj_manager_v1", BRIDGE},
	{"zwp_pointer_constraints_v1", BRIDGE},
	{"zwp_relative_pointer_manager_v1", BRIDGE},
	{"zwp_tablet_manager_v2", BRIDGE},

	{"wl_compositor", BRIDGE | CLIENT},
	{"wl_fixes", BRIDGE | CLIENT},
	{"wl_output", BRIDGE | CLIENT},
	{"wl_seat", BRIDGE | CLIENT},
	{"wp_presentation", BRIDGE | CLIENT},
	{"wp_viewporter", BRIDGE | CLIENT},

	{"wl_shm", CLIENT},
	{"wl_subcompositor", CLIENT},
	{"wp_single_pixel_buffer_manager_v1", CLIENT},
	{"zwp_linux_dmabuf_v1", CLIENT},
	{"zxdg_output_manager_v1", CLIENT},

	{"wp_security_context_manager_v1", UNCONFINED},

	{"ext_foreign_toplevel_image_capture_source_manager_v1", GP_PERMISSION_CAPTURE},
	{"ext_image_copy_capture_manager_v1", GP_PERMISSION_CAPTURE},
	{"ext_output_image_capture_source_manager_v1", GP_PERMISSION_CAPTURE},
	{"zwlr_screencopy_manager_v1", GP_PERMISSION_CAPTURE},

	{"zwlr_virtual_pointer_manager_v1", GP_PERMISSION_INPUT},
	{"zwp_virtual_keyboard_manager_v1", GP_PERMISSION_INPUT},

	{"zwlr_output_manager_v1", GP_PERMISSION_OUTPUTS},
	{"zwlr_output_power_manager_v1", GP_PERMISSION_POWER},
	{"ext_idle_notifier_v1", GP_PERMISSION_IDLE},

	{"ext_foreign_toplevel_list_v1", GP_PERMISSION_TOPLEVELS},
	{"zwlr_foreign_toplevel_manager_v1", GP_PERMISSION_TOPLEVELS},
};

bool gp_security_shows(enum gp_client_kind kind, uint32_t permissions, const char *interface) {
	static const uint32_t kinds[] = {
		[GP_CLIENT_KIND_BRIDGE] = BRIDGE,
		[GP_CLIENT_KIND_ORDINARY] = CLIENT | UNCONFINED,
		[GP_CLIENT_KIND_CONFINED] = CLIENT,
	};
	uint32_t is = kinds[kind] | (kind == GP_CLIENT_KIND_ORDINARY ? permissions : 0);
	for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
		if (strcmp(globals[i].interface, interface) == 0) {
			return (globals[i].seen_by & is) != 0;
		}
	}
	return false;
}

/* Whoever came neither by a bridge socket nor by a client socket came by one that a client made. */
static enum gp_client_kind get_kind(const struct wl_client *client, uint32_t *permissions) {
	const struct gp_client_socket *socket = gp_client_socket_of_client(client);
	*permissions = socket != NULL ? socket->permissions : 0;
	if (gp_bridge_client_try_from(client) != NULL) {
		return GP_CLIENT_KIND_BRIDGE;
	}
	return socket != NULL ? GP_CLIENT_KIND_ORDINARY : GP_CLIENT_KIND_CONFINED;
}

static bool filter_global(
	const struct wl_client *client, const struct wl_global *global, void *data) {
	uint32_t permissions;
	enum gp_client_kind kind = get_kind(client, &permissions);
	return gp_security_shows(kind, permissions, wl_global_get_interface(global)->name);
}

static void handle_check(void *data) {
	struct gp_security *security = data;
	struct wl_list *link, *next, *clients = wl_display_get_client_list(security->display);
	size_t n = 0;
	security->check = NULL;
	for (link = clients->next; link != clients; link = next) {
		struct wl_client *client = wl_client_from_link(link);
		uint32_t permissions;
		next = link->next;
		if (get_kind(client, &permissions) == GP_CLIENT_KIND_CONFINED &&
			++n > GP_CONFINED_CLIENTS_MAX) {
			gp_warn("a confined client is disconnected: there are too many");
			wl_client_destroy(client);
		}
	}
}

/* Later: the socket that it came by is not known yet, and who makes it goes on to use it. */
static void handle_client_created(struct wl_listener *listener, void *data) {
	struct gp_security *security = wl_container_of(listener, security, client_created);
	if (security->check == NULL) {
		security->check = wl_event_loop_add_idle(
			wl_display_get_event_loop(security->display), handle_check, security);
	}
}

bool gp_security_init(struct gp_security *security, struct wl_display *display) {
	security->display = display;
	wl_display_set_global_filter(display, filter_global, NULL);
	security->client_created.notify = handle_client_created;
	wl_display_add_client_created_listener(display, &security->client_created);
	return wlr_security_context_manager_v1_create(display) != NULL;
}

void gp_security_finish(struct gp_security *security) {
	if (security->display == NULL) {
		return;
	}
	wl_list_remove(&security->client_created.link);
	if (security->check != NULL) {
		wl_event_source_remove(security->check);
		security->check = NULL;
	}
	security->display = NULL;
}
